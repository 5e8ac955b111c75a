import CFFmpeg
import FathomCore
import FathomMedia
import FathomPipeline
import Foundation
import TestSupport
import Testing

/// Rotation, colour, depth of samples, interlacing, sizes: a whole run, its pictures read back by FFmpeg alone.
@Suite("A whole run keeps the picture right")
struct FieldPictureTests {
    private static let plain: KeyValuePairs = ["legend": "false", "hud": "false"]

    /// A quarter turn clockwise for the player.
    private static let quarterTurn: [Int32] = [0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30]

    @Test("a turned recording is upright in the video, the depth files and the dump, once")
    func rotation() throws {
        let folder = try TemporaryFolder()
        var clip = Clip()
        clip.width = 96
        clip.times = [0, 1, 2]
        clip.displayMatrix = Self.quarterTurn
        clip.paint = { _, plane, x, y in
            plane == 0 ? (x < 32 && y < 16 ? 220 : 50) : 128
        }
        try clip.write(to: folder.path("a.mov"))
        let run = try RecordingRun.finished(
            folder.path("a.mov"), to: folder.path("b.mkv"),
            [
                "legend": "false", "hud": "false", "codec": "ffv1", "frames": "npy",
                "dump": folder.path("b.fathom"),
            ])
        #expect(run.report.inputs[0].width == 48 && run.report.inputs[0].height == 96)
        #expect(run.notes.contains { $0.contains("upright") })
        let written = try ReadBack(folder.path("b.mkv")).first(AVMEDIA_TYPE_VIDEO)
        #expect(!written.hasDisplayMatrix)
        let picture = try #require(try DecodedPicture.read(folder.path("b.mkv")).first)
        #expect(picture.width == 96 && picture.height == 96)
        // The bright corner has gone from the left to the right of the source's half.
        #expect(picture.sample(0, 4, 4) < 70)
        #expect(picture.sample(0, 43, 4) > 200)
        let manifest = try Manifest(path: folder.path("b.frames/manifest.jsonl"))
        #expect(manifest.frames.allSatisfy { $0.width == 48 && $0.height == 96 })
        var dumped: [DumpedFrame] = []
        _ = try FrameDumpReader.read(path: folder.path("b.fathom")) { event in
            if case .frame(let frame) = event { dumped.append(frame) }
        }
        #expect(dumped.count == 3)
        #expect(dumped.allSatisfy { $0.width == 48 && $0.height == 96 })
    }

    struct Colors: CustomStringConvertible, Sendable {
        let description: String
        let matrix: AVColorSpace
        let range: AVColorRange
        /// Code values of the source, and what they are in BT.709 of limited range.
        let source: [Int]
        let expected: [Int]
    }

    /// 75 % red in each coding (ITU-R BT.601, BT.709, BT.2020), and in BT.709 of limited range.
    static let colors: [Colors] = [
        Colors(
            description: "BT.709 limited", matrix: AVCOL_SPC_BT709, range: AVCOL_RANGE_MPEG,
            source: [51, 109, 212], expected: [51, 109, 212]),
        Colors(
            description: "BT.709 full", matrix: AVCOL_SPC_BT709, range: AVCOL_RANGE_JPEG,
            source: [41, 106, 224], expected: [51, 109, 212]),
        Colors(
            description: "BT.601 limited", matrix: AVCOL_SPC_SMPTE170M, range: AVCOL_RANGE_MPEG,
            source: [65, 100, 212], expected: [51, 109, 212]),
        Colors(
            description: "untagged and small, so BT.601", matrix: AVCOL_SPC_UNSPECIFIED,
            range: AVCOL_RANGE_UNSPECIFIED, source: [65, 100, 212], expected: [51, 109, 212]),
    ]

    @Test("colours are those of the source, tagged BT.709 limited", arguments: colors)
    func color(_ example: Colors) throws {
        let folder = try TemporaryFolder()
        var clip = Clip()
        clip.encoder = "ffv1"
        clip.times = [0, 1]
        clip.matrix = example.matrix
        clip.range = example.range
        clip.paint = { _, plane, _, _ in example.source[plane] }
        try clip.write(to: folder.path("a.mkv"))
        try RecordingRun.finished(
            folder.path("a.mkv"), to: folder.path("b.mkv"),
            ["legend": "false", "hud": "false", "codec": "ffv1"])
        let picture = try #require(try DecodedPicture.read(folder.path("b.mkv")).first)
        for plane in 0..<3 {
            let value = picture.sample(plane, 10, 10)
            #expect(abs(value - example.expected[plane]) <= 1, "plane \(plane): \(value)")
        }
        let stream = try ReadBack(folder.path("b.mkv")).first(AVMEDIA_TYPE_VIDEO)
        #expect(stream.matrix == AVCOL_SPC_BT709)
        #expect(stream.range == AVCOL_RANGE_MPEG)
    }

