import CFFmpeg
import FathomCore
import FathomMedia
import Foundation
import TestSupport
import Testing

func bytesOf(_ path: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
}

func write(_ bytes: [UInt8], to path: String) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: path))
}

@Suite("Inputs, good and bad")
struct InputTests {
    private func picture(_ path: String, brightness: Int) throws {
        var clip = Clip()
        clip.encoder = path.hasSuffix("png") ? "png" : "mjpeg"
        clip.pixelFormat = path.hasSuffix("png") ? "gray" : "yuvj420p"
        clip.format = "image2"
        clip.times = [0]
        clip.muxerOptions = ["update": "1"]
        clip.paint = { _, plane, _, _ in plane == 0 ? brightness : 128 }
        try clip.write(to: path)
    }

    @Test("a folder of pictures is shown in natural order, whatever their kinds")
    func folderOfPictures() throws {
        let folder = try TemporaryFolder()
        for (name, brightness) in [("f9.jpg", 60), ("f10.png", 120), ("f100.jpg", 180)] {
            try picture(folder.path(name), brightness: brightness)
        }
        try write([1, 2, 3], to: folder.path("notes.txt"))
        let run = try Transcode.read(folder.url.path)
        #expect(run.times.map(\.value) == [0, 1, 2])
        let values = run.frames.map { $0.sample(0, 10, 10) }
        #expect(values.sorted() == values && Set(values).count == 3)
    }

    @Test("a pattern may begin at any number and skip some")
    func pattern() throws {
        let folder = try TemporaryFolder()
        for number in ["0420", "0421", "0423"] {
            try picture(folder.path("frame-\(number).jpg"), brightness: 100)
        }
        try picture(folder.path("other.jpg"), brightness: 100)
        let input = try MediaInput.resolve(folder.path("frame-%04d.jpg"))
        guard case .pictures(let paths, _) = input else {
            Issue.record("not pictures: \(input)")
            return
        }
        #expect(paths.map { $0.suffix(8) } == ["0420.jpg", "0421.jpg", "0423.jpg"])
        #expect(try Transcode.read(folder.path("frame-%04d.jpg")).frames.count == 3)
    }

    @Test("a still is a video of one frame", arguments: ["a.jpg", "a.png", "100%.jpg"])
    func still(name: String) throws {
        let folder = try TemporaryFolder()
        try picture(folder.path("p" + name.suffix(4)), brightness: 90)
        try FileManager.default.moveItem(
            atPath: folder.path("p" + name.suffix(4)), toPath: folder.path(name))
        let run = try Transcode.run(folder.path(name), to: folder.path("out.mp4"))
        #expect(run.frames.count == 1)
        #expect(try ReadBack(folder.path("out.mp4")).streams.count == 1)
    }

    /// What a person may hand over by mistake, and words of the answer.
    static let mistakes: [(name: String, bytes: [UInt8]?, words: String)] = [
        ("missing.mp4", nil, "there is no such file"),
        ("empty.mp4", [], "the file is empty"),
        ("text.txt", Array("Dear reader,\nthis is no video.\n".utf8), "text"),
        (
            "text.mp4", Array(String(repeating: "no video at all\n", count: 500).utf8),
            "not a media file"
        ),
        ("zeros.mkv", [UInt8](repeating: 0, count: 5000), "not a media file"),
    ]

    @Test("a file that is no media gets one clear line", arguments: 0..<5)
    func noMedia(index: Int) throws {
        let example = Self.mistakes[index]
        let folder = try TemporaryFolder()
        if let bytes = example.bytes { try write(bytes, to: folder.path(example.name)) }
        let error = #expect(throws: FathomError.self) {
            try Transcode.run(folder.path(example.name), to: folder.path("out.mp4"))
        }
        let line = error?.description ?? ""
        #expect(line.contains(example.words), "\(line)")
        #expect(line.contains(example.name))
        #expect(error?.remedy.isEmpty == false)
        #expect(!folder.names.contains { $0.hasPrefix("out") })
    }

    @Test("an MP4 that was cut off names the cause and a repair")
    func cutOff() throws {
        let folder = try TemporaryFolder()
        try Clip().write(to: folder.path("a.mp4"))
        try write(Array(bytesOf(folder.path("a.mp4")).prefix(2000)), to: folder.path("cut.mp4"))
        let error = #expect(throws: FathomError.self) { try Transcode.read(folder.path("cut.mp4")) }
        #expect(error?.cause.contains("moov") == true)
        #expect(error?.remedy.contains("untrunc") == true)
    }

    @Test("sound alone is no video")
    func soundAlone() throws {
        let folder = try TemporaryFolder()
        var clip = Clip()
        clip.audio = [Clip.Audio(seconds: 0.5)]
        clip.times = [0]
        try clip.write(to: folder.path("a.mkv"))
        let demuxer = try Demuxer(.file(folder.path("a.mkv")))
        #expect(demuxer.info.streams.count == 2)
        try SoundFile.write(to: folder.path("b.m4a"))
        let error = #expect(throws: FathomError.self) { try Transcode.read(folder.path("b.m4a")) }
        #expect(error?.cause == "it has only sound")
    }

    @Test("a header with an absurd size is refused")
    func absurdSize() throws {
        let folder = try TemporaryFolder()
        var clip = Clip()
        clip.encoder = "png"
        clip.pixelFormat = "gray"
        clip.format = "image2"
        clip.times = [0]
        clip.muxerOptions = ["update": "1"]
        try clip.write(to: folder.path("a.png"))
        var bytes = try bytesOf(folder.path("a.png"))
        // Width and height in the IHDR chunk; a decoder that trusted them would take 4 GB.
        bytes.replaceSubrange(16..<24, with: [0, 0, 255, 255, 0, 0, 255, 255])
        try write(bytes, to: folder.path("b.png"))
        let error = #expect(throws: FathomError.self) { try Transcode.read(folder.path("b.png")) }
        #expect(error != nil)
    }

    @Test("damage in mid-stream is counted and decoding goes on")
    func damage() throws {
        let folder = try TemporaryFolder()
        var clip = Clip()
        clip.width = 160
        clip.height = 120
        clip.setRate(Rational(25, 1), frames: 100)
        clip.keyFrameDistance = 10
        try clip.write(to: folder.path("a.ts"))
        var bytes = try bytesOf(folder.path("a.ts"))
        var random = SystemRandomNumberGenerator()
        for place in stride(from: bytes.count / 3, to: bytes.count / 3 + 4000, by: 3) {
            bytes[place] = UInt8.random(in: 0...255, using: &random)
        }
        try write(bytes, to: folder.path("b.ts"))
        let run = try Transcode.run(folder.path("b.ts"), to: folder.path("out.mp4"))
        #expect(run.frames.count > 50)
        #expect(run.decodingErrors + run.damagedFrames > 0)
        #expect(run.warnings.contains { $0.contains("damaged") })
        let last = try #require(run.times.last)
        #expect(last.seconds - (run.times.first?.seconds ?? 0) > 3.8)
        let made = try ReadBack(folder.path("out.mp4")).first(AVMEDIA_TYPE_VIDEO)
        #expect(made.packets.count == run.frames.count)
    }
}
