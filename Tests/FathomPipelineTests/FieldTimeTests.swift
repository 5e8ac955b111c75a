import CFFmpeg
import FathomCore
import FathomMedia
import FathomPipeline
import Foundation
import TestSupport
import Testing

/// What people lose with other tools: sound, frames, times. Whole runs, outputs read back.
@Suite("A whole run keeps time and everything else in the file")
struct FieldTimeTests {
    @Test("every sound, text and sensor track, chapters and titles come along, packet by packet")
    func everyTrack() throws {
        let folder = try TemporaryFolder()
        var clip = Clip()
        clip.setRate(Rational(25, 1), frames: 30)
        clip.bFrames = 2
        clip.audio = [
            Clip.Audio(seconds: 1.2, language: "eng"), Clip.Audio(seconds: 1, language: "fra"),
        ]
        clip.subtitles = [Clip.Subtitles([(0, 400, "left"), (500, 400, "right")], language: "deu")]
        clip.sensorData = ["N52.5 E13.4", "N52.6 E13.5", "N52.7 E13.6"]
        clip.chapters = ["town"]
        clip.metadata = ["title": "To work", "creation_time": "2024-05-06T07:08:09.000000Z"]
        try clip.write(to: folder.path("a.mp4"))
        let run = try RecordingRun.finished(folder.path("a.mp4"), to: folder.path("b.mp4"))
        #expect(run.report.warnings.isEmpty, "\(run.report.warnings)")
        let before = try ReadBack(folder.path("a.mp4"))
        let after = try ReadBack(folder.path("b.mp4"))
        for kind in [AVMEDIA_TYPE_AUDIO, AVMEDIA_TYPE_SUBTITLE] {
            #expect(before.all(kind).map(\.language) == after.all(kind).map(\.language))
            #expect(
                before.all(kind).map { $0.packets.map(\.bytes) }
                    == after.all(kind).map { $0.packets.map(\.bytes) })
        }
        func sensors(_ file: ReadBack) -> [[UInt8]] {
            file.all(AVMEDIA_TYPE_DATA).first { $0.codec == AV_CODEC_ID_BIN_DATA }?.packets
                .map(\.bytes) ?? []
        }
        #expect(sensors(before).count == 3)
        #expect(sensors(before) == sensors(after))
        #expect(after.chapters.map(\.title) == ["town"])
        #expect(after.metadata["title"] == "To work")
        #expect(after.metadata["creation_time"] == "2024-05-06T07:08:09.000000Z")

