import Fathom
import FathomServer
import Logging
import TestSupport
import Testing

@Suite("Where the page is served")
struct AddressTests {
    @Test(
        "addresses of this machine need no token",
        arguments: [
            ("127.0.0.1:8080", "127.0.0.1", 8080), ("[::1]:81", "::1", 81),
            (":8080", "127.0.0.1", 8080), ("localhost:0", "127.0.0.1", 0),
            ("127.3.4.5:65535", "127.3.4.5", 65535),
        ])
    func loopback(text: String, host: String, port: Int) throws {
        let parsed = try LiveServer.parse(text, token: nil)
        #expect(parsed.host == host)
        #expect(parsed.port == port)
    }

    @Test(
        "any other address demands a token, and says so",
        arguments: ["0.0.0.0:8080", "[::]:8080", "192.168.1.5:80", "[fe80::1]:80"])
    func others(text: String) throws {
        #expect(try LiveServer.parse(text, token: "secret").port > 0)
        let error = #expect(throws: FathomError.self) {
            try LiveServer.parse(text, token: nil)
        }
        #expect(error?.code == .usage)
        #expect(error?.description.contains("--token") == true)
    }

    @Test(
        "what is no address is wrong usage",
        arguments: [
            "", "8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "::1:8080",
            "[127.0.0.1]:80", "camera.example:80", "1.2.3:80", "127.0.0.1:8 0", "[::1:80",
        ])
    func wrong(text: String) throws {
        let error = #expect(throws: FathomError.self) {
            try LiveServer.parse(text, token: "secret")
        }
        #expect(error?.code == .usage)
        #expect(error?.remedy.isEmpty == false)
    }

    @Test("an empty token is no token")
    func emptyToken() throws {
        #expect(throws: FathomError.self) { try LiveServer.parse("0.0.0.0:8080", token: "") }
    }

    @Test("a port that is taken is an error with a remedy; after the end it is free again")
    func taken() throws {
        let first = try TestServer()
        let address = "127.0.0.1:\(first.port)"
        let error = #expect(throws: FathomError.self) {
            try TestServer { $0.serve = address }
        }
        #expect(error?.description.contains("another port") == true)
        first.server.stop()
        let second = try TestServer { $0.serve = address }
        #expect(second.server.address == "http://\(address)/")
        #expect(second.isWell)
    }

    @Test("the address has the port that the system chose")
    func chosen() throws {
        let server = try TestServer()
        #expect(server.port > 0)
        #expect(server.server.address == "http://127.0.0.1:\(server.port)/")
    }
}
