import CFFmpeg
import FathomCore
import FathomMedia
import Foundation
import TestSupport
import Testing

@Suite("Everything else in the file")
struct StreamTests {
    /// A clip with something of everything.
    private func everything() -> Clip {
        var clip = Clip()
        clip.setRate(Rational(25, 1), frames: 50)
        clip.audio = [
            Clip.Audio(seconds: 2, language: "eng"), Clip.Audio(seconds: 1.5, language: "fra"),
        ]
        clip.subtitles = [
            Clip.Subtitles([(0, 500, "one"), (900, 600, "two")], language: "deu"),
            Clip.Subtitles([(200, 500, "trois")], language: "fra"),
        ]
        clip.chapters = ["start", "end"]
        clip.metadata = ["title": "A walk", "creation_time": "2024-05-06T07:08:09.000000Z"]
        return clip
    }

    @Test("all sound and text survives, packet by packet", arguments: ["mp4", "mov", "mkv"])
    func everyPacketSurvives(container: String) throws {
        let folder = try TemporaryFolder()
        let source = folder.path("a.\(container)")
        let output = folder.path("out.\(container)")
        try everything().write(to: source)
        let run = try Transcode.run(source, to: output)
        #expect(run.warnings.isEmpty)
        let before = try ReadBack(source)
        let after = try ReadBack(output)
        for kind in [AVMEDIA_TYPE_AUDIO, AVMEDIA_TYPE_SUBTITLE] {
            let left = before.all(kind)
            let right = after.all(kind)
            try #require(left.count == 2 && right.count == 2)
            for (a, b) in zip(left, right) {
                #expect(a.codecName == b.codecName)
                #expect(a.language == b.language)
                #expect(a.packets.map(\.bytes) == b.packets.map(\.bytes))
                #expect(agree(a.times, b.times, within: 0.001))
            }
        }
        #expect(after.chapters.map(\.title) == ["start", "end"])
        #expect(after.chapters.map(\.start) == [0, 1])
        #expect(after.metadata["title"] == "A walk")
        #expect(after.metadata["creation_time"] == "2024-05-06T07:08:09.000000Z")
        #expect(
            before.streams.map(\.kind).filter { $0 != AVMEDIA_TYPE_DATA }
                == after.streams.map(\.kind).filter { $0 != AVMEDIA_TYPE_DATA })
    }

    @Test("text goes from MP4 to Matroska and back with its words and times")
    func textChangesItsForm() throws {
        let folder = try TemporaryFolder()
        try everything().write(to: folder.path("a.mkv"))
        try Transcode.run(folder.path("a.mkv"), to: folder.path("b.mp4"))
        let inMP4 = try ReadBack(folder.path("b.mp4")).all(AVMEDIA_TYPE_SUBTITLE)
        #expect(inMP4.map(\.codecName) == ["mov_text", "mov_text"])
        try Transcode.run(folder.path("b.mp4"), to: folder.path("c.mkv"))
        let file = try ReadBack(folder.path("c.mkv"))
        let back = file.all(AVMEDIA_TYPE_SUBTITLE)
        try #require(back.count == 2)
        let words = back[0].packets
        // Matroska has no times below zero: what leads in the sound moves everything by some milliseconds.
        let start = try #require(file.first(AVMEDIA_TYPE_VIDEO).times.first).seconds
        #expect(words.map { String(decoding: $0.bytes, as: UTF8.self) } == ["one", "two"])
        let times = words.map { Timestamp($0.pts, back[0].timeBase).seconds - start }
        try #require(times.count == 2)
        #expect(abs(times[0]) < 0.0015 && abs(times[1] - 0.9) < 0.0015)
    }

    @Test("a camera's sensor track survives in MP4, and is named where it can't")
    func sensorTrack() throws {
        let folder = try TemporaryFolder()
        var clip = Clip()
        clip.sensorData = ["DEVC one", "DEVC two", "DEVC three"]
        try clip.write(to: folder.path("a.mp4"))
        let kept = try Transcode.run(folder.path("a.mp4"), to: folder.path("b.mp4"))
        #expect(kept.warnings.isEmpty)
        let sensors = try ReadBack(folder.path("b.mp4")).first(AVMEDIA_TYPE_DATA)
        #expect(
            sensors.packets.map { String(decoding: $0.bytes, as: UTF8.self) } == clip.sensorData)
        #expect(sensors.tag == fathom_tag(103, 112, 109, 100))
        let lost = try Transcode.run(folder.path("a.mp4"), to: folder.path("c.mkv"))
        #expect(lost.warnings.contains { $0.contains("gpmd") && $0.contains("can't hold it") })
    }

    @Test("free metadata keys survive in MP4")
    func freeKeys() throws {
        let folder = try TemporaryFolder()
        var clip = Clip()
        clip.metadata = ["com.apple.quicktime.make": "Maker", "title": "A walk"]
        clip.muxerOptions = ["movflags": "use_metadata_tags"]
        try clip.write(to: folder.path("a.mp4"))
        try Transcode.run(folder.path("a.mp4"), to: folder.path("b.mp4"))
        let after = try ReadBack(folder.path("b.mp4")).metadata
        #expect(after["com.apple.quicktime.make"] == "Maker")
        #expect(after["title"] == "A walk")
    }

    @Test("sound and data are left out when asked")
    func leftOut() throws {
        let folder = try TemporaryFolder()
        try everything().write(to: folder.path("a.mkv"))
        var options = Muxer.Options()
        options.copiesAudio = false
        try Transcode.run(folder.path("a.mkv"), to: folder.path("b.mkv"), options: options)
        let noSound = try ReadBack(folder.path("b.mkv"))
        #expect(noSound.all(AVMEDIA_TYPE_AUDIO).isEmpty)
        #expect(noSound.all(AVMEDIA_TYPE_SUBTITLE).count == 2)
        options.copiesAudio = true
        options.copiesData = false
        try Transcode.run(folder.path("a.mkv"), to: folder.path("c.mkv"), options: options)
        let noData = try ReadBack(folder.path("c.mkv"))
        #expect(noData.all(AVMEDIA_TYPE_AUDIO).count == 2)
        #expect(noData.all(AVMEDIA_TYPE_SUBTITLE).isEmpty)
    }

    @Test("sound outside of the wanted time is left out")
    func window() throws {
        let folder = try TemporaryFolder()
        try everything().write(to: folder.path("a.mkv"))
        var options = Muxer.Options()
        options.start = Timestamp(500, Rational(1, 1000))
        options.end = Timestamp(1000, Rational(1, 1000))
        try Transcode.run(folder.path("a.mkv"), to: folder.path("b.mkv"), options: options)
        let sound = try ReadBack(folder.path("b.mkv")).first(AVMEDIA_TYPE_AUDIO).times
        let first = try #require(sound.first)
        let last = try #require(sound.last)
        #expect(first.seconds > 0.46 && first.seconds <= 0.53)
        #expect(last.seconds < 1.03)
    }

    @Test("sound in transport headers goes into MP4")
    func broadcastSound() throws {
        let folder = try TemporaryFolder()
        var clip = Clip()
        clip.setRate(Rational(25, 1), frames: 25)
        clip.audio = [Clip.Audio(seconds: 1)]
        try clip.write(to: folder.path("a.ts"))
        try Transcode.run(folder.path("a.ts"), to: folder.path("b.mp4"))
        let before = try ReadBack(folder.path("a.ts")).first(AVMEDIA_TYPE_AUDIO)
        let after = try ReadBack(folder.path("b.mp4")).first(AVMEDIA_TYPE_AUDIO)
        #expect(after.packets.map(\.bytes) == before.packets.map { Array($0.bytes.dropFirst(7)) })
    }

    @Test("of several streams the video is taken, or the one that is asked for")
    func severalVideos() throws {
        let folder = try TemporaryFolder()
        try everything().write(to: folder.path("a.mkv"))
        let demuxer = try Demuxer(.file(folder.path("a.mkv")))
        #expect(try demuxer.chooseVideo().index == 0)
        #expect(try demuxer.chooseVideo(0).index == 0)
        let error = #expect(throws: FathomError.self) { try demuxer.chooseVideo(7) }
        #expect(error?.code == .usage)
        let info = demuxer.info
        let text = try JSONEncoder().encode(info)
        #expect(try JSONDecoder().decode(MediaInfo.self, from: text) == info)
        #expect(info.streams.map(\.kind) == [.video, .audio, .audio, .subtitle, .subtitle])
        #expect(info.chapters.map(\.title) == ["start", "end"])
    }
}
