import FathomCore
import Foundation

/// Follows the range of depth that the colours span, from frame to frame.
///
/// `scene` takes the 1st to 99th percentile of each frame and approaches it exponentially in time (not in
/// frames, so that the frame rate doesn't matter): quickly in a scene's first second, then slowly, a little
/// faster when values leave the range than when they leave room. Flat and black frames don't move it.
public struct DepthRangeTracker: Stateful, Sendable {
    /// How the range is chosen.
    public let mode: RangeMode
    private var current: DepthRange?
    private var sceneStart: Double = 0
    private var lastTime: Double = 0

    /// Seconds in which a settled range goes most of the way to a wider one.
    private static let widening = 1.5
    /// Seconds in which a settled range goes most of the way to a narrower one.
    private static let narrowing = 4.0
    /// A relief below this part of the depth's size is flat.
    private static let flatShare: Float = 0.02
    /// Room left beyond the percentiles on each side, as part of the range.
    private static let margin: Float = 0.03

    /// A tracker; `clip` needs the range of the first pass (`ClipHistogram.range`), the others ignore it.
    public init(mode: RangeMode, clipRange: DepthRange? = nil) {
        self.mode = mode
        switch mode {
        case .fixed(let minimum, let maximum):
            current = DepthRange(minimum: minimum, maximum: maximum)
        case .clip: current = clipRange
        case .scene, .frame: break
        }
    }

    /// The range for the next frame.
    ///
    /// - Parameters:
    ///   - map: the frame's depth, after temporal smoothing.
    ///   - seconds: the frame's time; may jump.
    ///   - isCut: whether the frame begins a scene.
    /// - Returns: the range, and `flat` if the frame has hardly any relief.
    public mutating func update(
        _ map: DepthMap, at seconds: Double, isCut: Bool
    ) -> (range: DepthRange, flags: DepthFlags) {
        let statistics = DepthStatistics(map)
        let size = max(abs(statistics.low), abs(statistics.high))
        let isFlat = statistics.high - statistics.low <= Self.flatShare * size
        let room = (statistics.high - statistics.low) * Self.margin
        let low = map.kind == .inverseDepth ? max(statistics.low - room, 0) : statistics.low - room
        let wanted =
            isFlat
            ? Self.around(statistics.median)
            : DepthRange(minimum: low, maximum: statistics.high + room)
        let flags: DepthFlags = isFlat ? .flat : []
        switch mode {
        case .fixed, .clip: return (current ?? wanted, flags)
        case .frame:
            current = wanted
            return (wanted, flags)
        case .scene:
            let range = approach(wanted, at: seconds, isCut: isCut, isFlat: isFlat)
            current = range
            return (range, flags)
        }
    }

    /// A range in which a flat map gets a middling colour.
    private static func around(_ value: Float) -> DepthRange {
        let half = max(abs(value) * 0.5, 1e-3)
        return DepthRange(minimum: value - half, maximum: value + half)
    }

    private mutating func approach(
        _ wanted: DepthRange, at seconds: Double, isCut: Bool, isFlat: Bool
    ) -> DepthRange {
        guard let range = current, !isCut else {
            sceneStart = seconds
            lastTime = seconds
            return wanted
        }
        let step = min(max(seconds - lastTime, 0), 1)
        lastTime = seconds
        if seconds < sceneStart { sceneStart = seconds }
        if isFlat { return range }
        let age = seconds - sceneStart
        func moved(_ from: Float, _ to: Float, isWider: Bool) -> Float {
            let settled = isWider ? Self.widening : Self.narrowing
            let constant = min(settled, 0.2 + age)
            return from + (to - from) * Float(1 - exp(-step / constant))
        }
        return DepthRange(
            minimum: moved(
                range.minimum, wanted.minimum, isWider: wanted.minimum < range.minimum),
            maximum: moved(
                range.maximum, wanted.maximum, isWider: wanted.maximum > range.maximum))
    }

    /// The current range and the times it rests on.
    public func saveState() -> [UInt8] {
        var writer = StateWriter(tag: "RANG", version: 1)
        writer.write(current != nil)
        writer.write(current?.minimum ?? 0)
        writer.write(current?.maximum ?? 0)
        writer.write(sceneStart)
        writer.write(lastTime)
        return writer.bytes
    }

    /// Takes up where `saveState` left off.
    public mutating func restoreState(_ bytes: [UInt8]) throws(FathomError) {
        var reader = try StateReader(bytes, tag: "RANG", version: 1)
        let isSet = try reader.readBool()
        let minimum = try reader.readFloat()
        let maximum = try reader.readFloat()
        let start = try reader.readDouble()
        let last = try reader.readDouble()
        try reader.finish()
        // A fixed range is what was asked for now, whatever it was then.
        if case .fixed = mode {
        } else {
            current = isSet ? DepthRange(minimum: minimum, maximum: maximum) : nil
        }
        sceneStart = start
        lastTime = last
    }
}
