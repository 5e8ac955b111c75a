import FathomCore
import FathomDepth
import Glibc

/// What is done to a picture's values before a network sees them, and undone for people.
public struct PictureNormalization: Hashable, Sendable {
    /// Those that have a name.
    public enum Name: String, Hashable, Sendable, CaseIterable {
        /// Mean 0 and deviation 1 over ImageNet's pictures.
        case imagenet
        /// −1…1.
        case unit
        /// 0…1 as stored.
        case none
    }

    /// Mean of red, green and blue in 0…1.
    public let mean: [Float]
    /// By what red, green and blue are divided.
    public let deviation: [Float]

    /// One that has a name.
    public init(_ name: Name) {
        switch name {
        case .imagenet: (mean, deviation) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
        case .unit: (mean, deviation) = ([0.5, 0.5, 0.5], [0.5, 0.5, 0.5])
        case .none: (mean, deviation) = ([0, 0, 0], [1, 1, 1])
        }
    }

    /// What a network's card says.
    public init(_ card: ModelCard) { (mean, deviation) = (card.mean, card.std) }

    /// A 3×H×W picture of 0…1, or N×3×H×W pictures, as a network gets them.
    public func normalized(_ picture: Tensor) -> Tensor {
        changed(picture) { value, channel in (value - mean[channel]) / deviation[channel] }
    }

    /// The inverse of `normalized(_:)`.
    public func restored(_ picture: Tensor) -> Tensor {
        changed(picture) { value, channel in value * deviation[channel] + mean[channel] }
    }

    private func changed(_ picture: Tensor, _ change: (Float, Int) -> Float) -> Tensor {
        let rank = picture.shape.rank
        precondition(rank >= 3 && picture.shape[rank - 3] == 3, "three planes a picture")
        let plane = picture.shape[rank - 1] * picture.shape[rank - 2]
        return Tensor(shape: picture.shape) { target in
            picture.withUnsafeBuffer { source in
                for start in 0..<picture.count / max(plane, 1) {
                    for pixel in start * plane..<(start + 1) * plane {
                        target[pixel] = change(source[pixel], start % 3)
                    }
                }
            }
        }
    }
}

/// What a network learns instead of metres.
public enum DepthTarget: String, Hashable, Sendable, CaseIterable {
    /// One over metres; 0 is infinitely far.
    case inverseDepth = "inverse-depth"
    /// Metres.
    case depth
    /// The natural logarithm of metres.
    case logDepth = "log-depth"

    /// The kind of a network's output that learnt it, for a model's metadata; log-depth is exported as metres.
    public var outputKind: DepthKind { self == .inverseDepth ? .inverseDepth : .metres }

    /// The target for metres, nil where it can't be learnt from: unknown (0), beyond the limits, or infinite where only
    /// inverse depth has a value for it.
    @inline(__always)
    public func value(metres: Float, within limits: ClosedRange<Float>) -> Float? {
        if metres == .infinity { return self == .inverseDepth ? 0 : nil }
        guard metres > 0, limits.contains(metres) else { return nil }
        switch self {
        case .inverseDepth: return 1 / metres
        case .depth: return metres
        case .logDepth: return logf(metres)
        }
    }

    /// Metres for what a network gave; inverse depth of 0 and less is infinitely far.
    @inline(__always)
    public func metres(_ value: Float) -> Float {
        switch self {
        case .inverseDepth: value > 0 ? 1 / value : .infinity
        case .depth: value
        case .logDepth: expf(value)
        }
    }

    /// Targets and where they are known (both 1×H×W) for H×W metres.
    public func prepared(
        _ depth: Tensor, within limits: ClosedRange<Float>
    ) -> (target: Tensor, valid: Tensor) {
        let shape: Shape = [1, depth.shape[0], depth.shape[1]]
        let valid = Tensor(shape: shape)
        let target = Tensor(shape: shape)
        depth.withUnsafeBuffer { source in
            target.withUnsafeMutableBuffer { values in
                valid.withUnsafeMutableBuffer { known in
                    for index in source.indices {
                        guard let value = value(metres: source[index], within: limits) else {
                            continue
                        }
                        values[index] = value
                        known[index] = 1
                    }
                }
            }
        }
        return (target, valid)
    }
}
