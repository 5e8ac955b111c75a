import CFFmpeg
import FathomCore
import FathomMedia
import Foundation
import Synchronization
import TestSupport
import Testing

/// Opens an address with short deadlines.
func openLive(
    _ text: String, isRealtime: Bool = false, connection: Int = 0,
    timeline: LiveTimeline = LiveTimeline(), _ change: (inout LiveInput.Options) -> Void = { _ in }
) throws -> LiveInput {
    var options = LiveInput.Options()
    options.openSeconds = 5
    options.readSeconds = 2
    change(&options)
    return try LiveInput(
        LiveAddress.parse(text, isRealtime: isRealtime), options: options, connection: connection,
        timeline: timeline)
}

/// Reads until the failure; returns what came before, and why it ended.
func readToFailure(_ input: LiveInput) -> (packets: [LivePacket], failure: LiveFailure?) {
    var packets: [LivePacket] = []
    while packets.count < 10_000 {
        do { packets.append(try input.next()) } catch { return (packets, error) }
    }
    return (packets, nil)
}

/// The failure of opening.
func openingFailure(
    _ text: String, isRealtime: Bool = false,
    _ change: (inout LiveInput.Options) -> Void = { _ in }
) -> LiveFailure? {
    do {
        _ = try openLive(text, isRealtime: isRealtime, change)
        return nil
    } catch { return error as? LiveFailure }
}

/// JPEG pictures, each of another brightness.
func jpegs(_ count: Int, in folder: TemporaryFolder) throws -> [[UInt8]] {
    try (0..<count).map { index in
        var clip = Clip()
        clip.encoder = "mjpeg"
        clip.pixelFormat = "yuvj420p"
        clip.format = "image2"
        clip.times = [0]
        clip.muxerOptions = ["update": "1"]
        // Busy: FFmpeg looks at the first two kilobytes before it says what they are.
        clip.paint = { _, plane, x, y in
            plane == 0 ? (x * 7919 + y * 104_729 + index * 31) % 199 + 20 : 128
        }
        try clip.write(to: folder.path("p.jpg"))
        return try bytesOf(folder.path("p.jpg"))
    }
}

@Suite("Live sources", .serialized)
struct LiveInputTests {
    private static let multipart =
        "HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=cut\r\n\r\n"

    private static func part(_ picture: [UInt8]) -> [UInt8] {
        Array(
            "--cut\r\nContent-Type: image/jpeg\r\nContent-Length: \(picture.count)\r\n\r\n".utf8)
            + picture + Array("\r\n".utf8)
    }

    @Test("motion JPEG over HTTP: every picture, timed by its arrival; the end is a loss")
    func motionJPEG() throws {
        let pictures = try jpegs(12, in: TemporaryFolder())
        let server = LiveServer { client in
            client.send(Self.multipart)
            for picture in pictures {
                client.send(Self.part(picture))
                usleep(30_000)
            }
        }
        let timeline = LiveTimeline()
        let input = try openLive("http://127.0.0.1:\(server.port)/cam", timeline: timeline)
        #expect(input.video.codec == "mjpeg")
        #expect(input.video.video?.width == 64 && input.video.video?.height == 48)
        let decoder = try input.makeDecoder(threads: 2)
        let (packets, failure) = readToFailure(input)
        #expect(failure?.reason == .ended)
        #expect(packets.count == pictures.count)
        for packet in packets {
            // What came in one piece is put one tick behind the other.
            let time = try #require(packet.packet.timestamp).value
            #expect((0..<20).contains(time - timeline.ticks(at: packet.arrival)))
            #expect(try decoder.decode(packet.packet).count == 1)
            #expect(packet.wallTime.source == .arrival)
        }
    }

    @Test("JPEG pictures one behind the other, without a container")
    func bareJPEGs() throws {
        let pictures = try jpegs(60, in: TemporaryFolder())
        let server = LiveServer { client in
            client.send("HTTP/1.0 200 OK\r\nContent-Type: image/jpeg\r\n\r\n")
            for picture in pictures { client.send(picture) }
        }
        let input = try openLive("http://127.0.0.1:\(server.port)/cam")
        let (packets, failure) = readToFailure(input)
        // The last one's end is where the next one would begin.
        #expect(packets.count >= pictures.count - 1)
        #expect(failure?.reason == .ended)
    }