        let matroska = try RecordingRun.finished(folder.path("a.mp4"), to: folder.path("c.mkv"))
        #expect(matroska.report.warnings.contains { $0.contains("data") || $0.contains("gpmd") })
        #expect(try ReadBack(folder.path("c.mkv")).all(AVMEDIA_TYPE_AUDIO).count == 2)
    }

    struct Times: CustomStringConvertible, Sendable {
        let description: String
        let file: String
        let timeBase: Rational
        let times: [Int64]
        var options: [String: String] = [:]
    }

    static let times: [Times] = [
        Times(
            description: "a telephone's variable rate", file: "a.mp4",
            timeBase: Rational(1, 90000),
            times: [0, 2999, 6003, 8990, 12007, 15002, 20989, 24001, 26993, 30011]),
        Times(
            description: "a screen capture with gaps of 700 ms", file: "a.mkv",
            timeBase: Rational(1, 1000), times: [0, 40, 740, 780, 1480, 2180, 2220, 2960]),
        Times(
            description: "24000/1001", file: "a.mp4", timeBase: Rational(1, 24000),
            times: (0..<24).map { $0 * 1001 }),
        Times(
            description: "60000/1001", file: "a.mov", timeBase: Rational(1, 60000),
            times: (0..<24).map { $0 * 1001 }),
        Times(
            description: "times that begin below zero", file: "a.ts",
            timeBase: Rational(1, 90000),
            times: (0..<12).map { 8_589_934_592 - 18000 + $0 * 3600 },
            options: ["mpegts_copyts": "1"]),
    ]

    @Test("every frame comes out at its own time, none is lost at the end", arguments: times)
    func ownTimes(_ example: Times) throws {
        let folder = try TemporaryFolder()
        var clip = Clip()
        clip.timeBase = example.timeBase
        clip.times = example.times
        clip.bFrames = 2
        clip.muxerOptions = example.options
        try clip.write(to: folder.path(example.file))
        let run = try RecordingRun.finished(
            folder.path(example.file), to: folder.path("out.mp4"),
            ["layout": "depth", "smoothing": "strong"])
        #expect(run.report.framesIn == example.times.count)
        #expect(run.report.framesOut == example.times.count)
        #expect(run.hasLostNothing)
        let made = try ReadBack(folder.path("out.mp4")).first(AVMEDIA_TYPE_VIDEO)
        try #require(made.times.count == example.times.count)
        let first = example.times[0]
        for (time, written) in zip(example.times, made.times) {
            let expected = Timestamp(time - first, example.timeBase)
            let shift = Timestamp(written.value - made.times[0].value, made.timeBase)
            #expect(shift == expected)
        }
    }

    @Test("frames that an edit list hides stay hidden")
    func editList() throws {
        let folder = try TemporaryFolder()
        var clip = Clip()
        clip.setRate(Rational(25, 1), frames: 15, first: -3)
        clip.muxerOptions = ["avoid_negative_ts": "disabled", "use_editlist": "1"]
        try clip.write(to: folder.path("a.mp4"))
        let run = try RecordingRun.finished(folder.path("a.mp4"), to: folder.path("b.mp4"))
        #expect(run.report.framesOut == 12)
        let made = try ReadBack(folder.path("b.mp4")).first(AVMEDIA_TYPE_VIDEO)
        #expect(made.times.count == 12)
        #expect(made.times.first == Timestamp(0, made.timeBase))
    }

    @Test("a rate of 30000/1001 is never rounded: an hour of it would be right to the tick")
    func exactRate() throws {
        let folder = try TemporaryFolder()
        var clip = Clip()
        clip.setRate(Rational(30000, 1001), frames: 12)
        try clip.write(to: folder.path("a.mp4"))
        try RecordingRun.finished(
            folder.path("a.mp4"), to: folder.path("b.mp4"), ["fps": "30000/1001"])
        // Counted from a frame that an hour of this rate would have.
        for path in ["a.mp4", "b.mp4"] {
            let video = try ReadBack(folder.path(path)).first(AVMEDIA_TYPE_VIDEO)
            #expect(video.times == (0..<12).map { Timestamp($0 * 1001, Rational(1, 30000)) })
        }
    }

    @Test("a constant rate comes only when asked for, and says what it skipped and repeated")
    func constantRate() throws {
        let folder = try TemporaryFolder()
        var clip = Clip()
        clip.timeBase = Rational(1, 1000)
        clip.times = [0, 10, 20, 100, 200, 500, 520]
        try clip.write(to: folder.path("a.mkv"))
        let run = try RecordingRun.finished(
            folder.path("a.mkv"), to: folder.path("b.mp4"), ["fps": "25"])
        let times = try ReadBack(folder.path("b.mp4")).first(AVMEDIA_TYPE_VIDEO).times
        #expect(times == times.indices.map { Timestamp(Int64($0), Rational(1, 25)) })
        #expect(times.count >= 13)
        #expect(run.report.framesSkipped > 0)
        #expect(run.report.warnings.contains { $0.contains("more than once") })
    }

    @Test("time is the frame's own, whatever count or length the container claims")
    func lyingContainer() throws {
        let folder = try TemporaryFolder()
        var clip = Clip()
        clip.encoder = "mpeg4"
        clip.setRate(Rational(15, 1), frames: 14)
        try clip.write(to: folder.path("a.avi"))
        var bytes = try Data(contentsOf: folder.url.appendingPathComponent("a.avi"))
        // Frames of the file and of the stream: 444 instead of 14.
        for (chunk, place) in [("avih", 24), ("strh", 40)] {
            let start = try #require(bytes.range(of: Data(chunk.utf8))).lowerBound
            #expect(bytes[start + place] == 14)
            bytes.replaceSubrange(start + place..<start + place + 4, with: [188, 1, 0, 0])
        }
        try folder.write("b.avi", bytes)
        let run = try RecordingRun.finished(folder.path("b.avi"), to: folder.path("b.mp4"))
        #expect(run.report.framesOut == 14)
        let video = try ReadBack(folder.path("b.mp4")).first(AVMEDIA_TYPE_VIDEO)
        #expect(video.times == (0..<14).map { Timestamp($0, Rational(1, 15)) })
    }

    @Test("frames left out because it was asked for are counted as such")
    func asked() throws {
        let folder = try TemporaryFolder()
        var clip = Clip()
        clip.setRate(Rational(25, 1), frames: 40)
        clip.bFrames = 2
        try clip.write(to: folder.path("a.mp4"))
        let every = try RecordingRun.finished(
            folder.path("a.mp4"), to: folder.path("every.mp4"), ["every": "7"])
        #expect(every.report.framesIn == 40)
        #expect(every.report.framesOut == 6)
        #expect(every.hasLostNothing)
        let part = try RecordingRun.finished(
            folder.path("a.mp4"), to: folder.path("part.mp4"),
            ["start": "0.4", "duration": "0.4"])
        #expect(part.report.framesOut == 10)
        #expect(part.hasLostNothing)
        #expect(try ReadBack(folder.path("part.mp4")).first(AVMEDIA_TYPE_VIDEO).times.count == 10)
    }

    @Test("the manifest has each depth frame's time in the source, to the tick")
    func manifest() throws {
        let folder = try TemporaryFolder()
        var clip = Clip()
        clip.timeBase = Rational(1, 90000)
        clip.times = [0, 2999, 6003, 8990, 20989, 24001]
        clip.bFrames = 1
        try clip.write(to: folder.path("a.mp4"))
        try RecordingRun.finished(
            folder.path("a.mp4"), to: folder.path("b.mp4"),
            ["frames": "npy", "frames-size": "network"])
        let manifest = try Manifest(path: folder.path("b.frames/manifest.jsonl"))
        #expect(
            manifest.frames.map(\.timestamp)
                == clip.times.map { Timestamp($0, Rational(1, 90000)) })
        #expect(manifest.frames.map(\.file) == (0..<6).map { String(format: "%08d.npy", $0) })
        let video = try ReadBack(folder.path("b.mp4")).first(AVMEDIA_TYPE_VIDEO)
        #expect(video.times == manifest.frames.map(\.timestamp))
    }

    @Test("behind a damaged place the work goes on, and the account says where it was")
    func damage() throws {
        let folder = try TemporaryFolder()
        var clip = Clip()
        clip.width = 160
        clip.height = 120
        clip.setRate(Rational(25, 1), frames: 75)
        clip.keyFrameDistance = 8
        try clip.write(to: folder.path("a.ts"))
        var bytes = try Data(contentsOf: folder.url.appendingPathComponent("a.ts"))
        var state: UInt32 = 7
        for place in stride(from: bytes.count / 3, to: bytes.count / 3 + 4000, by: 3) {
            state = state &* 1_664_525 &+ 1_013_904_223
            bytes[place] = UInt8(state >> 24)
        }
        try folder.write("b.ts", bytes)
        let run = try RecordingRun.finished(folder.path("b.ts"), to: folder.path("b.mp4"))
        #expect(run.report.framesOut > 40)
        #expect(run.hasLostNothing)
        #expect(run.report.isDamaged)
        #expect(run.report.warnings.contains { $0.contains("damaged") })
        #expect(run.report.result == .finished)
        let times = try ReadBack(folder.path("b.mp4")).first(AVMEDIA_TYPE_VIDEO).times
        #expect(times.count == run.report.framesOut)
        #expect(try #require(times.last).seconds > 2.8)
    }

    @Test("a recording that was cut off names the cause and a repair, and leaves nothing")
    func cutOff() throws {
        let folder = try TemporaryFolder()
        try Clip().write(to: folder.path("a.mp4"))
        let bytes = try Data(contentsOf: folder.url.appendingPathComponent("a.mp4"))
        try folder.write("cut.mp4", bytes.prefix(1500))
        let run = try RecordingRun(folder.path("cut.mp4"), to: folder.path("out.mp4"))
        #expect(run.error?.cause.contains("moov") == true)
        #expect(run.error?.remedy.contains("untrunc") == true)
        #expect(run.report.result == .failed)
        #expect(folder.names == ["a.mp4", "cut.mp4"])
    }

    @Test(
        "killed at any moment, what was made until then can be played",
        arguments: ["mp4", "mov", "mkv"])
    func killed(container: String) throws {
        let folder = try TemporaryFolder()
        var clip = Clip()
        clip.setRate(Rational(25, 1), frames: 200)
        clip.audio = [Clip.Audio(seconds: 8)]
        try clip.write(to: folder.path("a.mkv"))
        let recording = try Data(contentsOf: folder.url.appendingPathComponent("a.mkv"))
        let partial = folder.path("out.partial.\(container)")
        let result = try Program.run(
            "fathom",
            [
                "run", "-", "-o", "out.\(container)", "--size", "64", "--preset", "ultrafast",
                "--quiet",
            ],
            in: folder.url, openInput: recording
        ) { process in
            // Nothing more arrives: what is under way is on disk, and the file is not closed.
            let hasGrown = Program.wait(for: process) {
                ((try? DecodedPicture.read(partial))?.count ?? 0) > 20
            }
            #expect(hasGrown)
            kill(process.processIdentifier, SIGKILL)
        }
        #expect(result.status == -SIGKILL)
        #expect(folder.names == ["a.mkv", "out.partial.\(container)"])
        let pictures = try DecodedPicture.read(partial)
        #expect(pictures.count > 20)
        #expect(
            pictures.map(\.timestamp.seconds)
                == pictures.map(\.timestamp.seconds).sorted())
    }
}
