import Glibc

/// A named thread for blocking work; it has to be joined before its owner lets go of it.
public final class JoinedThread: @unchecked Sendable {
    // Sendable: `handle` is written once in `init`; `isJoined` is touched by the owner alone.

    private var handle = pthread_t()
    private var isJoined = false
    private let work: Work

    private final class Work: @unchecked Sendable {
        // Sendable: `hasEnded` is guarded by `ending`.
        let name: String
        let body: @Sendable () -> Void
        let ending = Condition()
        var hasEnded = false
        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    /// Starts `body` on a thread of its own; `name` shows in debuggers (15 bytes at most are kept).
    public init(name: String, _ body: @escaping @Sendable () -> Void) {
        work = Work(name: name, body: body)
        let status = pthread_create(
            &handle, nil,
            { argument in
                guard let argument else { return nil }
                let work = Unmanaged<Work>.fromOpaque(argument).takeRetainedValue()
                nameCurrentThread(work.name)
                work.body()
                work.ending.withLock {
                    work.hasEnded = true
                    work.ending.wakeAll()
                }
                return nil
            }, Unmanaged.passRetained(work).toOpaque())
        precondition(status == 0, "the system gives no more threads")
    }

    /// Waits until the work has ended.
    public func join() {
        guard !isJoined else { return }
        pthread_join(handle, nil)
        isJoined = true
    }

    /// Waits at most `seconds` for the end of the work.
    ///
    /// - Returns: `false` when it goes on: join it later, or `abandon()` it.
    public func join(seconds: Double) -> Bool {
        guard !isJoined else { return true }
        let deadline = SystemClock.monotonicNanoseconds + UInt64(max(0, seconds) * 1e9)
        let hasEnded = work.ending.withLock { () -> Bool in
            while !work.hasEnded {
                let now = SystemClock.monotonicNanoseconds
                guard now < deadline else { return false }
                work.ending.wait(seconds: Double(deadline - now) / 1e9)
            }
            return true
        }
        if hasEnded { join() }
        return hasEnded
    }

    /// Lets go of a thread that sits in a call which nothing can end, such as the look-up of a host's name;
    /// what it holds stays until the call returns, or the program ends.
    public func abandon() {
        guard !isJoined else { return }
        pthread_detach(handle)
        isJoined = true
    }

    deinit { precondition(isJoined, "a thread was let go of without being joined") }
}

/// Names the calling thread by the kernel's file for it (pthread_setname_np is not imported into Swift).
private func nameCurrentThread(_ name: String) {
    let file = open("/proc/thread-self/comm", O_WRONLY)
    guard file >= 0 else { return }
    let bytes = Array(name.utf8.prefix(15))
    _ = write(file, bytes, bytes.count)
    close(file)
}
