import FathomCore

/// Makes the times of a stream's frames strictly rising with the least change.
///
/// Frames without a time get the one that follows from the frame before; a time that is not later than the
/// frame before is moved one tick behind it; a jump backwards by more than a second (a counter that was
/// reset) or forwards by more than six hours moves all that follows, so that it goes on without a gap.
struct TimestampRepair {
    /// Frames whose time was missing.
    private(set) var missing = 0
    /// Frames whose time repeated or went back a little.
    private(set) var disordered = 0
    /// Resets of the counter.
    private(set) var jumps = 0

    private let timeBase: Rational
    /// Length of a frame in ticks, as an exact ratio, where the container doesn't say it of each frame.
    private let nominal: Rational
    private var last: Int64?
    private var lastDuration: Int64 = 0
    private var offset: Int64 = 0
    /// Consecutive frames without a time, counted from `anchor`: no error adds up.
    private var anchor: Int64 = 0
    private var sinceAnchor: Int64 = 0

    init(timeBase: Rational, frameRate: Rational?) {
        self.timeBase = timeBase
        let rate = frameRate ?? Rational(25, 1)
        // Ticks a frame = 1 / (rate · time base).
        nominal = Rational(
            rate.denominator &* timeBase.denominator, rate.numerator &* timeBase.numerator)
    }

    /// The time to use for the next frame.
    mutating func repair(_ given: Int64?, duration: Int64) -> Int64 {
        defer { lastDuration = duration }
        guard let given else {
            missing += 1
            return predict()
        }
        var value = given &+ offset
        if let last {
            let step = Timestamp(value &- last, timeBase).seconds
            if step < -1 || step > 6 * 3600 {
                jumps += 1
                let (resumed, overflow) = last.addingReportingOverflow(
                    lastDuration > 0 ? lastDuration : nominalTicks(1))
                value = overflow ? last : resumed
                offset = value &- given
            }
            if value <= last {
                disordered += 1
                value = last &+ 1
            }
        }
        accept(value)
        anchor = value
        sinceAnchor = 0
        return value
    }

    private mutating func predict() -> Int64 {
        guard let last else {
            accept(0)
            return 0
        }
        sinceAnchor += 1
        let value = max(anchor &+ nominalTicks(sinceAnchor), last &+ 1)
        accept(value)
        return value
    }

    private mutating func accept(_ value: Int64) { last = value }

    private func nominalTicks(_ frames: Int64) -> Int64 {
        guard nominal.numerator > 0, nominal.denominator > 0 else { return frames }
        let scaled = Double(frames) * nominal.value
        return scaled < Double(Int64.max / 2) ? Int64(scaled.rounded()) : frames
    }

    /// One sentence about what was changed; nil when nothing was.
    var warning: String? {
        var parts: [String] = []
        if missing > 0 { parts.append("\(missing) frames had no time stamp") }
        if disordered > 0 { parts.append("\(disordered) time stamps repeated or went back") }
        if jumps > 0 { parts.append("the clock jumped \(jumps) times") }
        return parts.isEmpty ? nil : parts.joined(separator: ", ") + ": repaired"
    }
}
