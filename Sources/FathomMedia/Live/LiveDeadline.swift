import FathomCore
import Synchronization

/// When FFmpeg has to give up what it is waiting in; asked by its interrupt callback, set before each call.
public final class LiveDeadline: Sendable {
    private let moment = Atomic<UInt64>(.max)
    private let interrupted = Atomic<Bool>(false)
    private let end = Atomic<UInt64>(.max)
    private let isCancelled: @Sendable () -> Bool

    /// No deadline yet; `isCancelled` ends everything at any time.
    public init(isCancelled: @escaping @Sendable () -> Bool = { false }) {
        self.isCancelled = isCancelled
    }

    /// Everything has to be over at this moment of the monotonic clock, whatever `allow` says; an earlier one stands.
    public func endAll(at nanoseconds: UInt64) {
        end.min(nanoseconds, ordering: .relaxed)
    }

    /// Allows what follows some seconds from now.
    func allow(seconds: Double) {
        let length = UInt64(max(0, min(seconds, 1e6)) * 1e9)
        moment.store(SystemClock.monotonicNanoseconds + length, ordering: .relaxed)
    }

    /// Allows nothing any more.
    func expire() { moment.store(0, ordering: .relaxed) }

    /// Whether the time is over.
    var hasPassed: Bool {
        let now = SystemClock.monotonicNanoseconds
        return now >= moment.load(ordering: .relaxed) || now >= end.load(ordering: .relaxed)
    }

    /// Whether the person ended the work.
    var wasCancelled: Bool { isCancelled() }

    /// Whether FFmpeg was told to give up; what it says after that is about that.
    var hasInterrupted: Bool { interrupted.load(ordering: .relaxed) }

    /// For FFmpeg.
    var interruption: Interruption {
        Interruption {
            guard self.hasPassed || self.wasCancelled else { return false }
            self.interrupted.store(true, ordering: .relaxed)
            return true
        }
    }
}
