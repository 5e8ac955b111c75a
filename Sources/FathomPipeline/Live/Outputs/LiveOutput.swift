import FathomCore
import Synchronization

/// One place where a live source's frames or packets go.
protocol LiveOutput: AnyObject, Sendable {
    /// Begins to work, on threads of its own.
    func start()

    /// The feed has ended: what is under way may take until this moment of the monotonic clock.
    func end(by deadline: UInt64)

    /// Waits for the end, until `deadline` at most, and says what was written.
    func join(by deadline: UInt64) -> [RunReport.Output]
}

/// The threads of one output, and their end.
final class OutputThreads: Sendable {
    private struct State {
        var threads: [JoinedThread] = []
        var isEnding = false
    }
    private let state = Mutex(State())
    private let change = Condition()

    /// Starts a thread.
    func start(_ name: String, _ body: @escaping @Sendable () -> Void) {
        let thread = JoinedThread(name: name, body)
        state.withLock { $0.threads.append(thread) }
    }

    /// Whether the end was asked for.
    var isEnding: Bool { state.withLock { $0.isEnding } }

    /// Asks for the end: threads that pause are woken.
    func end() {
        state.withLock { $0.isEnding = true }
        change.withLock { change.wakeAll() }
    }

    /// Waits some seconds, less when the end is asked for.
    func pause(seconds: Double) {
        let end = SystemClock.monotonicNanoseconds + UInt64(max(0, seconds) * 1e9)
        change.withLock {
            while !isEnding {
                let now = SystemClock.monotonicNanoseconds
                guard now < end else { return }
                change.wait(seconds: Double(end - now) / 1e9)
            }
        }
    }

    /// Waits for the threads until a moment of the monotonic clock; lets go of those that go on.
    ///
    /// - Returns: whether all have ended.
    @discardableResult
    func join(by deadline: UInt64) -> Bool {
        var hasEnded = true
        // One after the other, since a thread may start another one until it ends.
        while let thread = state.withLock({ $0.threads.popLast() }) {
            let now = SystemClock.monotonicNanoseconds
            if !thread.join(seconds: Double(deadline - min(now, deadline)) / 1e9) {
                thread.abandon()
                hasEnded = false
            }
        }
        return hasEnded
    }

    deinit { state.withLock { $0.threads.forEach { $0.abandon() } } }
}
