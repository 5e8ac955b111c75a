import CFFmpeg
import FathomCore
import FathomMedia
import Foundation
import TestSupport
import Testing

@Suite struct LiveOutputWriterTests {
    static let tick = Rational(1, 90000)

    /// Pictures of a moving ramp at 25 a second.
    private func pictures(
        _ count: Int, width: Int = 96, height: Int = 64,
        chroma: PictureFormat.Chroma = .c420, bitDepth: Int = 8
    ) throws -> [VideoFrame] {
        let pool = try FramePool(
            format: PictureFormat(
                width: width, height: height, chroma: chroma, bitDepth: bitDepth))
        return try (0..<count).map { index in
            let frame = try pool.makeFrame(
                timestamp: Timestamp(90000 + Int64(index) * 3600, Self.tick), duration: 3600)
            frame.withMutablePicture { view in
                let planes = [view.planes.0, view.planes.1, view.planes.2]
                let strides = [view.strides.0, view.strides.1, view.strides.2]
                for plane in 0..<3 {
                    for y in 0..<view.format.planeHeight(plane) {
                        for x in 0..<view.format.planeWidth(plane) {
                            let value =
                                plane == 0 ? 40 + (x + y + 4 * index) % 150 : 128
                            let place = planes[plane] + y * strides[plane]
                            if bitDepth > 8 {
                                place.storeBytes(
                                    of: UInt16(value * 4), toByteOffset: 2 * x, as: UInt16.self)
                            } else {
                                place.storeBytes(
                                    of: UInt8(value), toByteOffset: x, as: UInt8.self)
                            }
                        }
                    }
                }
            }
            return frame
        }
    }

    /// An encoder for pictures as they are, its stream, and a packet of each picture.
    private func encode(
        _ pictures: [VideoFrame], codec: VideoCodec = .h264, keys: Set<Int> = [0]
    ) throws -> (stream: LiveStream, packets: [LivePacket]) {
        let encoder = try Encoder(
            EncoderSettings(codec: codec, isLive: true), format: pictures[0].format,
            timeBase: Self.tick, frameRate: Rational(25, 1), sampleAspectRatio: Rational(1, 1),
            container: .matroska)
        let stream = try encoder.makeLiveStream(connection: 0)
        var packets: [LivePacket] = []
        for (index, picture) in pictures.enumerated() {
            let ready = try encoder.encode(picture, asKeyFrame: keys.contains(index))
            #expect(ready.count == 1, "\(codec) holds pictures back")
            packets += ready.map {
                LivePacket(
                    packet: $0, stream: stream, arrival: 0,
                    wallTime: WallTime(seconds: 0, source: .arrival), followsGap: false)
            }
        }
        return (stream, packets)
    }