    @Test(
        "HDR is tone-mapped, tagged as what it has become, and the log says so",
        arguments: [AVCOL_TRC_SMPTE2084.rawValue, AVCOL_TRC_ARIB_STD_B67.rawValue])
    func hdr(transfer: UInt32) throws {
        let folder = try TemporaryFolder()
        var clip = Clip()
        clip.encoder = "libx265"
        clip.pixelFormat = "yuv420p10le"
        clip.encoderOptions = ["preset": "ultrafast", "x265-params": "log-level=none"]
        clip.times = [0, 1, 2]
        clip.matrix = AVCOL_SPC_BT2020_NCL
        clip.range = AVCOL_RANGE_MPEG
        clip.primaries = AVCOL_PRI_BT2020
        clip.transfer = AVColorTransferCharacteristic(rawValue: transfer)
        // A gray of 100 cd/m² in PQ; in HLG of somewhat less than white.
        clip.paint = { _, plane, _, _ in plane == 0 ? 509 : 512 }
        try clip.write(to: folder.path("a.mp4"))
        let run = try RecordingRun.finished(
            folder.path("a.mp4"), to: folder.path("b.mp4"), Self.plain)
        #expect(run.notes.contains { $0.contains("tone-mapped") })
        let picture = try #require(try DecodedPicture.read(folder.path("b.mp4")).first)
        #expect(picture.transfer == AVCOL_TRC_BT709)
        #expect(picture.matrix == AVCOL_SPC_BT709)
        let unit = picture.pixelFormat.contains("10") ? 4 : 1
        let gray = picture.sample(0, 10, 20) / unit
        #expect((100...225).contains(gray), "\(gray)")
        #expect(abs(picture.sample(1, 5, 10) / unit - 128) <= 3)
    }

    @Test("ten bits stay ten bits where the codec has them", arguments: ["h264", "ffv1", "mjpeg"])
    func tenBit(codec: String) throws {
        let folder = try TemporaryFolder()
        var clip = Clip()
        clip.encoder = "ffv1"
        clip.pixelFormat = "yuv420p10le"
        clip.matrix = AVCOL_SPC_BT709
        clip.range = AVCOL_RANGE_MPEG
        clip.times = [0, 1]
        // Steps finer than eight bits have.
        clip.paint = { _, plane, x, _ in plane == 0 ? 400 + x : 512 }
        try clip.write(to: folder.path("a.mkv"))
        try RecordingRun.finished(
            folder.path("a.mkv"), to: folder.path("b.mkv"),
            ["legend": "false", "hud": "false", "codec": codec])
        let picture = try #require(try DecodedPicture.read(folder.path("b.mkv")).first)
        #expect(picture.pixelFormat.contains("10") == (codec != "mjpeg"))
        if codec == "ffv1" {
            #expect((0..<64).map { picture.sample(0, $0, 20) } == (0..<64).map { 400 + $0 })
        }
    }

    @Test("frames flagged interlaced lose their combs, one frame for each, and the log says so")
    func interlaced() throws {
        let folder = try TemporaryFolder()
        var clip = Clip()
        clip.encoder = "mpeg2video"
        clip.isInterlaced = true
        clip.encoderOptions = ["b": "4000000"]
        clip.times = Array(0..<8)
        // Odd lines were taken half a frame later than even ones, and the edge moves.
        func edge(_ frame: Int, _ y: Int) -> Int { 6 + 6 * frame + (y % 2 == 0 ? 0 : 3) }
        clip.paint = { frame, plane, x, y in plane == 0 ? (x < edge(frame, y) ? 60 : 180) : 128 }
        try clip.write(to: folder.path("a.ts"))
        let run = try RecordingRun.finished(
            folder.path("a.ts"), to: folder.path("b.mkv"),
            ["legend": "false", "hud": "false", "codec": "ffv1"])
        #expect(run.report.framesIn == 8 && run.report.framesOut == 8)
        #expect(run.notes.contains { $0.contains("deinterlaced") })
        let pictures = try DecodedPicture.read(folder.path("b.mkv"))
        #expect(pictures.count == 8)
        for (frame, picture) in pictures.enumerated() {
            #expect(!picture.isInterlaced)
            let combs = (10..<38).reduce(0) { sum, y in
                let x = edge(frame, 0) + 1
                return sum + abs(picture.sample(0, x, y) - picture.sample(0, x, y + 1))
            }
            #expect(combs < 28 * 60, "frame \(frame)")
        }
    }

    @Test("the shape of pixels and odd sizes are the source's", arguments: ["ffv1", "vp9"])
    func sizes(codec: String) throws {
        let folder = try TemporaryFolder()
        var clip = Clip()
        clip.encoder = "ffv1"
        clip.width = 81
        clip.height = 61
        clip.times = [0, 1]
        clip.sampleAspectRatio = Rational(4, 3)
        try clip.write(to: folder.path("a.mkv"))
        try RecordingRun.finished(
            folder.path("a.mkv"), to: folder.path("b.mkv"), ["layout": "depth", "codec": codec])
        let stream = try ReadBack(folder.path("b.mkv")).first(AVMEDIA_TYPE_VIDEO)
        #expect(stream.width == 81 && stream.height == 61)
        #expect(stream.sampleAspectRatio == Rational(4, 3))
    }

    @Test("depth files have the source's size, and the network's only when asked")
    func depthSize() throws {
        let folder = try TemporaryFolder()
        var clip = Clip()
        clip.width = 200
        clip.height = 100
        clip.times = [0]
        try clip.write(to: folder.path("a.mkv"))
        for (size, width, height) in [("source", 200, 100), ("network", 64, 32)] {
            try RecordingRun.finished(
                folder.path("a.mkv"), to: nil,
                ["frames": "npy", "frames-dir": folder.path(size), "frames-size": size])
            let manifest = try Manifest(path: folder.path("\(size)/manifest.jsonl"))
            #expect(manifest.frames.map(\.width) == [width])
            #expect(manifest.frames.map(\.height) == [height])
        }
    }
}
