import Fathom
import Foundation
import Synchronization

/// Where the signals' handler writes; a handler may do little more than that.
private let bell = Atomic<Int32>(-1)

/// Ctrl-C and SIGTERM: the first ends the work with a playable output, the second ends the program at once.
enum Interrupts {
    /// Turns signals into cancellation, and a closed pipe into an ordinary write error.
    ///
    /// Signals are handled rather than blocked and waited for: libraries have threads of their own, which don't
    /// block them, and the kernel would end the program through one of those.
    static func watch(_ cancellation: Cancellation) {
        signal(SIGPIPE, SIG_IGN)
        // A limit on the size of files is an ordinary write error, too.
        signal(SIGXFSZ, SIG_IGN)
        let pipe = Pipe()
        bell.store(pipe.fileHandleForWriting.fileDescriptor, ordering: .releasing)
        // A shell starts background jobs with the interrupt ignored; asked for by name, it still means the end.
        for number in [SIGINT, SIGTERM] {
            signal(number) { _ in
                let before = errno
                var byte: UInt8 = 1
                _ = write(bell.load(ordering: .acquiring), &byte, 1)
                errno = before
            }
        }
        // A program that starts this one may hand on a mask that blocks them.
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGINT)
        sigaddset(&signals, SIGTERM)
        pthread_sigmask(SIG_UNBLOCK, &signals, nil)
        Thread.detachNewThread {
            wait(for: pipe)
            cancellation.cancel()
            if Terminal.isInteractive {
                Terminal.error(
                    "\nstopping: what is under way is still written; Ctrl-C again ends at once")
            }
            wait(for: pipe)
            _exit(FathomError.Code.interrupted.rawValue)
        }
    }

    private static func wait(for pipe: Pipe) {
        var byte: UInt8 = 0
        while read(pipe.fileHandleForReading.fileDescriptor, &byte, 1) != 1 {}
    }
}
