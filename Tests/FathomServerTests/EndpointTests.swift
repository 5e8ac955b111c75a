import Fathom
import FathomServer
import Foundation
import TestSupport
import Testing

@Suite("What is served")
struct EndpointTests {
    @Test("the page and its parts come without anything from elsewhere, in less than 40 kB")
    func page() throws {
        let server = try TestServer()
        let page = try server.get("/")
        #expect(page.status == 200)
        #expect(page.headers["content-type"] == "text/html; charset=utf-8")
        var size = page.body.count
        for match in page.text.matches(of: /(?:src|href)="([^"]*)"/) {
            let address = String(match.1)
            #expect(address.hasPrefix("/"), "\(address) is elsewhere")
            // The stream alone, for browsers without scripts.
            if address == "/stream.mjpg" { continue }
            let part = try server.get(address)
            #expect(part.status == 200, "\(address)")
            #expect(!part.text.replacing("http://www.w3.org/2000/svg", with: "").contains("http"))
            size += part.body.count
        }
        #expect(size < 40_000)
    }

    @Test("every answer forbids guessing, keeping, and scripts from elsewhere")
    func headers() throws {
        let server = try TestServer()
        for path in ["/", "/state.json", "/metrics", "/nothing"] {
            let headers = try server.get(path).headers
            #expect(headers["cache-control"] == "no-store")
            #expect(headers["x-content-type-options"] == "nosniff")
            #expect(headers["content-security-policy"]?.contains("default-src 'none'") == true)
            #expect(headers["cross-origin-resource-policy"] == "same-origin")
        }
    }

    @Test("state and health name every source, and health turns red with the reason")
    func health() throws {
        let sources = [try SyntheticFeed(name: "a"), try SyntheticFeed(index: 1, name: "b")]
        let server = try TestServer(sources: sources)
        #expect(try server.get("/healthz").status == 503)
        for source in sources { source.connect() }
        #expect(try server.get("/healthz").status == 200)
        sources[1].lose("the camera is unplugged")
        let red = try server.get("/healthz")
        #expect(red.status == 503)
        #expect(red.text.contains("the camera is unplugged"))
        #expect(try server.get("/healthz?source=0").status == 200)
        let states = try #require(try server.get("/state.json").json() as? [[String: Any]])
        #expect(states.map { $0["name"] as? String } == ["a", "b"])
        #expect(states.map { $0["state"] as? String } == ["playing", "lost"])
        let one = try #require(try server.get("/state.json?source=1").json() as? [[String: Any]])
        #expect(one.count == 1 && one[0]["source"] as? Int == 1)
    }

    @Test("a source without a frame yet is said so; an unknown one, too")
    func without() throws {
        let server = try TestServer()
        for path in ["/depth.png", "/depth.f32", "/point.json?x=0.5&y=0.5"] {
            #expect(try server.get(path).status == 503)
            let joint = path.contains("?") ? "&" : "?"
            for wrong in ["1", "-1", "x", "99999999999999999999", ""] {
                #expect(try server.get("\(path)\(joint)source=\(wrong)").status == 404)
            }
        }
    }

    @Test("depth.png is the last frame's depth in 16 bits, its scale beside it")
    func png() throws {
        let server = try TestServer()
        try server.sources[0].publish()
        for (size, width, height) in [("source", 320, 180), ("network", 80, 45)] {
            let answer = try server.get("/depth.png?size=\(size)")
            #expect(answer.status == 200)
            #expect(answer.headers["content-type"] == "image/png")
            #expect(answer.headers["x-fathom-kind"] == "inverse-depth")
            #expect(answer.headers["x-fathom-unit"] == "relative")
            let picture = try decoded(answer.body, "png")
            #expect(picture.width == width && picture.height == height)
            #expect(picture.pixelFormat == "gray16be")
            let scale = try #require(answer.headers["x-fathom-scale"].flatMap(Double.init))
            let offset = try #require(answer.headers["x-fathom-offset"].flatMap(Double.init))
            func value(_ x: Int, _ y: Int) -> Double {
                Double(picture.sample(0, x, y)) / scale + offset
            }
            // The square of the first frame is in the upper left corner, the ramp goes from 0 to 2.
            #expect(abs(value(width / 20, height / 10) - 8) < 0.5)
            #expect(abs(value(width * 9 / 10, height * 9 / 10) - 1.8) < 0.1)
        }
    }

    @Test("depth.f32 is plain floats with all that is needed to read them")
    func floats() throws {
        let server = try TestServer(sources: [try SyntheticFeed(kind: .metres)])
        try server.sources[0].publish()
        let answer = try server.get("/depth.f32?size=network")
        #expect(answer.headers["x-fathom-width"] == "80")
        #expect(answer.headers["x-fathom-height"] == "45")
        #expect(answer.headers["x-fathom-kind"] == "metres")
        #expect(answer.headers["x-fathom-unit"] == "m")
        #expect(answer.headers["x-fathom-range"] == "0.0 10.0")
        #expect(answer.headers["x-fathom-time"].flatMap(Double.init) == 0)
        #expect(answer.body.count == 80 * 45 * 4)
        let values = answer.body.withUnsafeBytes { bytes in
            (0..<80 * 45).map { index in
                Float(
                    bitPattern: UInt32(
                        littleEndian: bytes.loadUnaligned(
                            fromByteOffset: 4 * index, as: UInt32.self)))
            }
        }
        #expect(values[0] == 8)
        #expect(abs(values[44 * 80 + 40] - 1) < 1e-6)
        #expect(try server.get("/depth.f32").body.count == 320 * 180 * 4)
    }

    @Test("a point has its value with the unit's words: relative depth is never called metres")
    func point() throws {
        let kinds: [(DepthKind, String)] = [
            (.inverseDepth, "relative inverse depth"), (.depth, "relative depth"), (.metres, "m"),
        ]
        for (kind, words) in kinds {
            let server = try TestServer(sources: [try SyntheticFeed(kind: kind)])
            try server.sources[0].publish()
            let answer = try server.get("/point.json?x=0.05&y=0.1")
            let point = try #require(try answer.json() as? [String: Any])
            #expect(point["value"] as? Double == 8)
            #expect(point["unit"] as? String == words)
            #expect(point["kind"] as? String == kind.rawValue)
            let nearness = try #require(point["nearness"] as? Double)
            #expect(kind == .inverseDepth ? nearness > 0.5 : nearness < 0.5)
        }
    }

    @Test(
        "places that are none are refused",
        arguments: ["", "x=0.5", "x=nan&y=0", "x=-0.1&y=0", "x=0&y=1.01", "x=inf&y=0", "x=&y="])
    func wrongPoint(query: String) throws {
        let server = try TestServer()
        try server.sources[0].publish()
        #expect(try server.get("/point.json?\(query)").status == 400)
        for edge in ["x=0&y=0", "x=1&y=1", "x=1e-300&y=0.5"] {
            #expect(try server.get("/point.json?\(edge)").status == 200)
        }
    }

    @Test("HLS: playlist and segments, with source and token in every address")
    func hls() throws {
        let server = try TestServer(token: "a b&c", hls: [FixedSegments()])
        let playlist = try server.get("/hls/live.m3u8?token=a+b%26c&source=0")
        #expect(playlist.status == 200)
        #expect(playlist.headers["content-type"] == "application/vnd.apple.mpegurl")
        let lines = playlist.text.split(separator: "\n")
        #expect(lines.first == "#EXTM3U")
        let address = try #require(lines.last)
        #expect(address == "7.ts?source=0&token=a%20b%26c")
        let segment = try server.get("/hls/\(address)")
        #expect(segment.headers["content-type"] == "video/mp2t")
        #expect(segment.body == [71, 7])
        let token = "Authorization: Bearer a b&c\r\n"
        for path in ["/hls/8.ts", "/hls/.ts", "/hls/7.ts.ts"] {
            #expect(try server.get(path, token).status == 404)
        }
        #expect(try server.get("/hls/99999999999999999999.ts", token).status == 404)
        #expect(try TestServer().get("/hls/live.m3u8").status == 404)
    }

    @Test("HEAD has the head of GET and no body, on the same connection")
    func head() throws {
        let server = try TestServer()
        try server.sources[0].publish()
        let client = try Client(server.port)
        for path in ["/", "/depth.png", "/metrics"] {
            client.send("HEAD \(path) HTTP/1.1\r\nHost: localhost\r\n\r\n")
            let head = try client.answer(withoutBody: true)
            #expect(head.status == 200)
            #expect(head.headers["content-length"].flatMap { Int($0) } ?? 0 > 0)
        }
        client.send("HEAD /stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
        #expect(try client.answer().headers["content-type"]?.hasPrefix("multipart/") == true)
        #expect(try client.receiveAll().isEmpty)
    }

    @Test("the default of the depth files' size is that of the configuration")
    func configuredSize() throws {
        let server = try TestServer { $0.run.framesSize = .network }
        try server.sources[0].publish()
        #expect(try server.get("/depth.f32").body.count == 80 * 45 * 4)
        #expect(try server.get("/depth.f32?size=huge").status == 400)
    }
}

/// Segments that are always there: number 7.
struct FixedSegments: LiveSegments {
    func playlist(waiting seconds: Double) -> String? {
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1.0,\n7.ts\n"
    }

    func segment(_ number: Int) -> [UInt8]? { number == 7 ? [71, 7] : nil }
}
