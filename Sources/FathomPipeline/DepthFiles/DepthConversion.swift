import FathomCore
import FathomDepth

/// What depth files hold, as `--frames-as` names it.
public enum DepthFileKind: String, Hashable, Sendable, CaseIterable {
    /// Inverse depth: large is near.
    case inverse
    /// Depth along the optical axis.
    case depth
    /// Depth along the optical axis in metres.
    case metres
}

/// What turns a relative network's output into metres: a straight line, found by calibration.
///
/// `scale * value + shift` is one over metres for relative inverse depth, metres for relative depth.
public struct DepthCalibration: Hashable, Sendable {
    /// The factor.
    public var scale: Float
    /// What is added.
    public var shift: Float

    /// Makes a calibration of a factor and what is added after it.
    public init(scale: Float, shift: Float) {
        self.scale = scale
        self.shift = shift
    }
}

/// How a network's values become those of a file, without claiming more than is known.
///
/// Relative inverse depth has an unknown scale *and* shift: one over it is not depth. Such a conversion is
/// refused unless a calibration states both.
public struct DepthConversion: Hashable, Sendable {
    /// What comes out.
    public let kind: DepthKind
    /// Its unit.
    public let unit: DepthUnit
    private let calibration: DepthCalibration?
    private let isReciprocal: Bool

    /// A conversion of what a network gives to what was asked for.
    ///
    /// Without a wish: metres where they are known (a metric network, or a calibration), else as it is.
    public init(
        from source: DepthKind, to wanted: DepthFileKind?, calibration: DepthCalibration? = nil
    ) throws(FathomError) {
        let isMetric = source == .metres || calibration != nil
        let target = wanted ?? (isMetric ? .metres : source == .depth ? .depth : .inverse)
        let isInverse = source == .inverseDepth
        let keeps = target == .inverse ? isInverse : !isInverse
        guard isMetric || (keeps && target != .metres) else {
            throw FathomError(
                .usage, operation: "write", subject: "frames as \(target.rawValue)",
                cause: "the network gives relative \(isInverse ? "inverse depth" : "depth"), whose"
                    + " scale and shift are unknown",
                remedy: "Give --camera FILE from fathom calibrate, use a network that gives metres,"
                    + " or use --frames-as \(isInverse ? "inverse" : "depth")")
        }
        self.calibration = source == .metres ? nil : calibration
        isReciprocal = !keeps
        switch target {
        case .inverse: (kind, unit) = (.inverseDepth, isMetric ? .inverseMetres : .relative)
        case .depth, .metres:
            (kind, unit) = isMetric ? (.metres, .metres) : (.depth, .relative)
        }
    }

    /// Whether values come out as they go in.
    public var isIdentity: Bool { calibration == nil && !isReciprocal }

    /// One value converted; what has no finite positive inverse becomes NaN.
    public func convert(_ value: Float) -> Float {
        let known = calibration.map { $0.scale * value + $0.shift } ?? value
        guard isReciprocal else { return known }
        return known > 0 ? 1 / known : .nan
    }

    /// All values converted into memory of the same count.
    public func convert(
        _ values: UnsafeBufferPointer<Float>, into target: UnsafeMutableBufferPointer<Float>
    ) {
        precondition(values.count == target.count, "as many values come out as go in")
        for index in values.indices { target[index] = convert(values[index]) }
    }

    /// A range converted, its ends in order; nil where an end has no finite value.
    public func convert(_ range: ClosedRange<Float>) -> ClosedRange<Float>? {
        let ends = [convert(range.lowerBound), convert(range.upperBound)]
        guard ends[0].isFinite, ends[1].isFinite else { return nil }
        return min(ends[0], ends[1])...max(ends[0], ends[1])
    }
}
