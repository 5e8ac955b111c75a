import Glibc

/// A named thread for blocking work; it has to be joined before its owner lets go of it.
public final class JoinedThread: @unchecked Sendable {
    // Sendable: `handle` is written once in `init`; `isJoined` is touched by the owner alone.

    private var handle = pthread_t()
    private var isJoined = false

    private final class Work {
        let name: String
        let body: @Sendable () -> Void
        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    /// Starts `body` on a thread of its own; `name` shows in debuggers (15 bytes at most are kept).
    public init(name: String, _ body: @escaping @Sendable () -> Void) {
        let work = Unmanaged.passRetained(Work(name: name, body: body))
        let status = pthread_create(
            &handle, nil,
            { argument in
                guard let argument else { return nil }
                let work = Unmanaged<Work>.fromOpaque(argument).takeRetainedValue()
                nameCurrentThread(work.name)
                work.body()
                return nil
            }, work.toOpaque())
        precondition(status == 0, "the system gives no more threads")
    }

    /// Waits until the work has ended.
    public func join() {
        guard !isJoined else { return }
        pthread_join(handle, nil)
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
