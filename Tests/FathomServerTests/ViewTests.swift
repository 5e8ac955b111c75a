import Fathom
import FathomServer
import Foundation
import TestSupport
import Testing

@Suite("The moving picture")
struct ViewTests {
    private func open(
        _ server: TestServer, _ query: String = "", buffer: Int32? = nil
    ) throws -> Client {
        let client = try Client(server.port, buffer: buffer)
        client.get("/stream.mjpg\(query)")
        let head = try client.answer(withoutBody: true)
        guard head.status == 200 else { throw Client.Failure(description: "\(head.status)") }
        #expect(
            head.headers["content-type"] == "multipart/x-mixed-replace; boundary=fathom-picture")
        return client
    }

    @Test("pictures are JPEG, follow one another, and are as was asked for")
    func pictures() throws {
        let server = try TestServer()
        server.sources[0].play(framesPerSecond: 25)
        let sizes = [
            ("", 640, 180), ("?layout=stacked", 320, 360), ("?layout=depth", 320, 180),
            ("?layout=side-by-side&width=320", 320, 90), ("?layout=inset&width=163", 160, 90),
            ("?layout=overlay&width=7680&range=frame&invert=1&colormap=turbo", 320, 180),
        ]
        for (query, width, height) in sizes {
            let client = try open(server, query)
            let first = try client.picture()
            let picture = try decoded(first, "jpg")
            #expect(picture.width == width && picture.height == height, "\(query)")
            #expect(try client.picture() != first || client.picture() != first)
        }
    }

    @Test("colours, inversion and range change what is seen")
    func choices() throws {
        let server = try TestServer()
        try server.sources[0].publish()
        func mean(_ query: String) throws -> Double {
            try decoded(try open(server, "?layout=depth\(query)").picture(), "jpg").mean(0)
        }
        let usual = try mean("")
        #expect(try mean("&invert=1") > usual + 40)
        #expect(try mean("&colormap=turbo") > usual + 20)
        #expect(try mean("&range=fixed:0:2") > usual + 20)
        #expect(abs(try mean("&range=scene") - usual) < 0.5)
    }

    @Test("the first picture comes at once, even while the source is silent, and is said again")
    func silent() throws {
        let server = try TestServer()
        try server.sources[0].publish()
        let client = try open(server)
        let first = try client.picture()
        #expect(try client.picture() == first)
    }

    @Test("while the source is away the picture is dark and marked")
    func lost() throws {
        let server = try TestServer()
        try server.sources[0].publish()
        let client = try open(server)
        let before = try decoded(try client.picture(), "jpg")
        try server.sources[0].publish(lostFor: 3)
        let after = try decoded(try client.picture(), "jpg")
        #expect(after.mean(0) < before.mean(0) - 15)
    }

    @Test(
        "absurd wishes are refused with a sentence",
        arguments: [
            "width=99999999", "width=0", "width=-1", "width=nan", "width=1e3", "width=",
            "layout=x", "layout=", "colormap=%00", "range=clip", "range=fixed:2:1",
            "range=fixed:nan:1", "range=fixed:1", "invert=yes", "width=99999999999999999999999",
        ])
    func absurd(query: String) throws {
        let server = try TestServer()
        let answer = try server.get("/stream.mjpg?\(query)")
        #expect(answer.status == 400)
        #expect(!answer.body.isEmpty)
    }

    @Test("viewers of the same picture share one view; one view more than allowed is refused")
    func limit() throws {
        var limits = ServerLimits()
        limits.views = 2
        let server = try TestServer(limits: limits)
        server.sources[0].play(framesPerSecond: 20)
        var viewers = try (0..<5).map { _ in try open(server) }
        viewers += try (0..<5).map { _ in try open(server, "?layout=depth") }
        for viewer in viewers { _ = try viewer.picture() }
        #expect(try server.metric("fathom_views ") == 2)
        #expect(try server.metric("fathom_viewers{source=\"0\"}") == 10)
        let refused = try server.get("/stream.mjpg?layout=inset")
        #expect(refused.status == 503)
        #expect(refused.text.contains("2 different views"))
        // What nobody looks at any more makes room, and ends.
        viewers = []
        #expect(
            try eventually { try server.get("/state.json").status == 200 && isFree(server) })
        #expect(try eventually { try server.metric("fathom_views ") == 0 })
    }

    private func isFree(_ server: TestServer) -> Bool {
        (try? open(server, "?layout=inset")) != nil
    }

    @Test("50 readers that take nothing don't slow the source or a viewer, and are dropped")
    func slowReaders() throws {
        var limits = ServerLimits()
        limits.stall = 3
        let server = try TestServer(
            sources: [try SyntheticFeed(width: 640, height: 360)], limits: limits)
        let source = server.sources[0]
        source.play(framesPerSecond: 20)
        let slow = try (0..<50).map { _ in try open(server, buffer: 4096) }
        #expect(try server.metric("fathom_viewers") == 50)
        let viewer = try open(server)
        _ = try viewer.picture()
        let start = source.feed.status.framesOut
        for _ in 0..<20 { _ = try viewer.picture() }
        #expect(source.feed.status.framesOut - start >= 18, "the viewer gets what is published")
        #expect(
            try eventually(20) { try server.metric("fathom_viewers") == 1 },
            "those who take nothing go")
        #expect(try server.metric("fathom_http_overdue_total") == 50)
        _ = try viewer.picture()
        withExtendedLifetime(slow) {}
    }

    @Test("the end closes streams at once, and nothing is served any more")
    func end() throws {
        let server = try TestServer()
        server.sources[0].play(framesPerSecond: 20)
        let viewers = try (0..<10).map { _ in try open(server) }
        for viewer in viewers { _ = try viewer.picture() }
        let idle = try Client(server.port)
        let start = SystemClock.monotonicNanoseconds
        server.server.stop()
        let seconds = Double(SystemClock.monotonicNanoseconds - start) / 1e9
        #expect(seconds < 2)
        for viewer in viewers { _ = try viewer.receiveAll() }
        #expect(try idle.receive().isEmpty)
        #expect(throws: Client.Failure.self) { try Client(server.port) }
        // Once more is no harm.
        server.server.stop()
    }

    @Test("when the source's feed ends, so do its streams")
    func feedEnds() throws {
        let server = try TestServer()
        server.sources[0].play(framesPerSecond: 20)
        let viewer = try open(server)
        _ = try viewer.picture()
        server.sources[0].stop()
        _ = try viewer.receiveAll()
        #expect(server.isWell)
    }

    @Test("pictures of odd sizes and shapes are drawn")
    func oddSizes() throws {
        for (width, height) in [(33, 17), (321, 181), (64, 2000)] {
            let server = try TestServer(
                sources: [try SyntheticFeed(width: width, height: height)])
            try server.sources[0].publish()
            for layout in ["side-by-side", "stacked", "depth", "overlay", "inset"] {
                for across in ["64", "7680"] {
                    let client = try open(server, "?layout=\(layout)&width=\(across)")
                    let jpeg = try client.picture()
                    #expect(jpeg.starts(with: [0xff, 0xd8]) && jpeg.suffix(2) == [0xff, 0xd9])
                    let picture = try decoded(jpeg, "jpg")
                    #expect(picture.width > 0 && picture.height > 0, "\(layout) \(across)")
                }
            }
        }
    }
}