    @Test(
        "each picture comes out at once, and key frames are where they were asked for",
        arguments: [VideoCodec.h264, .hevc, .vp9])
    func atOnce(codec: VideoCodec) throws {
        let (_, packets) = try encode(try pictures(40), codec: codec, keys: [0, 7, 23])
        #expect(packets.indices.filter { packets[$0].packet.isKey } == [0, 7, 23])
        #expect(
            packets.compactMap { $0.packet.timestamp?.value }
                == (0..<40).map { 90000 + $0 * 3600 })
    }

    @Test(
        "what is sent is 8 bit and 4:2:0 with even sides, whatever the picture is",
        arguments: [
            (97, 65, PictureFormat.Chroma.c420, 8), (96, 64, .c422, 8), (50, 40, .c444, 10),
        ])
    func whatPlayersTake(
        width: Int, height: Int, chroma: PictureFormat.Chroma, bitDepth: Int
    ) throws {
        let folder = try TemporaryFolder()
        let (stream, packets) = try encode(
            try pictures(5, width: width, height: height, chroma: chroma, bitDepth: bitDepth))
        let writer = try StreamWriter(.file(folder.path("a.mkv")), streams: [stream])
        for packet in packets { try writer.write(packet) }
        try writer.finish()
        let read = try DecodedPicture.read(folder.path("a.mkv"))
        #expect(read.count == 5)
        for picture in read {
            #expect(picture.pixelFormat == "yuv420p")
            #expect(picture.width == width / 2 * 2 && picture.height == height / 2 * 2)
        }
    }

    @Test("times are kept, counted from the origin; what lies before it is left out")
    func times() throws {
        let folder = try TemporaryFolder()
        let (stream, packets) = try encode(try pictures(30), keys: [0, 10])
        let writer = try StreamWriter(
            .file(folder.path("a.mkv")), streams: [stream], origin: 90000 + 10 * 3600)
        var written = 0
        for packet in packets { if try writer.write(packet) { written += 1 } }
        try writer.finish()
        #expect(written == 20)
        #expect(writer.bytesWritten > 1000)
        let read = try ReadBack(folder.path("a.mkv")).first(AVMEDIA_TYPE_VIDEO)
        #expect(read.times.map { Int(($0.seconds * 1000).rounded()) } == (0..<20).map { $0 * 40 })
    }

    @Test("a file that nobody finished plays up to the last half second")
    func unfinished() throws {
        let folder = try TemporaryFolder()
        let (stream, packets) = try encode(try pictures(100))
        let writer = try StreamWriter(.file(folder.path("a.mkv")), streams: [stream])
        for packet in packets { try writer.write(packet) }
        // As it is on the disk when the program is killed here.
        try FileManager.default.copyItem(
            atPath: folder.path("a.mkv"), toPath: folder.path("killed.mkv"))
        #expect(try DecodedPicture.read(folder.path("killed.mkv")).count >= 85)
    }

    @Test("a stream that fits takes the place of another one; one that doesn't is refused")
    func nextConnection() throws {
        let folder = try TemporaryFolder()
        let (stream, packets) = try encode(try pictures(10))
        let (again, more) = try encode(try pictures(10))
        let (other, _) = try encode(try pictures(1, width: 64))
        let writer = try StreamWriter(.file(folder.path("a.mkv")), streams: [stream])
        for packet in packets { try writer.write(packet) }
        #expect(!writer.holds(again))
        #expect(writer.adopt(again))
        #expect(!writer.adopt(other))
        // Its clock stands where the first one began: times go on rising all the same.
        for packet in more { try writer.write(packet) }
        try writer.finish()
        let times = try ReadBack(folder.path("a.mkv")).first(AVMEDIA_TYPE_VIDEO).packets.map(\.pts)
        #expect(times.count == 20)
        #expect(times == times.sorted())
    }

    @Test("sound goes along to every kind of server and into recordings")
    func sound() throws {
        let folder = try TemporaryFolder()
        var clip = Clip()
        clip.audio = [Clip.Audio(seconds: 0.5)]
        try clip.write(to: folder.path("a.mkv"))
        let demuxer = try Demuxer(.file(folder.path("a.mkv")))
        let info = try #require(demuxer.info.streams.first { $0.kind == .audio })
        let stream = try LiveStream(info, of: demuxer)
        for address in ["rtsp://h/a", "rtmp://h/a/b", "srt://h:1"] {
            #expect(StreamWriter.canHold(stream, in: .server(try PushAddress(address))))
        }
        #expect(StreamWriter.canHold(stream, in: .file("a.mkv")))
    }

    @Test("a transport stream in memory is cut into pieces that begin with their headers")
    func memory() throws {
        let folder = try TemporaryFolder()
        let (stream, packets) = try encode(try pictures(60), keys: [0, 20, 40])
        let writer = try StreamWriter(.memory, streams: [stream])
        for (index, packet) in packets.enumerated() {
            if index % 20 == 0, index > 0 {
                let path = try folder.write("\(index).ts", Data(try writer.takeBytes()))
                #expect(try DecodedPicture.read(path).count == 20)
            }
            try writer.write(packet)
        }
        try writer.finish()
    }

    @Test(
        "a place that can't be written to is an error that says so",
        arguments: ["/nowhere/at/all.mkv", "rtsp://127.0.0.1:1/depth"])
    func errors(place: String) throws {
        let (stream, _) = try encode(try pictures(1))
        let target: StreamWriter.Target =
            place.hasPrefix("/") ? .file(place) : .server(try PushAddress(place))
        let error = #expect(throws: FathomError.self) {
            _ = try StreamWriter(target, streams: [stream])
        }
        #expect(error?.subject == place)
        #expect(error?.cause.isEmpty == false)
    }

    @Test(
        "addresses are named without what is secret, and others are refused without it, too",
        arguments: [
            "rtsp://me:secret@host:8554/depth", "rtmp://host/live/depth?key=secret",
            "srt://host:9000?passphrase=secretsecret&mode=caller", "ftp://me:secret@host/",
            "http://host/?token=secret", "secret@host",
        ])
    func names(address: String) throws {
        do {
            let parsed = try PushAddress(address)
            #expect(!parsed.name.contains("secret") && parsed.name.contains("host"))
        } catch {
            #expect(error.code == .usage)
            #expect(!"\(error)".contains("secret"))
        }
    }
}
