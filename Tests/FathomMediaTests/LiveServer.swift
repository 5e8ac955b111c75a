import FathomCore
import Foundation
import Synchronization

/// A server of one test: listens on a free port of 127.0.0.1 and treats each client as the test says.
final class LiveServer: Sendable {
    let port: UInt16
    private let listener: Int32
    private let ended = Cancellation()
    private let threads = Mutex<[JoinedThread]>([])

    /// One connected client.
    struct Client: Sendable {
        let descriptor: Int32
        /// The first line of its request; empty when none came.
        let request: String
        let ended: Cancellation

        func send(_ text: String) { send(Array(text.utf8)) }

        func send(_ bytes: [UInt8]) {
            var sent = 0
            while sent < bytes.count, !ended.isCancelled {
                let count = bytes[sent...].withUnsafeBytes {
                    Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
                guard count > 0 else { return }
                sent += count
            }
        }

        /// Neither sends nor closes, until the test ends.
        func hang() { while !ended.isCancelled { usleep(10_000) } }
    }

    /// - Parameter readsRequest: whether a request of lines is awaited before `handle` gets the client.
    init(readsRequest: Bool = true, _ handle: @escaping @Sendable (Client) -> Void) {
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        port = Self.bind(listener)
        listen(listener, 8)
        let (listener, ended) = (listener, ended)
        let clients = Mutex<[JoinedThread]>([])
        let accepting = JoinedThread(name: "test-server") {
            while !ended.isCancelled {
                var waiting = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
                guard poll(&waiting, 1, 20) > 0 else { continue }
                let descriptor = accept(listener, nil, nil)
                guard descriptor >= 0 else { continue }
                let thread = JoinedThread(name: "test-client") {
                    let request = readsRequest ? Self.readRequest(descriptor, ended) : ""
                    handle(Client(descriptor: descriptor, request: request, ended: ended))
                    close(descriptor)
                }
                clients.withLock { $0.append(thread) }
            }
            for thread in clients.withLock({ $0 }) { thread.join() }
        }
        threads.withLock { $0.append(accepting) }
    }

    deinit {
        ended.cancel()
        for thread in threads.withLock({ $0 }) { thread.join() }
        close(listener)
    }

    /// Binds a socket to a free port of the loopback.
    static func bind(_ descriptor: Int32) -> UInt16 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = Glibc.bind(descriptor, $0, length)
                getsockname(descriptor, $0, &length)
            }
        }
        return UInt16(bigEndian: address.sin_port)
    }

    private static func readRequest(_ descriptor: Int32, _ ended: Cancellation) -> String {
        var bytes: [UInt8] = []
        while !ended.isCancelled, bytes.count < 65536 {
            var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&waiting, 1, 20) > 0 else { continue }
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { break }
            bytes += buffer[..<count]
            if String(decoding: bytes, as: UTF8.self).contains("\r\n\r\n") { break }
        }
        return String(decoding: bytes.prefix { $0 != 13 }, as: UTF8.self)
    }
}

/// Sends datagrams to a port of the loopback, a few at a time.
func sendDatagrams(_ bytes: [UInt8], to port: UInt16, size: Int = 1316) {
    let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    address.sin_port = port.bigEndian
    for start in stride(from: 0, to: bytes.count, by: size) {
        let piece = Array(bytes[start..<min(start + size, bytes.count)])
        withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = sendto(
                    descriptor, piece, piece.count, 0, $0,
                    socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        usleep(2000)
    }
}
