import FathomCore
import Glibc

/// Writes to a socket or a pipe whose reader may be slow: never hangs for ever, and no longer than it is let.
///
/// One thread at a time may use it.
final class PatientSink {
    private let descriptor: Int32
    private let isSocket: Bool
    private let name: String
    /// Seconds without a byte taken after which the reader counts as gone; `nil` waits as long as it takes.
    private let patience: Double?
    /// Asked while it waits; true gives up.
    private let hasEnded: () -> Bool
    private(set) var bytes: Int64 = 0

    /// Bytes that a pipe with any room at all takes at once (POSIX: PIPE_BUF).
    private static let pipeRoom = 4096

    /// Standard output.
    init(standardOutput hasEnded: @escaping () -> Bool) {
        descriptor = 1
        isSocket = false
        name = "the standard output"
        patience = nil
        self.hasEnded = hasEnded
    }

    /// A connection to a reader that listens; connecting may take `openSeconds`.
    init(
        host: String, port: Int, openSeconds: Double, patience: Double,
        hasEnded: @escaping () -> Bool
    ) throws(FathomError) {
        name = host.contains(":") ? "tcp://[\(host)]:\(port)" : "tcp://\(host):\(port)"
        self.patience = patience
        self.hasEnded = hasEnded
        isSocket = true
        descriptor = try Self.connect(
            host: host, port: port, name: name, seconds: openSeconds, hasEnded: hasEnded)
    }

    deinit { if isSocket { close(descriptor) } }

    /// Writes all bytes.
    func write(_ bytes: UnsafeRawBufferPointer) throws(FathomError) {
        var rest = bytes[...]
        var heard = SystemClock.monotonicNanoseconds
        while !rest.isEmpty {
            var state = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            let ready = poll(&state, 1, 100)
            if ready < 0, errno != EINTR { throw failure(errno) }
            let now = SystemClock.monotonicNanoseconds
            if ready <= 0 {
                if hasEnded() { throw failure(ECANCELED) }
                if let patience, Double(now - heard) / 1e9 > patience { throw failure(ETIMEDOUT) }
                continue
            }
            let piece = UnsafeRawBufferPointer(rebasing: rest)
            let count =
                isSocket
                ? send(
                    descriptor, piece.baseAddress, piece.count,
                    Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
                : Glibc.write(descriptor, piece.baseAddress, min(piece.count, Self.pipeRoom))
            if count < 0 {
                if errno == EINTR || errno == EAGAIN { continue }
                throw failure(errno)
            }
            heard = now
            self.bytes += Int64(count)
            rest = rest.dropFirst(count)
        }
    }

    private func failure(_ code: Int32) -> FathomError {
        switch code {
        case EPIPE, ECONNRESET:
            FathomError(
                operation: "write the dump to", subject: name, cause: "its reader has gone")
        case ETIMEDOUT:
            FathomError(
                operation: "write the dump to", subject: name,
                cause: "its reader took nothing for \(Int(patience ?? 0)) s")
        default: FileSink.error("write the dump to", name, code)
        }
    }

    // MARK: Connecting

    private static func connect(
        host: String, port: Int, name: String, seconds: Double, hasEnded: () -> Bool
    ) throws(FathomError) -> Int32 {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_NUMERICSERV
        var found: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(host, String(port), &hints, &found)
        guard status == 0, let found else {
            throw FathomError(
                operation: "connect to", subject: name,
                cause: status == EAI_NONAME
                    ? "its host is unknown" : String(cString: gai_strerror(status)),
                remedy: "Check the host's name")
        }
        defer { freeaddrinfo(found) }
        var last = ECONNREFUSED
        var address: UnsafeMutablePointer<addrinfo>? = found
        while let candidate = address {
            let result = attempt(candidate.pointee, seconds: seconds, hasEnded: hasEnded)
            switch result {
            case .success(let socket): return socket
            case .failure(let code): last = code.number
            }
            address = candidate.pointee.ai_next
        }
        throw FathomError(
            operation: "connect to", subject: name,
            cause: last == ECONNREFUSED
                ? "nothing listens there"
                : last == ETIMEDOUT ? "it does not answer" : String(cString: strerror(last)),
            remedy: "Start the reader; it is asked again and again")
    }

    private struct Code: Error { var number: Int32 }

    private static func attempt(
        _ address: addrinfo, seconds: Double, hasEnded: () -> Bool
    ) -> Result<Int32, Code> {
        let handle = socket(
            address.ai_family,
            address.ai_socktype | Int32(SOCK_CLOEXEC.rawValue)
                | Int32(SOCK_NONBLOCK.rawValue), address.ai_protocol)
        guard handle >= 0 else { return .failure(Code(number: errno)) }
        if Glibc.connect(handle, address.ai_addr, address.ai_addrlen) == 0 {
            return .success(handle)
        }
        guard errno == EINPROGRESS else {
            let code = errno
            close(handle)
            return .failure(Code(number: code))
        }
        let end = SystemClock.monotonicNanoseconds + UInt64(seconds * 1e9)
        while SystemClock.monotonicNanoseconds < end, !hasEnded() {
            var state = pollfd(fd: handle, events: Int16(POLLOUT), revents: 0)
            guard poll(&state, 1, 50) > 0 else { continue }
            var code: Int32 = 0
            var size = socklen_t(MemoryLayout<Int32>.size)
            getsockopt(handle, SOL_SOCKET, SO_ERROR, &code, &size)
            if code == 0 { return .success(handle) }
            close(handle)
            return .failure(Code(number: code))
        }
        close(handle)
        return .failure(Code(number: hasEnded() ? ECANCELED : ETIMEDOUT))
    }
}
