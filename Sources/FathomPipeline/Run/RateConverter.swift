import FathomCore
import FathomMedia

/// Gives frames a constant rate: each moment shows the frame that the source shows then.
struct RateConverter {
    /// Frames that got no moment of their own.
    private(set) var skipped = 0
    /// Moments that show a frame once more.
    private(set) var repeated = 0
    private let timeBase: Rational
    private var next: Int64 = 0
    private var origin: Timestamp?
    private var pending: VideoFrame?
    private var pendingUses = 0

    /// `rate` in frames a second.
    init(rate: Rational) { timeBase = rate.inverse }

    /// Takes the next frame of the source; gives the output's frames that come before it.
    mutating func push(_ frame: VideoFrame) -> [VideoFrame] {
        if origin == nil { origin = frame.timestamp.rescaled(to: timeBase) }
        let frames = emit(before: frame.timestamp)
        if pending != nil && pendingUses == 0 { skipped += 1 }
        pending = frame
        pendingUses = 0
        return frames
    }

    /// The output's last frames: the last picture is shown at least once, for as long as it lasts.
    mutating func finish() -> [VideoFrame] {
        guard let frame = pending else { return [] }
        var end = frame.timestamp
        end.value += max(frame.duration, 1)
        var frames = emit(before: end, isLast: true)
        if frames.isEmpty && pendingUses == 0 { frames = [take(frame)] }
        pending = nil
        return frames
    }

    /// The end of the last picture is rounded to the rate; all other limits are a frame's exact time.
    private mutating func emit(before limit: Timestamp, isLast: Bool = false) -> [VideoFrame] {
        guard let frame = pending else { return [] }
        var frames: [VideoFrame] = []
        while (isLast ? middle(next) : slot(next)) < limit { frames.append(take(frame)) }
        return frames
    }

    private mutating func take(_ frame: VideoFrame) -> VideoFrame {
        defer { next += 1 }
        if pendingUses > 0 { repeated += 1 }
        pendingUses += 1
        return frame.retimed(to: slot(next), duration: 1)
    }

    private func middle(_ number: Int64) -> Timestamp {
        Timestamp(
            2 * ((origin?.value ?? 0) + number) + 1,
            Rational(timeBase.numerator, timeBase.denominator * 2))
    }

    private func slot(_ number: Int64) -> Timestamp {
        Timestamp((origin?.value ?? 0) + number, timeBase)
    }
}
