import FathomCore
import Glibc

/// Where the server listens: a numeric address, or `localhost`, and a port.
struct ServerAddress: Equatable, Sendable {
    /// An IPv4 or IPv6 address in numbers, without brackets.
    var host: String
    /// 0 lets the system choose.
    var port: Int

    /// Reads `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080` or `:8080`, which means the same.
    ///
    /// - Throws: a usage error, also where others than this machine could come without having to say a token.
    init(_ text: String, token: String?) throws(FathomError) {
        func failure(_ cause: String, _ remedy: String) -> FathomError {
            FathomError(
                .usage, operation: "serve", subject: "the page at \(text)", cause: cause,
                remedy: remedy)
        }
        let example = "Give an address such as 127.0.0.1:8080 or [::1]:8080"
        guard let colon = text.lastIndex(of: ":") else {
            throw failure("the port is missing", example)
        }
        guard let port = Int(text[text.index(after: colon)...]), (0...65535).contains(port) else {
            throw failure("the port is no number from 0 to 65535", example)
        }
        var host = String(text[..<colon])
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        if isBracketed { host = String(host.dropFirst().dropLast()) }
        if host.isEmpty || host == "localhost" { host = "127.0.0.1" }
        let isIPv6 = Self.isIPv6(host)
        guard isIPv6 || Self.isIPv4(host) else {
            throw failure(
                "'\(host)' is no address in numbers",
                "Give 127.0.0.1 for this machine alone, 0.0.0.0 or [::] for all of its networks")
        }
        guard isIPv6 == isBracketed else {
            throw failure("an IPv6 address, and no other, stands in brackets", example)
        }
        guard token != "" else {
            throw failure("the token is empty", "Give --token some secret text")
        }
        self.host = host
        self.port = port
        guard isLoopback || token != nil else {
            throw failure(
                "everybody who reaches \(host) could watch, and no --token is set",
                "Add --token SECRET, or serve at 127.0.0.1 for this machine alone")
        }
    }

    /// Whether only this machine reaches it.
    var isLoopback: Bool { Self.isLoopback(host) }

    /// Whether an address in numbers, or a name, is one of this machine's own.
    static func isLoopback(_ host: String) -> Bool {
        if isIPv4(host) { return host.hasPrefix("127.") }
        if isIPv6(host) {
            var bytes = [UInt8](repeating: 0, count: 16)
            inet_pton(AF_INET6, host, &bytes)
            let isMapped =
                bytes[..<10].allSatisfy { $0 == 0 } && bytes[10] == 255 && bytes[11] == 255
            return (bytes[..<15].allSatisfy { $0 == 0 } && bytes[15] == 1)
                || (isMapped && bytes[12] == 127)
        }
        let name = host.lowercased()
        return name == "localhost" || name.hasSuffix(".localhost")
    }

    private static func isIPv4(_ host: String) -> Bool {
        var address = in_addr()
        return inet_pton(AF_INET, host, &address) == 1
    }

    private static func isIPv6(_ host: String) -> Bool {
        var address = in6_addr()
        return inet_pton(AF_INET6, host, &address) == 1
    }

    /// Opens the socket, and says where it listens: the port that was chosen, if that was left open.
    func listen() throws(FathomError) -> (descriptor: Int32, address: ServerAddress) {
        let isIPv6 = Self.isIPv6(host)
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let descriptor = socket(isIPv6 ? AF_INET6 : AF_INET, type, 0)
        guard descriptor >= 0 else { throw failure(errno) }
        var yes: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        // After a restart the old connections' remains must not hold the port.
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, size)
        let (status, length) = withAddress(isIPv6) { (bind(descriptor, $0, $1), $1) }
        guard status == 0, Glibc.listen(descriptor, 128) == 0 else {
            let code = errno
            close(descriptor)
            throw failure(code)
        }
        var storage = sockaddr_storage()
        var actualLength = length
        var bound = self
        withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                _ = getsockname(descriptor, address, &actualLength)
            }
            // The port is at the same place for both families.
            pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { address in
                bound.port = Int(UInt16(bigEndian: address.pointee.sin_port))
            }
        }
        return (descriptor, bound)
    }

    private func withAddress<R>(
        _ isIPv6: Bool, _ body: (UnsafePointer<sockaddr>, socklen_t) -> R
    ) -> R {
        if isIPv6 {
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = UInt16(port).bigEndian
            inet_pton(AF_INET6, host, &address.sin6_addr)
            return Self.rebound(&address, body)
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        inet_pton(AF_INET, host, &address.sin_addr)
        return Self.rebound(&address, body)
    }

    private static func rebound<Address, R>(
        _ address: inout Address, _ body: (UnsafePointer<sockaddr>, socklen_t) -> R
    ) -> R {
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<Address>.size))
            }
        }
    }

    private func failure(_ code: Int32) -> FathomError {
        let remedy =
            switch code {
            case EADDRINUSE: "Give another port, or end the program that has it"
            case EACCES: "Give a port above 1023"
            case EADDRNOTAVAIL: "Give an address of this machine"
            default: ""
            }
        return FathomError(
            operation: "serve", subject: "the page at \(self)",
            cause: String(cString: strerror(code)), remedy: remedy)
    }
}

extension ServerAddress: CustomStringConvertible {
    /// `127.0.0.1:8080`, `[::1]:8080`.
    var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
