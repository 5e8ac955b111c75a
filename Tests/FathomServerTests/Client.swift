import Fathom
import Foundation
import Glibc

/// A client that sends exactly what it is told, however wrong, and waits a limited time.
final class Client {
    let descriptor: Int32

    struct Answer {
        var status: Int
        var headers: [String: String]
        var body: [UInt8]
        var text: String { String(decoding: body, as: UTF8.self) }
        func json() throws -> Any { try JSONSerialization.jsonObject(with: Data(body)) }
    }

    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    /// Connects to 127.0.0.1; a small `buffer` makes a reader whose slowness shows at once.
    init(_ port: Int, buffer: Int32? = nil) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        if var buffer {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &buffer, 4)
        }
        var patience = timeval(tv_sec: 20, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, size)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, size)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        inet_pton(AF_INET, "127.0.0.1", &address.sin_addr)
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0 else { throw Failure(description: String(cString: strerror(errno))) }
    }

    deinit { close(descriptor) }

    /// Sends all, or as much as the server takes.
    @discardableResult
    func send(_ bytes: [UInt8]) -> Int {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(
                    descriptor, $0.baseAddress?.advanced(by: sent), bytes.count - sent,
                    Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { break }
            sent += count
        }
        return sent
    }

    @discardableResult
    func send(_ text: String) -> Int { send(Array(text.utf8)) }

    func get(_ target: String, _ headers: String = "") {
        send("GET \(target) HTTP/1.1\r\nHost: localhost\r\n\(headers)\r\n")
    }

    /// Says that nothing more will be sent.
    func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Whatever comes next; empty at the end.
    func receive(_ most: Int = 65536) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: most)
        let count = recv(descriptor, &bytes, most, 0)
        if count < 0, errno == ECONNRESET { return [] }
        guard count >= 0 else { throw Failure(description: String(cString: strerror(errno))) }
        return Array(bytes[..<count])
    }

    /// Everything up to the connection's end.
    func receiveAll(most: Int = 64 << 20) throws -> [UInt8] {
        var all: [UInt8] = []
        while all.count < most {
            let next = try receive()
            if next.isEmpty { break }
            all += next
        }
        return all
    }

    private var pending: [UInt8] = []

    /// One answer with a length, or one whose body is the rest; what follows stays for the next call.
    func answer(withoutBody: Bool = false) throws -> Answer {
        let blank = Array("\r\n\r\n".utf8)
        var found: Int?
        while found == nil {
            found = pending.indices.first { pending[$0...].starts(with: blank) }
            if found != nil { break }
            let next = try receive()
            guard !next.isEmpty else {
                throw Failure(description: "the server closed after \(pending.count) bytes")
            }
            pending += next
        }
        let end = found ?? 0
        let head = String(decoding: pending[..<end], as: UTF8.self)
        pending.removeSubrange(..<(end + 4))
        let lines = head.components(separatedBy: "\r\n")
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
        }
        var body: [UInt8] = []
        if !withoutBody, let length = headers["content-length"].flatMap(Int.init) {
            while pending.count < length {
                let next = try receive()
                guard !next.isEmpty else { throw Failure(description: "the body is cut off") }
                pending += next
            }
            body = Array(pending[..<length])
            pending.removeSubrange(..<length)
        }
        return Answer(
            status: Int(lines[0].split(separator: " ")[1]) ?? 0, headers: headers, body: body)
    }

    /// Bytes that came behind the last answer's head, then those that follow.
    func next() throws -> [UInt8] {
        if !pending.isEmpty {
            defer { pending = [] }
            return pending
        }
        return try receive()
    }

    /// The next picture of an MJPEG stream whose head was read.
    func picture() throws -> [UInt8] {
        while true {
            let text = String(decoding: pending.prefix(400), as: UTF8.self)
            if let match = text.firstMatch(of: /Content-Length: (\d+)\r\n\r\n/),
                let length = Int(match.1)
            {
                // The head is ASCII: characters are bytes.
                let start = text.utf8.distance(from: text.startIndex, to: match.range.upperBound)
                if pending.count >= start + length {
                    let jpeg = Array(pending[start..<start + length])
                    pending.removeSubrange(..<(start + length))
                    return jpeg
                }
            }
            let next = try receive()
            guard !next.isEmpty else { throw Failure(description: "the stream ended") }
            pending += next
        }
    }
}
