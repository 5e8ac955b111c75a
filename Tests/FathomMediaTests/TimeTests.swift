import CFFmpeg
import FathomCore
import FathomMedia
import TestSupport
import Testing

@Suite("Times of frames")
struct TimeTests {
    /// A clip whose times are a trap, in a container that can hold them.
    struct Case: CustomStringConvertible, Sendable {
        let description: String
        let file: String
        let timeBase: Rational
        let times: [Int64]
        var bFrames = 0
        var options: [String: String] = [:]
    }

    static let cases: [Case] = [
        Case(
            description: "a telephone's variable rate", file: "a.mp4", timeBase: Rational(1, 90000),
            times: [0, 2999, 6003, 8990, 12007, 15002, 20989, 24001, 26993, 30011], bFrames: 2),
        Case(
            description: "a screen capture with gaps of 700 ms", file: "a.mp4",
            timeBase: Rational(1, 1000), times: [0, 40, 740, 780, 1480, 2180, 2220, 2260, 2960]),
        Case(
            description: "24000/1001", file: "a.mp4", timeBase: Rational(1, 24000),
            times: (0..<50).map { $0 * 1001 }, bFrames: 2),
        Case(
            description: "60000/1001", file: "a.mp4", timeBase: Rational(1, 60000),
            times: (0..<70).map { $0 * 1001 }, bFrames: 1),
        Case(
            description: "a start that is not zero", file: "a.mp4", timeBase: Rational(1, 30000),
            times: (0..<12).map { 2002 + $0 * 1001 }, bFrames: 2),
        Case(
            description: "millisecond ticks of Matroska", file: "a.mkv",
            timeBase: Rational(1, 1000),
            times: [0, 33, 67, 100, 133, 167, 900, 933]),
        Case(
            description: "a counter that runs over and makes the first times negative",
            file: "a.ts", timeBase: Rational(1, 90000),
            times: (0..<20).map { 8_589_934_592 - 18000 + $0 * 3600 },
            options: ["mpegts_copyts": "1"]),
        Case(
            description: "an AVI's plain count", file: "a.avi", timeBase: Rational(1, 30),
            times: Array(0..<15)),
    ]

    @Test("every frame keeps its time to the tick", arguments: cases, ["mp4", "mov", "mkv"])
    func timesAreKept(_ example: Case, container: String) throws {
        let folder = try TemporaryFolder()
        var clip = Clip()
        clip.timeBase = example.timeBase
        clip.times = example.times
        clip.bFrames = example.bFrames
        clip.muxerOptions = example.options
        clip.audio = [Clip.Audio(seconds: 0.3)]
        if example.file.hasSuffix(".avi") { clip.encoder = "mpeg4"; clip.audio = [] }
        let source = folder.path(example.file)
        try clip.write(to: source)

        let output = folder.path("out.\(container)")
        var settings = EncoderSettings(preset: "veryfast")
        settings.quality = 18
        let run = try Transcode.run(source, to: output, settings: settings)
        #expect(run.frames.count == example.times.count)
        let shown = example.times.map { Timestamp($0, example.timeBase) }
        #expect(agree(shown, run.times, within: 1e-9), "decoded \(run.times)")

        let made = try ReadBack(output).first(AVMEDIA_TYPE_VIDEO)
        let tick = container == "mkv" ? 0.001 : 1e-9
        #expect(agree(shown, made.times, within: tick), "written \(made.times)")
        #expect(made.packets.allSatisfy { !$0.isDiscarded })
    }

    @Test("sound and picture keep their distance", arguments: ["mp4", "mkv"])
    func soundStaysInPlace(container: String) throws {
        let folder = try TemporaryFolder()
        var clip = Clip()
        clip.setRate(Rational(30000, 1001), frames: 30, first: 3)
        clip.bFrames = 2
        clip.audio = [Clip.Audio(seconds: 1)]
        try clip.write(to: folder.path("a.mp4"))
        try Transcode.run(folder.path("a.mp4"), to: folder.path("out.\(container)"))
        func distance(_ path: String) throws -> Double {
            let file = try ReadBack(path)
            let picture = try #require(try file.first(AVMEDIA_TYPE_VIDEO).times.first)
            let sound = try #require(try file.first(AVMEDIA_TYPE_AUDIO).times.first)
            return sound.seconds - picture.seconds
        }
        let before = try distance(folder.path("a.mp4"))
        let after = try distance(folder.path("out.\(container)"))
        #expect(abs(before - after) < (container == "mp4" ? 0.0001 : 0.0015))
    }

    @Test("a raw stream without times gets those of its frame rate")
    func rawStream() throws {
        let folder = try TemporaryFolder()
        var clip = Clip()
        clip.setRate(Rational(24, 1), frames: 30)
        clip.bFrames = 2
        clip.format = "h264"
        try clip.write(to: folder.path("a.h264"))
        let run = try Transcode.read(folder.path("a.h264"))
        #expect(run.frames.count == 30)
        for (index, time) in run.times.enumerated() {
            #expect(abs(time.seconds - Double(index) / 24) < 0.0001)
        }
        #expect(run.warnings.contains { $0.contains("30 frames had no time stamp") })
    }

    @Test("frames that an edit list hides are not shown")
    func editList() throws {
        let folder = try TemporaryFolder()
        var clip = Clip()
        // The muxer makes an edit list that starts at zero: three frames lie before it.
        clip.setRate(Rational(25, 1), frames: 20, first: -3)
        clip.muxerOptions = ["avoid_negative_ts": "disabled", "use_editlist": "1"]
        try clip.write(to: folder.path("a.mp4"))
        let run = try Transcode.run(folder.path("a.mp4"), to: folder.path("out.mp4"))
        #expect(run.frames.count == 17)
        let made = try ReadBack(folder.path("out.mp4")).first(AVMEDIA_TYPE_VIDEO)
        #expect(made.times.count == 17)
        #expect(made.times.first?.seconds == 0)
    }

    @Test("seeking goes to the key frame before")
    func seeking() throws {
        let folder = try TemporaryFolder()
        var clip = Clip()
        clip.setRate(Rational(25, 1), frames: 100)
        clip.keyFrameDistance = 10
        try clip.write(to: folder.path("a.mp4"))
        let demuxer = try Demuxer(.file(folder.path("a.mp4")))
        let video = try demuxer.chooseVideo()
        #expect(demuxer.seek(to: Timestamp(57, Rational(1, 25)), stream: video))
        let packet = try #require(try demuxer.nextPacket())
        #expect(packet.isKey)
        let time = try #require(packet.timestamp)
        #expect(time <= Timestamp(57, Rational(1, 25)) && time >= Timestamp(47, Rational(1, 25)))
    }
}
