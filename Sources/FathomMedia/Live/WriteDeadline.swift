import FathomCore
import Synchronization

/// When what is under way has to be over: FFmpeg's interrupt callback asks it while a server keeps it waiting.
public final class WriteDeadline: Sendable {
    private let step = Atomic<UInt64>(.max)
    private let end = Atomic<UInt64>(.max)

    /// Nothing ends.
    public init() {}

    /// The next open, write or close may take `seconds`.
    func allow(seconds: Double) {
        let now = SystemClock.monotonicNanoseconds
        step.store(now &+ UInt64(max(0, seconds) * 1e9), ordering: .releasing)
    }

    /// Everything has to be over at this moment of the monotonic clock; an earlier one stands.
    public func endAll(at nanoseconds: UInt64) {
        end.min(nanoseconds, ordering: .acquiringAndReleasing)
    }

    /// Whether it is too late to go on.
    public var hasPassed: Bool {
        let now = SystemClock.monotonicNanoseconds
        return now >= step.load(ordering: .acquiring) || isEnding(at: now)
    }

    /// Whether the end of everything has come, not of one step.
    var hasEnded: Bool { isEnding(at: SystemClock.monotonicNanoseconds) }

    private func isEnding(at now: UInt64) -> Bool { now >= end.load(ordering: .acquiring) }
}
