import Fathom
import FathomServer
import Foundation
import TestSupport
import Testing

@Suite("Who is served")
struct AccessTests {
    private static let paths = [
        "/", "/page.js", "/stream.mjpg", "/hls/live.m3u8", "/hls/7.ts", "/depth.png",
        "/depth.f32", "/point.json?x=0&y=0", "/state.json", "/page.json", "/metrics", "/healthz",
        "/nothing", "/../etc/passwd",
    ]

    @Test("with a token nothing at all is served without it", arguments: paths)
    func nothing(path: String) throws {
        let server = try TestServer(token: "right", hls: [FixedSegments()])
        try server.sources[0].publish()
        let joint = path.contains("?") ? "&" : "?"
        for query in ["", "\(joint)token=", "\(joint)token=wrong", "\(joint)token=rightt"] {
            let answer = try server.get(path + query)
            #expect(answer.status == 401, "\(path + query)")
            #expect(!answer.text.contains("right"))
        }
        for header in ["Bearer wrong", "Basic right", "right", "Bearer"] {
            #expect(try server.get(path, "Authorization: \(header)\r\n").status == 401)
        }
        #expect(try server.get(path, "Cookie: fathom-\(server.port)=zz\r\n").status == 401)
    }

    @Test("the token is taken from the address, the header, or the cookie that the page sets")
    func ways() throws {
        let server = try TestServer(token: "s€cret/+ &")
        let encoded = "s%E2%82%ACcret/%2B%20%26"
        #expect(try server.get("/state.json?token=\(encoded)").status == 200)
        #expect(
            try server.get("/state.json", "Authorization: bearer s€cret/+ &\r\n").status == 200)
        let page = try server.get("/?token=\(encoded)")
        #expect(page.status == 200)
        let cookie = try #require(page.headers["set-cookie"])
        #expect(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"))
        let pair = cookie.split(separator: ";")[0]
        #expect(try server.get("/", "Cookie: other=1; \(pair); more=2\r\n").status == 200)
        #expect(try server.get("/?token=wrong").headers["set-cookie"] == nil)
    }

    @Test("without a token only this machine's own names are answered: no page elsewhere reads it")
    func hosts() throws {
        let server = try TestServer()
        func status(_ host: String) throws -> Int {
            try server.answer(
                to: "GET /state.json HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\n\r\n"
            ).status
        }
        for host in [
            "localhost", "LOCALHOST:\(server.port)", "127.0.0.1", "127.0.0.1:1", "[::1]",
            "[::1]:80", "page.localhost:80",
        ] {
            #expect(try status(host) == 200, "\(host)")
        }
        for host in [
            "evil.example", "evil.example:\(server.port)", "127.0.0.1.evil.example",
            "localhost.evil.example", "[::2]", "127.0.0.1:x", "[::1", "", "10.0.0.1",
            "localhost:99999", "localhost@evil.example",
        ] {
            #expect(try status(host) == 403, "\(host)")
        }
        // Clients of old need not say a host; browsers always do.
        #expect(try server.answer(to: "GET /state.json HTTP/1.0\r\n\r\n").status == 200)
    }

    @Test("with a token any host's name will do")
    func hostsWithToken() throws {
        let server = try TestServer(token: "t")
        let request = "GET /state.json?token=t HTTP/1.1\r\nHost: depth.example\r\n\r\n"
        #expect(try server.answer(to: request).status == 200)
    }
}
