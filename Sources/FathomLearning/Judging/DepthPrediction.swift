import FathomCore
import FathomDepth

/// What a network or somebody's file says of one picture's depth, at a size of its own.
public struct DepthPrediction: Sendable {
    /// Values in a row.
    public let width: Int
    /// Rows.
    public let height: Int
    /// `width * height` values, row by row.
    public let values: [Float]
    /// What they mean.
    public let kind: DepthKind

    /// Takes a map of `width * height` values.
    public init(width: Int, height: Int, values: [Float], kind: DepthKind) {
        precondition(width > 0 && height > 0, "a prediction has at least one value")
        precondition(values.count == width * height, "a prediction has width × height values")
        self.width = width
        self.height = height
        self.values = values
        self.kind = kind
    }

    /// Values that aren't depth: not finite, or for depth not above 0. They count as infinitely far.
    public var unusable: Int {
        values.reduce(0) { $0 + (Self.isUsable($1, kind) ? 0 : 1) }
    }

    private static func isUsable(_ value: Float, _ kind: DepthKind) -> Bool {
        value.isFinite && (kind == .inverseDepth || value > 0)
    }

    /// Inverse depth at another size: inverted where the values are depth, then resized, linear between the centres of
    /// pixels and without smoothing (as OpenCV's INTER_LINEAR, which publications use).
    public func inverseDepth(width newWidth: Int, height newHeight: Int) -> [Float] {
        let source = values.map { value -> Float in
            guard Self.isUsable(value, kind) else { return 0 }
            return kind == .inverseDepth ? value : 1 / max(value, .leastNormalMagnitude)
        }
        guard newWidth != width || newHeight != height else { return source }
        let across = ExpansionTable(source: width, count: newWidth)
        let down = ExpansionTable(source: height, count: newHeight)
        return [Float](unsafeUninitializedCapacity: newWidth * newHeight) { out, count in
            for y in 0..<newHeight {
                let top = Int(down.first[y]) * width
                let bottom = min(Int(down.first[y]) + 1, height - 1) * width
                let share = down.share[y]
                for x in 0..<newWidth {
                    let left = Int(across.first[x])
                    let right = min(left + 1, width - 1)
                    let part = across.share[x]
                    let above = source[top + left] * (1 - part) + source[top + right] * part
                    let below = source[bottom + left] * (1 - part) + source[bottom + right] * part
                    out[y * newWidth + x] = above * (1 - share) + below * share
                }
            }
            count = newWidth * newHeight
        }
    }
}

/// Whatever says how deep the pictures of a data set are: a network, a folder of files, a baseline.
public protocol DepthPredictor: AnyObject {
    /// What reports call it.
    var description: PredictorDescription { get }
    /// What the predictions mean, for all pictures.
    var kind: DepthKind { get }
    /// A picture that does not continue the one before follows: forget what was carried along.
    func beginClip()
    /// The prediction for a sample.
    func predict(_ sample: DepthSample) throws(FathomError) -> DepthPrediction
}

/// What a report says of where predictions come from.
public struct PredictorDescription: Hashable, Sendable, Codable {
    /// A network's name, a folder, a baseline's name.
    public var name: String
    /// `model`, `predictions` or `baseline`.
    public var source: String
    /// `fp32`, `bf16` or `int8`; nil for what isn't a network.
    public var precision: String?
    /// SHA-256 of the network's file; nil for what isn't a network.
    public var sha256: String?

    /// Describes a source of predictions.
    public init(name: String, source: String, precision: String? = nil, sha256: String? = nil) {
        self.name = name
        self.source = source
        self.precision = precision
        self.sha256 = sha256
    }
}

/// What knows nothing of the picture: what a network has to beat.
public final class BaselinePredictor: DepthPredictor {
    /// Which baseline.
    public enum Baseline: String, CaseIterable, Sendable {
        /// The same depth everywhere.
        case constant
        /// Inverse depth rises linearly from 0 at the top to 1 at the bottom.
        case gradient
    }

    private let baseline: Baseline
    /// Relative inverse depth.
    public var kind: DepthKind { .inverseDepth }

    /// A baseline.
    public init(_ baseline: Baseline) { self.baseline = baseline }

    /// The baseline's name.
    public var description: PredictorDescription {
        PredictorDescription(name: baseline.rawValue, source: "baseline")
    }

    /// Nothing is carried along.
    public func beginClip() {}

    /// A map of the picture's size.
    public func predict(_ sample: DepthSample) throws(FathomError) -> DepthPrediction {
        let (height, width) = (sample.picture.shape[1], sample.picture.shape[2])
        var values = [Float](repeating: 1, count: width * height)
        if baseline == .gradient {
            for place in values.indices {
                values[place] = Float(place / width) / Float(max(height - 1, 1))
            }
        }
        return DepthPrediction(width: width, height: height, values: values, kind: kind)
    }
}