    @Test(
        "refusals of a server are told apart, without the password",
        arguments: [
            ("401 Unauthorized", LiveFailure.Reason.wrongPassword),
            ("403 Forbidden", .wrongPassword), ("404 Not Found", .notFound),
            ("500 Internal Server Error", .other),
        ])
    func statuses(status: String, reason: LiveFailure.Reason) throws {
        let server = LiveServer { client in
            client.send("HTTP/1.0 \(status)\r\nContent-Length: 0\r\n\r\n")
        }
        let failure = try #require(
            openingFailure("http://admin:hunter2@127.0.0.1:\(server.port)/cam?key=hunter3"))
        #expect(failure.reason == reason, "\(failure.error)")
        #expect(!"\(failure)".contains("hunter"))
    }

    @Test("sources that are opened at the same time keep their own reasons")
    func ownReasons() throws {
        let server = LiveServer { client in
            let isFirst = client.request.contains("first")
            client.send("HTTP/1.0 \(isFirst ? "401 No" : "404 No")\r\nContent-Length: 0\r\n\r\n")
        }
        let reasons = Mutex<[String: Set<LiveFailure.Reason>]>([:])
        let threads = ["first", "second"].map { name in
            JoinedThread(name: name) {
                for _ in 0..<20 {
                    let failure = openingFailure("http://127.0.0.1:\(server.port)/\(name)")
                    reasons.withLock { _ = $0[name, default: []].insert(failure?.reason ?? .ended) }
                }
            }
        }
        for thread in threads { thread.join() }
        #expect(reasons.withLock { $0 } == ["first": [.wrongPassword], "second": [.notFound]])
    }

    @Test("a port where nothing listens refuses; a name that nobody knows is unknown")
    func unreachable() throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        let port = LiveServer.bind(descriptor)
        close(descriptor)
        for scheme in ["http", "rtsp", "rtmp"] {
            let failure = openingFailure("\(scheme)://127.0.0.1:\(port)/a")
            #expect(failure?.reason == .refused, "\(scheme): \(String(describing: failure))")
        }
        let failure = openingFailure("rtsp://no-such-host.invalid/a")
        #expect(failure?.reason == .unknownHost, "\(String(describing: failure))")
    }

    @Test(
        "a server that hangs costs the time allowed, at most",
        arguments: ["http", "rtsp", "rtmp"])
    func hanging(scheme: String) throws {
        let server = LiveServer(readsRequest: false) { $0.hang() }
        let begin = SystemClock.monotonicNanoseconds
        let failure = openingFailure("\(scheme)://127.0.0.1:\(server.port)/a") {
            $0.openSeconds = 0.6
        }
        #expect(failure?.reason == .timedOut)
        #expect(SystemClock.monotonicNanoseconds - begin < 3_000_000_000)
    }

    @Test("silence after some pictures ends the read; so does the person, at once")
    func silence() throws {
        let pictures = try jpegs(3, in: TemporaryFolder())
        let server = LiveServer { client in
            client.send(Self.multipart)
            for picture in pictures { client.send(Self.part(picture)) }
            client.hang()
        }
        let silent = readToFailure(
            try openLive("http://127.0.0.1:\(server.port)/a") { $0.readSeconds = 0.5 })
        #expect(silent.failure?.reason == .timedOut)
        #expect(silent.packets.count >= 2)

        let cancellation = Cancellation()
        let input = try openLive("http://127.0.0.1:\(server.port)/a") {
            $0.readSeconds = 60
            $0.isCancelled = { cancellation.isCancelled }
        }
        let thread = JoinedThread(name: "cancel") {
            usleep(300_000)
            cancellation.cancel()
        }
        let begin = SystemClock.monotonicNanoseconds
        #expect(readToFailure(input).failure?.reason == .interrupted)
        #expect(SystemClock.monotonicNanoseconds - begin < 1_500_000_000)
        thread.join()
    }

    @Test("garbage is no media, and nothing worse", arguments: ["http", "rtsp", "rtmp"])
    func garbage(scheme: String) throws {
        let server = LiveServer(readsRequest: scheme == "http") { client in
            if scheme == "http" {
                client.send("HTTP/1.0 200 OK\r\nContent-Type: video/mp2t\r\n\r\n")
            }
            var random = SeededRandom(3)
            for _ in 0..<64 {
                client.send((0..<4096).map { _ in UInt8(truncatingIfNeeded: random.next()) })
            }
        }
        let failure = openingFailure("\(scheme)://127.0.0.1:\(server.port)/a") {
            $0.openSeconds = 2
        }
        let reason = try #require(failure?.reason)
        #expect([.damaged, .ended, .noVideo, .timedOut, .other].contains(reason))
    }

    @Test("MPEG-TS in datagrams: from the first key frame on, pictures and sound")
    func datagrams() throws {
        let folder = try TemporaryFolder()
        var clip = Clip()
        clip.times = Array(0..<60)
        clip.audio = [Clip.Audio(seconds: 2.4)]
        try clip.write(to: folder.path("a.ts"))
        let bytes = try bytesOf(folder.path("a.ts"))
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        let port = LiveServer.bind(descriptor)
        close(descriptor)
        let sender = JoinedThread(name: "sender") {
            usleep(300_000)
            // From the middle of a group of pictures.
            sendDatagrams(Array(bytes[(bytes.count / 3 / 188 * 188)...]), to: port)
            sendDatagrams(bytes, to: port)
        }
        let input = try openLive("udp://127.0.0.1:\(port)") { $0.readSeconds = 0.7 }
        let (packets, failure) = readToFailure(input)
        sender.join()
        #expect(failure?.reason == .timedOut)
        let video = packets.filter { $0.stream.info.kind == .video }
        #expect(video.first?.packet.isKey == true)
        #expect(video.count > 60)
        #expect(packets.contains { $0.stream.info.kind == .audio })
        let decoder = try input.makeDecoder(threads: 2)
        var last: Timestamp?
        for packet in video {
            for frame in try decoder.decode(packet.packet) {
                #expect(last.map { $0 < frame.timestamp } ?? true)
                last = frame.timestamp
            }
        }
        #expect(decoder.errors == 0)
    }

    @Test("a named pipe: waits for its writer, ends with it, and can be opened again")
    func pipe() throws {
        let folder = try TemporaryFolder()
        var clip = Clip()
        clip.bFrames = 2
        clip.times = Array(0..<30)
        try clip.write(to: folder.path("a.ts"))
        let bytes = try bytesOf(folder.path("a.ts"))
        let path = folder.path("pipe")
        mkfifo(path, 0o600)
        let timeline = LiveTimeline()
        var last = Int64.min
        for connection in 0..<2 {
            let writer = JoinedThread(name: "writer") {
                usleep(200_000)
                try? write(bytes, to: path)
            }
            let input = try openLive(path, connection: connection, timeline: timeline)
            let (packets, failure) = readToFailure(input)
            writer.join()
            #expect(failure?.reason == .ended)
            #expect(packets.count == 30)
            #expect(packets.first?.followsGap == (connection > 0))
            #expect(packets.allSatisfy { $0.stream.connection == connection })
            let decoder = try input.makeDecoder(threads: 2)
            var frames = try packets.flatMap { try decoder.decode($0.packet) }
            frames += try decoder.finish()
            #expect(frames.count == 30)
            for frame in frames {
                #expect(frame.timestamp.value > last)
                last = frame.timestamp.value
            }
        }
        #expect(
            openingFailure(path) { $0.openSeconds = 0.4 }?.reason == .timedOut)
    }

    @Test("a recording plays at its own speed, its packets arriving when they are due")
    func realtime() throws {
        let folder = try TemporaryFolder()
        var clip = Clip()
        clip.times = Array(0..<20)
        clip.audio = [Clip.Audio(seconds: 0.8)]
        try clip.write(to: folder.path("a.mp4"))
        let (packets, failure) = readToFailure(
            try openLive(folder.path("a.mp4"), isRealtime: true))
        #expect(failure?.reason == .ended)
        let video = packets.filter { $0.stream.info.kind == .video }
        #expect(video.count == 20)
        #expect(packets.count > 40)
        let first = try #require(video.first)
        for (index, packet) in video.enumerated() {
            // Never early; late only as far as the machine is busy.
            #expect(packet.arrival + 1_000_000 >= first.arrival + UInt64(index) * 40_000_000)
        }
    }

    @Test("sound alone is no video; a codec that nobody knows is said to be one")
    func unusable() throws {
        let folder = try TemporaryFolder()
        var clip = Clip()
        clip.times = Array(0..<5)
        clip.audio = [Clip.Audio(seconds: 1)]
        try clip.write(to: folder.path("a.mp4"))
        #expect(
            openingFailure(folder.path("a.mp4"), isRealtime: true) { $0.stream = 7 }?.reason
                == .noVideo)
        // An RTSP server that describes a codec without a decoder.
        let server = LiveServer(readsRequest: true) { client in
            let body =
                "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\nm=audio 0 RTP/AVP 0\r\n"
            client.send("RTSP/1.0 200 OK\r\nCSeq: 1\r\nPublic: DESCRIBE, SETUP, PLAY\r\n\r\n")
            usleep(100_000)
            client.send(
                "RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Type: application/sdp\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
            )
            usleep(100_000)
            client.send(
                "RTSP/1.0 200 OK\r\nCSeq: 3\r\nSession: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n"
            )
            usleep(100_000)
            client.send("RTSP/1.0 200 OK\r\nCSeq: 4\r\nSession: 1\r\n\r\n")
            client.hang()
        }
        let failure = openingFailure("rtsp://127.0.0.1:\(server.port)/a")
        #expect(failure?.reason == .noVideo, "\(String(describing: failure))")
    }
}
