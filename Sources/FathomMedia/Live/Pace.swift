import CFFmpeg
import FathomCore
import Glibc

/// Holds packets until their time by their own clock: a recording, or a playlist whose segments come all at once.
final class Pace {
    private let isCancelled: @Sendable () -> Bool
    /// A moment of the media's clock in seconds, and the moment of the monotonic clock that it belongs to.
    private var anchor: (media: Double, moment: UInt64)?
    private var last = 0.0

    /// A pace that begins with the first packet.
    init(isCancelled: @escaping @Sendable () -> Bool) { self.isCancelled = isCancelled }

    /// Waits for a packet's time; returns that moment.
    func hold(_ packet: Packet, _ address: LiveAddress) throws(LiveFailure) -> UInt64 {
        let now = SystemClock.monotonicNanoseconds
        guard let time = (packet.decodingTime ?? packet.timestamp)?.seconds,
            abs(time) < 1e9
        else { return now }
        defer { last = time }
        guard let anchor, time > last - 1, time < last + 10 else {
            self.anchor = (time, now)
            return now
        }
        let due = anchor.moment &+ UInt64(max(0, time - anchor.media) * 1e9)
        if now > due + 1_000_000_000 {
            // The source, or the one who reads, was away: go on from here instead of running after it.
            self.anchor = (time, now)
            return now
        }
        while true {
            if isCancelled() {
                throw LiveFailure(.interrupted, "read", address, cause: "it was interrupted")
            }
            let left = Int64(due) - Int64(SystemClock.monotonicNanoseconds)
            if left <= 0 { return max(due, now) }
            usleep(UInt32(min(left / 1000 + 1, 50_000)))
        }
    }
}
