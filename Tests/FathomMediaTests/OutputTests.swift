import CFFmpeg
import FathomCore
import FathomMedia
import Foundation
import TestSupport
import Testing

@Suite("Outputs")
struct OutputTests {
    private func longClip(in folder: TemporaryFolder) throws -> String {
        var clip = Clip()
        clip.setRate(Rational(25, 1), frames: 150)
        clip.audio = [Clip.Audio(seconds: 6)]
        clip.chapters = ["one", "two"]
        try clip.write(to: folder.path("a.mkv"))
        return folder.path("a.mkv")
    }

    @Test(
        "what is in work is playable, and has no final name",
        arguments: ["mp4", "mov", "mkv", "webm"])
    func partialIsPlayable(container: String) throws {
        let folder = try TemporaryFolder()
        let source = try longClip(in: folder)
        var settings = EncoderSettings(
            codec: .default(forExtension: container),
            preset: container == "webm" ? "8" : "ultrafast")
        settings.quality = 30
        // Never finished, as if the program had been killed.
        try Transcode.run(
            source, to: folder.path("out.\(container)"), settings: settings, finishes: false)
        #expect(folder.names == ["a.mkv", "out.partial.\(container)"])
        let run = try Transcode.read(folder.path("out.partial.\(container)"))
        #expect(run.frames.count >= 50)
        #expect(run.damagedFrames == 0)
    }

    @Test("at the end there is one file, with its index in front", arguments: ["mp4", "mov"])
    func finished(container: String) throws {
        let folder = try TemporaryFolder()
        let source = try longClip(in: folder)
        try Transcode.run(source, to: folder.path("out.\(container)"))
        #expect(folder.names == ["a.mkv", "out.\(container)"])
        let bytes = Data(try bytesOf(folder.path("out.\(container)")))
        let index = try #require(bytes.range(of: Data("moov".utf8)))
        let media = try #require(bytes.range(of: Data("mdat".utf8)))
        #expect(index.lowerBound < media.lowerBound)
        #expect(bytes.range(of: Data("moof".utf8)) == nil)
        let file = try ReadBack(folder.path("out.\(container)"))
        #expect(try file.first(AVMEDIA_TYPE_VIDEO).packets.count == 150)
        #expect(file.chapters.map(\.title) == ["one", "two"])
    }

    static let formats: [(VideoCodec, String, Int)] = [
        (.h264, "mp4", 8), (.h264, "mkv", 10), (.hevc, "mp4", 8), (.hevc, "mov", 10),
        (.vp9, "webm", 8), (.vp9, "mkv", 10), (.av1, "mp4", 8), (.av1, "mkv", 10),
        (.ffv1, "mkv", 8), (.ffv1, "mkv", 10), (.mjpeg, "mkv", 8), (.mjpeg, "mov", 10),
        (.prores, "mov", 8), (.prores, "mov", 10),
    ]

