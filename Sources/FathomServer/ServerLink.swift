import Synchronization

/// Where parts that are made before the server find it.
final class ServerLink: Sendable {
    private let held = Mutex<WeakServer>(WeakServer())

    private struct WeakServer {
        weak var server: HTTPServer?
    }

    var server: HTTPServer? {
        get { held.withLock { $0.server } }
        set { held.withLock { $0.server = newValue } }
    }
}
