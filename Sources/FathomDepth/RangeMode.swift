import FathomCore

/// How the range of depth that the colours span is chosen.
public enum RangeMode: Hashable, Sendable, CustomStringConvertible {
    /// A slow robust range, begun anew at each cut.
    case scene
    /// One range for the whole clip, from a first pass over it.
    case clip
    /// The range of each frame by itself.
    case frame
    /// The given range.
    case fixed(minimum: Float, maximum: Float)

    /// Reads `scene`, `clip`, `frame` or `fixed:MIN:MAX`.
    public static func parse(_ text: String) throws(FathomError) -> RangeMode {
        func error(_ cause: String, _ remedy: String) -> FathomError {
            FathomError(
                .usage, operation: "use", subject: "range '\(text)'", cause: cause, remedy: remedy)
        }
        switch text {
        case "scene": return .scene
        case "clip": return .clip
        case "frame": return .frame
        default: break
        }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts[0] == "fixed" else {
            throw error("it is no mode of range", "Use scene, clip, frame or fixed:MIN:MAX")
        }
        guard parts.count == 3, let minimum = Float(String(parts[1])),
            let maximum = Float(String(parts[2])), minimum.isFinite, maximum.isFinite
        else {
            throw error("a fixed range has two numbers", "For example fixed:0.1:3")
        }
        guard minimum < maximum else {
            throw error("the minimum is not below the maximum", "For example fixed:0.1:3")
        }
        return .fixed(minimum: minimum, maximum: maximum)
    }

    /// As `parse` reads it.
    public var description: String {
        switch self {
        case .scene: "scene"
        case .clip: "clip"
        case .frame: "frame"
        case .fixed(let minimum, let maximum): "fixed:\(minimum):\(maximum)"
        }
    }

    /// The mode's name in reports.
    public var name: String {
        if case .fixed = self { "fixed" } else { description }
    }
}

/// An interval of depth; the minimum is always below the maximum, and both are finite.
public struct DepthRange: Hashable, Sendable {
    /// The lower end, in the map's own numbers.
    public let minimum: Float
    /// The upper end, in the map's own numbers.
    public let maximum: Float

    /// A range; anything empty, reversed or not finite is made the nearest valid one.
    public init(minimum: Float, maximum: Float) {
        let low = minimum.isFinite ? min(max(minimum, -1e30), 1e30) : 0
        let high = maximum.isFinite ? min(max(maximum, -1e30), 1e30) : low
        self.minimum = low
        self.maximum = max(high, low + max(abs(low) * 1e-4, 1e-6))
    }

    /// Maximum - minimum; positive.
    public var width: Float { maximum - minimum }
}
