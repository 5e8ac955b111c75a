import FathomCore
import Glibc

/// One client, as the server's loop sees it. All calls return at once.
final class HTTPConnection {
    /// What the connection is about.
    enum Phase {
        /// A request is awaited, or arrives.
        case reading
        /// The answer is being made.
        case answering
        /// The answer is being sent.
        case sending
        /// Pieces are sent as they come.
        case streaming
        /// Everything is said; the client closes.
        case leaving
    }

    /// What came of reading.
    enum Reading {
        /// Nothing to do yet.
        case nothing
        /// A request, or what is wrong with it.
        case request(Result<HTTPRequest, HTTPRefusal>)
        /// The client has gone.
        case end
    }

    let number: Int
    let descriptor: Int32
    private let limits: ServerLimits
    private(set) var phase = Phase.reading
    /// When the phase began.
    private(set) var since: UInt64
    /// Bytes of an answer that this connection keeps in memory.
    private(set) var held = 0

    private var received: [UInt8] = []
    private var pieces: [[UInt8]] = []
    private var sent = 0
    private var keepsAlive = false
    private var stream: Subscription<[UInt8]>?
    private var stalledSince: UInt64
    private var pieceSince: UInt64
    private var requests = 0
    private var forgotten = 0

    /// `poll` tells when the client has closed its end (POLLRDHUP, which isn't imported into Swift).
    static let hangUp: Int16 = 0x2000
    /// Requests that one connection may make.
    private static let mostRequests = 1000
    /// Bytes that are read at a time.
    private static let chunk = 4096
    /// Bytes behind the last answer that are read and forgotten.
    private static let mostForgotten = 64 << 10

    init(number: Int, descriptor: Int32, limits: ServerLimits, now: UInt64) {
        self.number = number
        self.descriptor = descriptor
        self.limits = limits
        since = now
        stalledSince = now
        pieceSince = now
    }

    /// Ends it, whatever it was about.
    func close() {
        stream?.cancel()
        Glibc.close(descriptor)
    }

    /// What `poll` should wait for.
    var events: Int16 {
        switch phase {
        case .reading, .leaving: Int16(POLLIN)
        case .answering: 0
        case .sending: Int16(POLLOUT)
        // Who watches and closes one way has gone: browsers close both, and nothing else would tell before the next
        // picture.
        case .streaming: (pieces.isEmpty ? 0 : Int16(POLLOUT)) | Self.hangUp
        }
    }

    /// Whether it may be closed to make room: it waits for a request.
    var isDispensable: Bool { phase == .reading || phase == .leaving }

    // MARK: Reading

    /// Takes what has arrived; never more than one head's worth.
    func read(now: UInt64) -> Reading {
        if phase == .leaving { return discard() }
        guard phase == .reading else { return .nothing }
        let room = HTTPRequest.Limit.head + 1 - received.count
        var chunk = [UInt8](repeating: 0, count: max(1, min(Self.chunk, room)))
        let count = recv(descriptor, &chunk, chunk.count, 0)
        if count == 0 { return .end }
        guard count > 0 else { return errno == EAGAIN || errno == EINTR ? .nothing : .end }
        if received.isEmpty { since = now }
        let searched = received.count
        received += chunk[..<count]
        return request(searchedUpTo: searched, now: now)
    }

    /// The next request, if its head is there: what came behind the last one may hold it already.
    func request(searchedUpTo searched: Int = 0, now: UInt64) -> Reading {
        // Line ends before a request are allowed, and nothing.
        let blank = received.prefix { $0 == 10 || $0 == 13 }.count
        guard blank < received.count else {
            if blank <= 16 { return .nothing }
            return refusal(HTTPRefusal(400, "The request has no request line."), now)
        }
        if let end = HTTPRequest.endOfHead(in: received, from: max(searched - 2, blank)) {
            guard end <= HTTPRequest.Limit.head else { return tooLarge(now) }
            let head = received[blank..<end]
            received.removeSubrange(..<end)
            begin(.answering, now)
            requests += 1
            do throws(HTTPRefusal) {
                let request = try HTTPRequest(head: head)
                keepsAlive = request.keepsAlive && requests < Self.mostRequests
                return .request(.success(request))
            } catch {
                return refusal(error, now)
            }
        }
        return received.count > HTTPRequest.Limit.head ? tooLarge(now) : .nothing
    }

