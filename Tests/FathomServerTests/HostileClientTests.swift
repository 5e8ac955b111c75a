import Fathom
import FathomServer
import Foundation
import TestSupport
import Testing

@Suite("Clients that mean no good")
struct HostileClientTests {
    @Test(
        "what is no HTTP gets an answer that says so, and the connection's end",
        arguments: [
            ("GET\r\n\r\n", 400), ("GET /\r\n\r\n", 400), ("GET / HTTP/1.1 x\r\n\r\n", 400),
            ("GET  / HTTP/1.1\r\n\r\n", 400), ("get / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            (" / HTTP/1.1\r\n\r\n", 400), ("GET / FTP/1.1\r\n\r\n", 400),
            ("GET / HTTP/2.0\r\n\r\n", 505), ("PRI * HTTP/2.0\r\n\r\n", 505),
            ("GET / HTTP/1.1\r\n\r\n", 400), ("GET * HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
            ("GET localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
            ("GET /\u{e9} HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
            ("AAAAAAAAAAAAAAAAAAAAAAAAA / HTTP/1.1\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost : localhost\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: localhost\r\n: x\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: localhost\r\n folded\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: localhost\r\nX: a\rb\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n", 400),
            ("\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\r\n\r\n", 400),
            (String(repeating: "\r\n", count: 100), 400),
        ])
    func malformed(request: String, status: Int) throws {
        let server = try TestServer()
        let client = try Client(server.port)
        client.send(request)
        let answer = try client.answer()
        #expect(answer.status == status)
        #expect(answer.headers["connection"] == "close")
        #expect(!answer.body.isEmpty)
        #expect(try client.receive().isEmpty)
        #expect(server.isWell)
    }

    @Test("other methods are refused and named, bodies are refused unread")
    func methods() throws {
        let server = try TestServer()
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH", "BREW"] {
            let answer = try server.answer(
                to: "\(method) / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello")
            #expect(answer.status == 405)
            #expect(answer.headers["allow"] == "GET, HEAD")
        }
        for header in [
            "Content-Length: 5", "Content-Length: 99999999999999999999", "Content-Length: -1",
            "Content-Length: x", "Transfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nContent-Length: 3",
        ] {
            let answer = try server.answer(
                to: "GET / HTTP/1.1\r\nHost: localhost\r\n\(header)\r\n\r\nhello")
            #expect(answer.status == 413, "\(header)")
        }
        #expect(try server.get("/", "Content-Length: 0\r\n").status == 200)
    }

    @Test("addresses are decoded with care, and lead to nothing but what is served")
    func addresses() throws {
        let server = try TestServer()
        for path in [
            "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/hls/../../etc/passwd",
            "//etc/passwd", "/page.js/..", "/PAGE.JS", "/page.js%20", "/hls/1.ts/../x",
            "/.", "/page.html",
        ] {
            #expect(try server.get(path).status == 404, "\(path)")
        }
        for path in ["/%", "/%2", "/%zz", "/%00", "/%ff", "/%c0%af", "/?x=%", "/?%0d%0aX:=1"] {
            #expect(try server.get(path).status == 400, "\(path)")
        }
        #expect(try server.get("/%70age.js").status == 200)
        #expect(try server.get("http://localhost/page.js").status == 200)
        #expect(try server.get("http://localhost?x").status == 200)
        #expect(try server.get("/?" + String(repeating: "&", count: 3000)).status == 200)
        let many = (0..<200).map { "a\($0)=1" }.joined(separator: "&")
        #expect(try server.get("/?" + many).status == 400)
    }

    @Test("heads that are too large are refused, however they are large")
    func large() throws {
        let server = try TestServer()
        let long = String(repeating: "a", count: 5000)
        #expect(try server.get("/" + long).status == 414)
        #expect(try server.get("/", "X: " + long + "\r\n").status == 200)
        #expect(try server.get("/", "X: " + long + long + long + long + "\r\n").status == 431)
        let lines = (0..<100).map { "X\($0): 1\r\n" }.joined()
        #expect(try server.get("/", lines).status == 431)
        #expect(server.isWell)
    }

    @Test("an address, a header, or blank lines without end are cut off after a few kilobytes")
    func endless() throws {
        for beginning in ["GET /", "GET / HTTP/1.1\r\nHost: localhost\r\nX: ", "\r\n"] {
            let server = try TestServer()
            let client = try Client(server.port)
            client.send(beginning)
            let filler = [UInt8](repeating: beginning == "\r\n" ? 10 : 97, count: 1 << 20)
            var sent = 0
            for _ in 0..<100 {
                let count = client.send(filler)
                sent += count
                if count < filler.count { break }
            }
            // What the system's own buffers hold is on its way when the server hangs up.
            #expect(sent < 64 << 20)
            #expect(try server.metric("fathom_http_connections") ?? 0 <= 2)
            #expect(server.isWell)
        }
    }

    @Test("a request in drips is cut off, and nobody else notices")
    func drips() throws {
        var limits = ServerLimits()
        limits.head = 1
        let server = try TestServer(limits: limits)
        let client = try Client(server.port)
        var sent = 0
        for byte in Array("GET / HTTP/1.1\r\nHost: localhost\r\nX: yyyyyyyyyyyyyyyyyyyyyyy".utf8) {
            sent += client.send([byte])
            Thread.sleep(forTimeInterval: 0.1)
            #expect(server.isWell)
            if try server.metric("fathom_http_overdue_total") == 1 { break }
        }
        #expect(try eventually { try server.metric("fathom_http_overdue_total") == 1 })
        #expect(try client.receive().isEmpty)
    }

    @Test("a connection that says nothing, or nothing more, is closed")
    func idle() throws {
        var limits = ServerLimits()
        limits.idle = 1
        let server = try TestServer(limits: limits)
        let silent = try Client(server.port)
        let once = try Client(server.port)
        once.get("/state.json")
        #expect(try once.answer().status == 200)
        #expect(try silent.receive().isEmpty)
        #expect(try once.receive().isEmpty)
    }

    @Test("requests behind one another are answered in order, whole")
    func pipelined() throws {
        let server = try TestServer()
        try server.sources[0].publish()
        let client = try Client(server.port)
        let paths = [
            "/state.json", "/depth.png", "/nothing", "/metrics", "/depth.f32?size=network",
        ]
        let types = [
            "application/json", "image/png", "text/plain; charset=utf-8",
            "text/plain; version=0.0.4; charset=utf-8", "application/octet-stream",
        ]
        var request = ""
        for index in 0..<150 {
            request += "GET \(paths[index % 5]) HTTP/1.1\r\nHost: localhost\r\n\r\n"
        }
        client.send(request)
        for index in 0..<150 {
            #expect(try client.answer().headers["content-type"] == types[index % 5])
        }
        #expect(server.isWell)
    }

    @Test("a client that has said all still gets its answer")
    func halfClosed() throws {
        let server = try TestServer()
        try server.sources[0].publish()
        for path in ["/state.json", "/depth.png"] {
            let client = try Client(server.port)
            client.get(path)
            client.finishSending()
            #expect(try client.answer().status == 200)
            #expect(try client.receive().isEmpty)
        }
        let nothing = try Client(server.port)
        nothing.finishSending()
        #expect(try nothing.receive().isEmpty)
        let half = try Client(server.port)
        half.send("GET / HT")
        half.finishSending()
        #expect(try half.receive().isEmpty)
    }

    @Test("line feeds alone end lines, as old tools send them")
    func lineFeeds() throws {
        let server = try TestServer()
        #expect(try server.answer(to: "GET /state.json HTTP/1.0\n\n").status == 200)
        #expect(try server.answer(to: "\r\n\nGET / HTTP/1.1\nHost: localhost\n\n").status == 200)
    }

    @Test("connections without end make room for one another: the newest is served")
    func crowd() throws {
        var limits = ServerLimits()
        limits.connections = 20
        let server = try TestServer(limits: limits)
        var crowd: [Client] = []
        for index in 0..<100 {
            let client = try Client(server.port)
            if index % 2 == 0 { client.send("GET / HT") }
            crowd.append(client)
        }
        #expect(server.isWell)
        #expect(try server.metric("fathom_http_connections") ?? 99 <= 20)
        #expect(try server.metric("fathom_http_crowded_out_total") ?? 0 >= 80)
    }

    @Test("when all connections are in use, the next is told so")
    func full() throws {
        var limits = ServerLimits()
        limits.connections = 5
        let server = try TestServer(limits: limits)
        server.sources[0].play(framesPerSecond: 10)
        let viewers = try (0..<5).map { _ in
            let client = try Client(server.port)
            client.get("/stream.mjpg")
            return client
        }
        for viewer in viewers { _ = try viewer.answer(withoutBody: true) }
        #expect(try Client(server.port).answer().status == 503)
        withExtendedLifetime(viewers) {}
    }

    @Test("readers who never read their answers can't fill the memory")
    func memory() throws {
        var limits = ServerLimits()
        limits.bytes = 3 << 20
        let server = try TestServer(
            sources: [try SyntheticFeed(width: 1280, height: 720)], limits: limits)
        try server.sources[0].publish()
        let readers = try (0..<8).map { _ in
            let client = try Client(server.port, buffer: 4096)
            client.get("/depth.f32")
            return client
        }
        #expect(
            try eventually {
                try server.metric("fathom_http_answers_total{code=\"503\"}") ?? 0 >= 1
            })
        #expect(server.isWell)
        withExtendedLifetime(readers) {}
    }

    @Test("more work than threads can do is refused, and does not hold up the rest")
    func work() throws {
        var limits = ServerLimits()
        limits.waiting = 2
        let server = try TestServer(
            sources: [try SyntheticFeed(width: 1920, height: 1080)], limits: limits)
        try server.sources[0].publish()
        let clients = try (0..<30).map { _ in
            let client = try Client(server.port)
            client.get("/depth.png")
            return client
        }
        #expect(server.isWell)
        let statuses = try clients.map { try $0.answer().status }
        #expect(statuses.allSatisfy { $0 == 200 || $0 == 503 })
        #expect(statuses.contains(200) && statuses.contains(503))
    }

    @Test("clients that vanish in the middle leave nothing behind")
    func vanishing() throws {
        let server = try TestServer()
        server.sources[0].play(framesPerSecond: 30)
        for index in 0..<200 {
            let client = try Client(server.port)
            var abrupt = linger(l_onoff: 1, l_linger: 0)
            setsockopt(
                client.descriptor, SOL_SOCKET, SO_LINGER, &abrupt,
                socklen_t(MemoryLayout<linger>.size))
            client.get(["/stream.mjpg", "/depth.png", "/state.json", "/depth.f32"][index % 4])
            if index % 3 == 0 { _ = try client.receive(100) }
        }
        #expect(try eventually { try server.metric("fathom_http_connections") == 1 })
        #expect(try eventually { try server.metric("fathom_viewers") == 0 })
        #expect(server.isWell)
    }

    @Test("a thousand requests with random damage end in an answer or a hang-up")
    func random() throws {
        var limits = ServerLimits()
        limits.idle = 2
        limits.head = 2
        let server = try TestServer(token: "t", limits: limits)
        try server.sources[0].publish()
        var random = SeededRandom(7)
        let whole = Array(
            "GET /stream.mjpg?token=t&width=320&range=fixed:0:1 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer t\r\nCookie: fathom-1=74\r\nConnection: keep-alive\r\n\r\n"
                .utf8)
        for _ in 0..<1000 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let at = Int.random(in: bytes.indices, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: at)
                case 2: bytes.insert(contentsOf: Array(bytes[at...].prefix(20)), at: at)
                default: bytes.insert(contentsOf: [13, 10], at: at)
                }
            }
            let client = try Client(server.port)
            client.send(bytes)
            client.finishSending()
            _ = try client.receive(16)
        }
        #expect(try server.get("/state.json?token=t").status == 200)
    }
}
