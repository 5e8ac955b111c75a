import FathomCore

/// Which frames of a recording are used: `--start`, `--duration`, `--every`.
struct FrameSelector {
    enum Choice {
        /// The frame is used.
        case use
        /// The frame is left out because it was asked for.
        case skip
        /// This frame and all that follow are left out.
        case stop
    }

    /// First moment that is used, on the source's own clock.
    let first: Timestamp?
    /// First moment that is no longer used.
    let end: Timestamp?
    private let every: Int
    private var count = 0

    /// `origin` is the moment at which the recording begins on its own clock.
    init(start: Timestamp?, duration: Timestamp?, every: Int?, origin: Timestamp) {
        let base = MediaTime.timeBase
        let begin = origin.rescaled(to: base).value
        first = start.map { Timestamp(begin + $0.value, base) }
        end = duration.map { Timestamp(begin + (start?.value ?? 0) + $0.value, base) }
        self.every = max(1, every ?? 1)
    }

    mutating func choose(_ time: Timestamp) -> Choice {
        if let first, time < first { return .skip }
        if let end, time >= end { return .stop }
        defer { count += 1 }
        return count % every == 0 ? .use : .skip
    }
}