    @Test("every codec keeps each frame, its time and its look", arguments: 0..<14)
    func codecs(index: Int) throws {
        let (codec, container, bits) = Self.formats[index]
        try #require(codec.isAvailable, "the installed FFmpeg lacks \(codec.encoderName)")
        let folder = try TemporaryFolder()
        var clip = Clip()
        clip.width = 128
        clip.height = 96
        clip.encoder = "ffv1"
        clip.pixelFormat = bits == 8 ? "yuv420p" : "yuv420p10le"
        clip.matrix = AVCOL_SPC_BT709
        clip.range = AVCOL_RANGE_MPEG
        clip.timeBase = Rational(1, 1000)
        clip.times = [0, 40, 80, 120, 333, 366, 400, 1100, 1133, 1166, 1200, 1240]
        let unit = bits == 8 ? 1 : 4
        clip.paint = { _, plane, x, _ in
            unit * (plane == 0 ? (x < 64 ? 60 : 180) : plane == 1 ? 100 : 160)
        }
        try clip.write(to: folder.path("a.mkv"))
        let output = folder.path("out.\(container)")
        let run = try Transcode.run(
            folder.path("a.mkv"), to: output, settings: EncoderSettings(codec: codec, threads: 2))
        #expect(run.frames.count == 12)
        let made = try ReadBack(output).first(AVMEDIA_TYPE_VIDEO)
        let shown = clip.times.map { Timestamp($0, clip.timeBase) }
        #expect(agree(shown, made.times, within: 0.001), "\(made.times)")
        #expect(
            made.pixelFormat.contains("10") == (codec == .prores || (bits == 10 && codec != .mjpeg))
        )
        if codec == .hevc { #expect(made.tag == fathom_tag(104, 118, 99, 49)) }
        if codec != .mjpeg {
            #expect(made.matrix == AVCOL_SPC_BT709)
            #expect(made.range == AVCOL_RANGE_MPEG)
        }
        let back = try Transcode.read(output)
        #expect(back.frames.count == 12)
        let frame = try #require(back.frames.last)
        let scale = frame.format.bitDepth == 10 ? 4 : 1
        #expect(abs(frame.sample(0, 20, 40) - 60 * scale) <= 4 * scale)
        #expect(abs(frame.sample(0, 100, 40) - 180 * scale) <= 4 * scale)
        #expect(abs(frame.sample(1, 10, 20) - 100 * scale) <= 4 * scale)
        #expect(abs(frame.sample(2, 50, 20) - 160 * scale) <= 4 * scale)
    }

    @Test("a full disk is named, and what was written stays")
    func fullDisk() throws {
        let folder = try TemporaryFolder()
        let source = try longClip(in: folder)
        // Every write to this device fails as on a full disk.
        try FileManager.default.createSymbolicLink(
            atPath: folder.path("out.partial.mkv"), withDestinationPath: "/dev/full")
        let error = #expect(throws: FathomError.self) {
            try Transcode.run(source, to: folder.path("out.mkv"))
        }
        #expect(error?.cause == "the disk is full")
        #expect(!folder.names.contains("out.mkv"))
    }

    @Test("an output that can't or must not be written is refused before anything is done")
    func refused() throws {
        let folder = try TemporaryFolder()
        let source = try longClip(in: folder)
        func message(_ output: String, overwrites: Bool = false) -> FathomError? {
            var options = Muxer.Options()
            options.overwrites = overwrites
            return #expect(throws: FathomError.self) {
                try Transcode.run(source, to: output, options: options)
            }
        }
        #expect(message(folder.path("no/out.mp4"))?.cause == "its folder does not exist")
        #expect(message(source, overwrites: true)?.cause == "it is the input itself")
        #expect(message(folder.path("out.xyz"))?.code == .usage)
        #expect(message(folder.path("out"))?.code == .usage)
        try write([1], to: folder.path("b.mp4"))
        #expect(message(folder.path("b.mp4"))?.cause == "the file exists")
        #expect(try bytesOf(folder.path("b.mp4")) == [1])
        var options = Muxer.Options()
        options.overwrites = true
        try Transcode.run(source, to: folder.path("b.mp4"), options: options)
        #expect(try ReadBack(folder.path("b.mp4")).first(AVMEDIA_TYPE_VIDEO).packets.count == 150)
    }

    @Test("a codec that the container can't hold gives one line")
    func wrongContainer() throws {
        let folder = try TemporaryFolder()
        let source = try longClip(in: folder)
        let error = #expect(throws: FathomError.self) {
            try Transcode.run(
                source, to: folder.path("out.webm"), settings: EncoderSettings(preset: "ultrafast"))
        }
        #expect(error?.operation == "write")
        #expect(folder.names == ["a.mkv"])
    }

    @Test("a quality out of range or an unknown preset is wrong usage")
    func wrongSettings() throws {
        let folder = try TemporaryFolder()
        let source = try longClip(in: folder)
        for settings in [
            EncoderSettings(quality: 99), EncoderSettings(codec: .ffv1, quality: 3),
            EncoderSettings(bitrate: 1),
        ] {
            let error = #expect(throws: FathomError.self) {
                try Transcode.run(source, to: folder.path("out.mkv"), settings: settings)
            }
            #expect(error?.code == .usage)
        }
        #expect(folder.names == ["a.mkv"])
    }
}
