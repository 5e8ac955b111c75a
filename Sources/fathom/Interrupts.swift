import Fathom
import Foundation
import Synchronization

/// Ctrl-C and SIGTERM: the first ends the work with a playable output, the second ends the program at once.
enum Interrupts {
    /// Turns signals into cancellation, and a closed pipe into an ordinary write error. Called before any thread starts.
    static func watch(_ cancellation: Cancellation) {
        signal(SIGPIPE, SIG_IGN)
        // A shell starts background jobs with the interrupt ignored; asked for by name, it still means the end.
        signal(SIGINT, SIG_DFL)
        signal(SIGTERM, SIG_DFL)
        // A limit on the size of files is an ordinary write error, too.
        signal(SIGXFSZ, SIG_IGN)
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGINT)
        sigaddset(&signals, SIGTERM)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        let watched = signals
        Thread.detachNewThread {
            var signals = watched
            var number: Int32 = 0
            sigwait(&signals, &number)
            cancellation.cancel()
            if Terminal.isInteractive {
                Terminal.error(
                    "\nstopping: what is under way is still written; Ctrl-C again ends at once")
            }
            sigwait(&signals, &number)
            _exit(FathomError.Code.interrupted.rawValue)
        }
    }
}