    private func tooLarge(_ now: UInt64) -> Reading {
        let isTarget = !received.prefix(HTTPRequest.Limit.target + 32).contains(10)
        return refusal(
            isTarget
                ? HTTPRefusal(414, "The address is longer than \(HTTPRequest.Limit.target) bytes.")
                : HTTPRefusal(
                    431, "The request's head is longer than \(HTTPRequest.Limit.head) bytes."), now)
    }

    /// After a request that could not be understood nothing is sure about what follows.
    private func refusal(_ refusal: HTTPRefusal, _ now: UInt64) -> Reading {
        keepsAlive = false
        begin(.answering, now)
        return .request(.failure(refusal))
    }

    private func discard() -> Reading {
        var chunk = [UInt8](repeating: 0, count: Self.chunk)
        let count = recv(descriptor, &chunk, chunk.count, 0)
        if count < 0 { return errno == EAGAIN || errno == EINTR ? .nothing : .end }
        forgotten += count
        return count > 0 && forgotten <= Self.mostForgotten ? .nothing : .end
    }

    // MARK: Sending

    /// Begins to answer; `isHead` leaves the body away.
    func answer(_ response: HTTPResponse, isHead: Bool, now: UInt64) {
        switch response.body {
        case .bytes(let bytes):
            begin(.sending, now)
            pieces = [response.head(keepsAlive: keepsAlive)]
            if !isHead, !bytes.isEmpty { pieces.append(bytes) }
        case .stream(let first, let pieces):
            keepsAlive = false
            self.pieces = [response.head(keepsAlive: false)]
            if isHead {
                pieces.cancel()
                begin(.sending, now)
            } else {
                if let first { self.pieces.append(first) }
                stream = pieces
                begin(.streaming, now)
            }
        }
        held = self.pieces.reduce(0) { $0 + $1.count }
        sent = 0
        stalledSince = now
        pieceSince = now
    }

    /// Sends what the client takes.
    ///
    /// - Returns: `false` when the connection is to be closed.
    func send(now: UInt64) -> Bool {
        guard phase == .sending || phase == .streaming else { return true }
        if pieces.isEmpty { takePiece(now) }
        while let piece = pieces.first {
            let count = piece.withUnsafeBytes { bytes in
                Glibc.send(
                    descriptor, bytes.baseAddress?.advanced(by: sent), piece.count - sent,
                    Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return errno == EAGAIN || errno == EINTR }
            stalledSince = now
            sent += count
            guard sent == piece.count else { continue }
            pieces.removeFirst()
            sent = 0
            pieceSince = now
            if pieces.isEmpty { takePiece(now) }
        }
        return pieces.isEmpty ? finishSending(now) : true
    }

    private func takePiece(_ now: UInt64) {
        guard let stream else { return }
        switch stream.next(seconds: 0) {
        case .item(let piece):
            pieces = [piece]
            stalledSince = now
            pieceSince = now
        case .nothing: break
        case .end:
            self.stream = nil
            phase = .sending
        }
    }

    private func finishSending(_ now: UInt64) -> Bool {
        if phase == .streaming { return true }
        held = 0
        if keepsAlive {
            begin(.reading, now)
        } else {
            // Closing at once would throw away what the client has not read yet, if it sent more than was read.
            shutdown(descriptor, Int32(SHUT_WR))
            begin(.leaving, now)
        }
        return true
    }

    private func begin(_ phase: Phase, _ now: UInt64) {
        self.phase = phase
        since = now
    }

    // MARK: Patience

    /// Whether the client has taken too long.
    func isOverdue(now: UInt64) -> Bool {
        func over(_ start: UInt64, _ seconds: Double) -> Bool {
            now > start && Double(now - start) > seconds * 1e9
        }
        switch phase {
        case .reading: return over(since, received.isEmpty ? limits.idle : limits.head)
        case .answering: return false
        case .leaving: return over(since, limits.farewell)
        case .sending: return over(stalledSince, limits.stall) || over(since, limits.answer)
        case .streaming:
            return !pieces.isEmpty
                && (over(stalledSince, limits.stall) || over(pieceSince, limits.piece))
        }
    }
}
