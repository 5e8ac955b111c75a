import FathomCore
import Glibc

/// The server's one thread for input and output: waits for whatever happens first, and never for one client.
final class HTTPLoop {
    private struct Awaited {
        var make: @Sendable () -> HTTPResponse?
        var deadline: UInt64
        var otherwise: HTTPRefusal
    }

    private unowned let server: HTTPServer
    private var connections: [Int: HTTPConnection] = [:]
    private var heads: Set<Int> = []
    private var awaited: [Int: Awaited] = [:]
    private var nextNumber = 0
    private var acceptsAgain: UInt64 = 0

    /// How often deadlines and awaited answers are looked after.
    private static let milliseconds: Int32 = 200
    /// How long the loop leaves new connections alone when the system has no descriptor for them.
    private static let pauseOfAccepting: UInt64 = 300_000_000
    /// Bytes that the system keeps for a slow client.
    private static let systemBuffer: Int32 = 256 << 10
    /// Of these, bytes that have not left yet: what a viewer sees is late by that much.
    private static let unsentBuffer: Int32 = 32 << 10

    init(server: HTTPServer) { self.server = server }

    func run() {
        giveWay()
        while !server.isStopping {
            let ready = wait()
            if server.isStopping { break }
            for answer in server.takeAnswers() { deliver(answer.response, to: answer.connection) }
            for (number, isBroken) in ready { look(after: number, isBroken) }
            for (number, connection) in connections where connection.phase == .streaming {
                if !connection.send(now: now) { drop(number) }
            }
            askAgain()
            dropOverdue()
        }
        for number in Array(connections.keys) { drop(number) }
    }

    private var now: UInt64 { SystemClock.monotonicNanoseconds }

    // MARK: Waiting

    /// Waits for something to happen, takes new connections, and says which others have something, or have broken.
    private func wait() -> [(number: Int, isBroken: Bool)] {
        let isAccepting = now >= acceptsAgain
        var descriptors = [
            pollfd(fd: server.wakeDescriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: isAccepting ? server.listener : -1, events: Int16(POLLIN), revents: 0),
        ]
        var numbers: [Int] = []
        for (number, connection) in connections {
            descriptors.append(
                pollfd(fd: connection.descriptor, events: connection.events, revents: 0))
            numbers.append(number)
        }
        guard poll(&descriptors, nfds_t(descriptors.count), Self.milliseconds) > 0 else {
            return []
        }
        if descriptors[1].revents != 0 { accept() }
        let broken = Int16(POLLERR | POLLHUP | POLLNVAL) | HTTPConnection.hangUp
        return zip(numbers, descriptors.dropFirst(2)).compactMap { number, descriptor in
            descriptor.revents == 0 ? nil : (number, descriptor.revents & broken != 0)
        }
    }

    private func accept() {
        // Not without end: those who are connected have their turn, too.
        for _ in 0..<32 {
            let descriptor = Glibc.accept(server.listener, nil, nil)
            if descriptor < 0 {
                let code = errno
                if [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(code) {
                    if makeRoom() { continue }
                    acceptsAgain = now + Self.pauseOfAccepting
                }
                if code == EINTR || code == ECONNABORTED { continue }
                return
            }
            neverWaiting(descriptor)
            if connections.count >= server.limits.connections, !makeRoom() {
                turnAway(descriptor)
                continue
            }
            set(descriptor, SOL_SOCKET, SO_SNDBUF, Self.systemBuffer)
            set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
            set(descriptor, Int32(IPPROTO_TCP), TCP_NOTSENT_LOWAT, Self.unsentBuffer)
            nextNumber += 1
            connections[nextNumber] = HTTPConnection(
                number: nextNumber, descriptor: descriptor, limits: server.limits, now: now)
            server.count { $0.connections += 1 }
        }
    }

    private func set(_ descriptor: Int32, _ level: Int32, _ option: Int32, _ value: Int32) {
        var value = value
        setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    /// Closes the connection that has waited longest for a request; `false` when all are busy.
    private func makeRoom() -> Bool {
        let idle = connections.values.filter(\.isDispensable)
        guard let oldest = idle.min(by: { $0.since < $1.since }) else { return false }
        drop(oldest.number)
        server.count { $0.crowdedOut += 1 }
        return true
    }

    private func turnAway(_ descriptor: Int32) {
        let response = HTTPResponse(HTTPRefusal(503, "Too many connections are open."))
        var bytes = response.head(keepsAlive: false)
        if case .bytes(let body) = response.body { bytes += body }
        _ = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        close(descriptor)
        server.count { $0.crowdedOut += 1 }
    }

    // MARK: Requests and answers

    private func look(after number: Int, _ isBroken: Bool) {
        guard let connection = connections[number] else { return }
        switch connection.phase {
        case .reading, .leaving: handle(connection.read(now: now), connection)
        case .answering, .sending, .streaming:
            if isBroken { drop(number) } else { proceed(connection) }
        }
    }

    private func handle(_ reading: HTTPConnection.Reading, _ connection: HTTPConnection) {
        switch reading {
        case .nothing: break
        case .end: drop(connection.number)
        case .request(.failure(let refusal)):
            deliver(HTTPResponse(refusal), to: connection.number)
        case .request(.success(let request)):
            if request.isHead { heads.insert(connection.number) }
            switch server.handler(request) {
            case .now(let response): deliver(response, to: connection.number)
            case .work(let make): server.enqueue(make, for: connection.number)
            case .once(let make, let seconds, let refusal):
                awaited[connection.number] = Awaited(
                    make: make, deadline: now + UInt64(seconds * 1e9), otherwise: refusal)
            }
        }
    }

    private func deliver(_ response: HTTPResponse, to number: Int) {
        guard let connection = connections[number], connection.phase == .answering else {
            // The client has gone meanwhile.
            if case .stream(_, let pieces) = response.body { pieces.cancel() }
            return
        }
        var response = response
        if case .bytes(let bytes) = response.body,
            connections.values.reduce(bytes.count, { $0 + $1.held }) > server.limits.bytes
        {
            response = HTTPResponse(HTTPRefusal(503, "Too much waits to be sent."))
        }
        let status = response.status
        server.count { $0.answers[status, default: 0] += 1 }
        connection.answer(response, isHead: heads.remove(number) != nil, now: now)
        proceed(connection)
    }

    /// Sends, and when all is said turns to what the client sent meanwhile.
    private func proceed(_ connection: HTTPConnection) {
        guard connection.send(now: now) else {
            drop(connection.number)
            return
        }
        if connection.phase == .reading { handle(connection.request(now: now), connection) }
    }

    /// Asks for answers that were not there before.
    private func askAgain() {
        for (number, entry) in awaited {
            if let response = entry.make() {
                awaited[number] = nil
                deliver(response, to: number)
            } else if now > entry.deadline {
                awaited[number] = nil
                deliver(HTTPResponse(entry.otherwise), to: number)
            }
        }
    }

    // MARK: Ends

    private func dropOverdue() {
        let now = now
        for (number, connection) in connections where connection.isOverdue(now: now) {
            if connection.phase != .leaving { server.count { $0.overdue += 1 } }
            drop(number)
        }
    }

    private func drop(_ number: Int) {
        guard let connection = connections.removeValue(forKey: number) else { return }
        heads.remove(number)
        awaited[number] = nil
        connection.close()
        server.count { $0.connections -= 1 }
    }
}
