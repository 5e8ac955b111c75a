import Foundation
import Synchronization

/// A program that listens on TCP and keeps what the first caller sends.
final class SocketReader: Sendable {
    let port: Int
    private let listener: Int32
    private let state = Mutex((data: Data(), connection: Int32(-1)))

    init() throws {
        port = freePort()
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var yes: Int32 = 1
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard bound == 0, listen(listener, 4) == 0 else {
            throw LivePart.Failure(description: "cannot listen on \(port)")
        }
        Thread.detachNewThread { [self] in read() }
    }

    deinit { close(listener) }

    private func read() {
        let connection = accept(listener, nil, nil)
        guard connection >= 0 else { return }
        state.withLock { $0.connection = connection }
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = recv(connection, &buffer, buffer.count, 0), count > 0 {
            state.withLock { $0.data += buffer[..<count] }
        }
        close(connection)
    }

    /// Everything that came.
    var received: Data { state.withLock { $0.data } }

    func wait(forBytes count: Int) -> Bool {
        Deadline(30).wait { state.withLock { $0.data.count >= count } }
    }

    /// Goes away in the middle, and listens no more.
    func leave() {
        shutdown(listener, Int32(SHUT_RDWR))
        let connection = state.withLock { $0.connection }
        if connection >= 0 { shutdown(connection, Int32(SHUT_RDWR)) }
    }
}
