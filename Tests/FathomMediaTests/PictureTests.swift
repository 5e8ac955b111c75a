import CFFmpeg
import FathomCore
import FathomMedia
import TestSupport
import Testing

@Suite("Canonical pictures")
struct PictureTests {
    /// A clip whose left upper corner is bright, in a picture without symmetry.
    private func corner() -> Clip {
        var clip = Clip()
        clip.width = 96
        clip.height = 64
        clip.times = [0, 1, 2]
        clip.paint = { _, plane, x, y in
            plane == 0 ? (x < 32 && y < 16 ? 220 : 50) : (plane == 1 && x < 16 && y < 8 ? 200 : 128)
        }
        return clip
    }

    static let matrices: [(name: String, numbers: [Int32], isTurned: Bool, corner: (Int, Int))] = {
        let one: Int32 = 65536
        func matrix(_ a: Int32, _ b: Int32, _ c: Int32, _ d: Int32) -> [Int32] {
            [a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30]
        }
        // Where the corner comes to lie: 0 is left or top, 1 right or bottom.
        return [
            ("upright", matrix(1, 0, 0, 1), false, (0, 0)),
            ("turned by 180", matrix(-1, 0, 0, -1), false, (1, 1)),
            ("mirrored left to right", matrix(-1, 0, 0, 1), false, (1, 0)),
            ("mirrored top to bottom", matrix(1, 0, 0, -1), false, (0, 1)),
            ("turned clockwise", matrix(0, 1, -1, 0), true, (1, 0)),
            ("turned counterclockwise", matrix(0, -1, 1, 0), true, (0, 1)),
            ("transposed", matrix(0, 1, 1, 0), true, (0, 0)),
            ("transposed the other way", matrix(0, -1, -1, 0), true, (1, 1)),
        ]
    }()

    @Test("all eight orientations become upright pixels", arguments: 0..<8)
    func orientations(index: Int) throws {
        let example = Self.matrices[index]
        let folder = try TemporaryFolder()
        var clip = corner()
        clip.displayMatrix = example.numbers
        clip.sampleAspectRatio = Rational(4, 3)
        try clip.write(to: folder.path("a.mov"))
        try Transcode.run(folder.path("a.mov"), to: folder.path("b.mov"))
        let made = try ReadBack(folder.path("b.mov")).first(AVMEDIA_TYPE_VIDEO)
        #expect(!made.hasDisplayMatrix)
        #expect((made.width, made.height) == (example.isTurned ? (64, 96) : (96, 64)))
        #expect(made.sampleAspectRatio == (example.isTurned ? Rational(3, 4) : Rational(4, 3)))
        let frame = try #require(try Transcode.read(folder.path("b.mov")).frames.first)
        let width = frame.format.width
        let height = frame.format.height
        for (right, bottom) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            let value = frame.sample(0, right == 0 ? 4 : width - 5, bottom == 0 ? 4 : height - 5)
            let isCorner = (right, bottom) == example.corner
            #expect(abs(value - (isCorner ? 220 : 50)) < 12, "\(example.name): \(right) \(bottom)")
            let blue = frame.sample(
                1, right == 0 ? 2 : width / 2 - 3, bottom == 0 ? 2 : height / 2 - 3)
            #expect(abs(blue - (isCorner ? 200 : 128)) < 12)
        }
    }

    /// Eight bars of ITU-R BT.471: gray, and colours at three quarters of their range.
    static let bars: [(Double, Double, Double)] = [
        (1, 1, 1), (0.75, 0.75, 0), (0, 0.75, 0.75), (0, 0.75, 0), (0.75, 0, 0.75), (0.75, 0, 0),
        (0, 0, 0.75), (0.5, 0.5, 0.5),
    ]

    /// Code values of a colour (H.273, equations 38 to 46).
    static func code(
        _ color: (Double, Double, Double), red: Double, blue: Double, isFull: Bool, bits: Int
    ) -> [Int] {
        let luma = red * color.0 + (1 - red - blue) * color.1 + blue * color.2
        let differences = [(color.2 - luma) / (2 - 2 * blue), (color.0 - luma) / (2 - 2 * red)]
        let unit = Double(1 << (bits - 8))
        let peak = Double((1 << bits) - 1)
        func whole(_ value: Double) -> Int { Int(min(max(value.rounded(), 0), peak)) }
        return [whole(isFull ? luma * peak : unit * (16 + 219 * luma))]
            + differences.map { whole(isFull ? peak * $0 + 128 * unit : unit * (128 + 224 * $0)) }
    }

    struct Colors: CustomStringConvertible, Sendable {
        let description: String
        let matrix: AVColorSpace
        let red: Double
        let blue: Double
        var isFull = false
        var bits = 8
        var height = 32
    }

    static let colors: [Colors] = {
        var list: [Colors] = []
        for bits in [8, 10] {
            for isFull in [false, true] {
                for (name, matrix, red, blue) in [
                    ("BT.601", AVCOL_SPC_SMPTE170M, 0.299, 0.114),
                    ("BT.709", AVCOL_SPC_BT709, 0.2126, 0.0722),
                    ("BT.2020", AVCOL_SPC_BT2020_NCL, 0.2627, 0.0593),
                ] {
                    list.append(
                        Colors(
                            description: "\(name) \(isFull ? "full" : "limited") \(bits) bit",
                            matrix: matrix, red: red, blue: blue, isFull: isFull, bits: bits))
                }
            }
        }
        list.append(
            Colors(
                description: "untagged below 720 lines", matrix: AVCOL_SPC_UNSPECIFIED, red: 0.299,
                blue: 0.114))
        list.append(
            Colors(
                description: "untagged from 720 lines on", matrix: AVCOL_SPC_UNSPECIFIED,
                red: 0.2126, blue: 0.0722, height: 720))
        return list
    }()

    @Test("colour bars come out in BT.709, limited range, to one code value", arguments: colors)
    func colorBars(_ example: Colors) throws {
        let folder = try TemporaryFolder()
        var clip = Clip()
        clip.width = 128
        clip.height = example.height
        clip.encoder = "ffv1"
        clip.pixelFormat = example.bits == 8 ? "yuv420p" : "yuv420p10le"
        clip.times = [0]
        clip.matrix = example.matrix
        clip.range = example.isFull ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG
        let codes = Self.bars.map {
            Self.code(
                $0, red: example.red, blue: example.blue, isFull: example.isFull,
                bits: example.bits)
        }
        clip.paint = { _, plane, x, _ in codes[x / (plane == 0 ? 16 : 8)][plane] }
        try clip.write(to: folder.path("a.mkv"))
        let run = try Transcode.read(folder.path("a.mkv"))
        let frame = try #require(run.frames.first)
        #expect(frame.format.bitDepth == example.bits)
        for (index, bar) in Self.bars.enumerated() {
            let wanted = Self.code(
                bar, red: 0.2126, blue: 0.0722, isFull: false, bits: example.bits)
            let luma = frame.sample(0, index * 16 + 8, 10)
            #expect(abs(luma - wanted[0]) <= 1, "bar \(index): \(luma), not \(wanted[0])")
            for plane in [1, 2] {
                let value = frame.sample(plane, index * 8 + 4, 5)
                #expect(abs(value - wanted[plane]) <= 1, "bar \(index): \(value), not \(wanted)")
            }
        }
    }

    @Test(
        "every pixel format is read",
        arguments: [
            "yuv422p", "yuv444p", "yuv440p", "yuv411p", "yuv410p", "gray", "gray10le", "gray16le",
            "ya8", "yuv420p16le",
            "yuv422p10le", "yuv444p12le", "yuva420p", "nv12", "bgr0", "rgb48le", "gbrp10le",
        ])
    func pixelFormats(name: String) throws {
        let folder = try TemporaryFolder()
        let format = try #require(av_pix_fmt_desc_get(av_get_pix_fmt(name))).pointee
        var clip = Clip()
        clip.encoder =
            ["nv12", "ya8"].contains(name) ? (name == "ya8" ? "png" : "rawvideo") : "ffv1"
        clip.pixelFormat = name
        clip.times = [0]
        clip.matrix = AVCOL_SPC_BT709
        let isRGB = format.flags & UInt64(AV_PIX_FMT_FLAG_RGB) != 0
        if isRGB { clip.matrix = AVCOL_SPC_RGB }
        let isGray = format.nb_components < 3
        let depth = Int(format.comp.0.depth)
        // Middle gray of 50 %: full range for RGB and gray, limited for the others.
        let limited = 126 << (depth - 8)
        let full = (1 << depth) / 2
        clip.paint = { _, plane, _, _ in
            isRGB || isGray ? full : plane == 0 ? limited : 128 << (depth - 8)
        }
        let file = folder.path(name == "nv12" ? "a.nut" : "a.mkv")
        try clip.write(to: file)
        let frame = try #require(try Transcode.read(file).frames.first)
        let unit = depth > 8 ? 4 : 1
        #expect(frame.format == PictureFormat(width: 64, height: 48, bitDepth: depth > 8 ? 10 : 8))
        #expect(abs(frame.sample(0, 20, 20) - 126 * unit) <= unit + 1)
        #expect(abs(frame.sample(1, 10, 10) - 128 * unit) <= unit)
        #expect(abs(frame.sample(2, 10, 10) - 128 * unit) <= unit)
    }

    @Test("frames flagged interlaced lose their combs, one frame for each")
    func interlaced() throws {
        let folder = try TemporaryFolder()
        var clip = Clip()
        clip.encoder = "mpeg2video"
        clip.encoderOptions = ["qmax": "2", "b": "20000000"]
        clip.isInterlaced = true
        clip.setRate(Rational(25, 1), frames: 12)
        // The odd field shows the bar four pixels further right.
        clip.paint = { frame, plane, x, y in
            plane == 0 ? ((x - 4 * frame - (y % 2) * 4) % 64 < 24 ? 200 : 40) : 128
        }
        try clip.write(to: folder.path("a.ts"))
        let run = try Transcode.read(folder.path("a.ts"))
        #expect(run.frames.count == 12)
        #expect(run.notes.contains { $0.contains("deinterlaced") })
        let frame = run.frames[6]
        var combs = 0
        for x in 0..<64 {
            for y in 9..<38 {
                let here = frame.sample(0, x, y)
                let above = frame.sample(0, x, y - 1)
                let below = frame.sample(0, x, y + 1)
                if abs(above - below) < 30, abs(here - above) > 90 { combs += 1 }
            }
        }
        #expect(combs == 0)
    }

    @Test("odd sizes and pixel shapes are kept", arguments: ["mp4", "mkv", "webm", "av1.mkv"])
    func oddSizes(container: String) throws {
        let folder = try TemporaryFolder()
        var clip = Clip()
        clip.width = 161
        clip.height = 121
        clip.encoder = "ffv1"
        clip.timeBase = Rational(1, 25)
        clip.sampleAspectRatio = Rational(10, 11)
        try clip.write(to: folder.path("a.mkv"))
        var settings = EncoderSettings(
            codec: container == "av1.mkv" ? .av1 : .default(forExtension: container))
        settings.threads = 1
        let isEncodedAsIs = ["webm", "av1.mkv"].contains(container)
        let run = try Transcode.run(
            folder.path("a.mkv"), to: folder.path("b.\(container)"), settings: settings)
        let made = try ReadBack(folder.path("b.\(container)")).first(AVMEDIA_TYPE_VIDEO)
        #expect((made.width, made.height) == (161, 121))
        // WebM says the size to show in whole pixels.
        #expect(abs(made.sampleAspectRatio.value - 10.0 / 11) < 0.005)
        #expect(made.pixelFormat == (isEncodedAsIs ? "yuv420p" : "yuv444p"))
        #expect(run.notes.contains { $0.contains("odd size") } == !isEncodedAsIs)
    }

    @Test(
        "HDR becomes BT.709 of sensible brightness",
        arguments: [AVCOL_TRC_SMPTE2084.rawValue, AVCOL_TRC_ARIB_STD_B67.rawValue])
    func highDynamicRange(transfer: UInt32) throws {
        let folder = try TemporaryFolder()
        var clip = Clip()
        clip.encoder = "ffv1"
        clip.pixelFormat = "yuv420p10le"
        clip.times = [0, 1]
        clip.matrix = AVCOL_SPC_BT2020_NCL
        clip.primaries = AVCOL_PRI_BT2020
        clip.transfer = AVColorTransferCharacteristic(transfer)
        clip.range = AVCOL_RANGE_MPEG
        // Black, and diffuse white: 203 cd/m² is 58 % in PQ and 75 % in HLG (ITU-R BT.2408).
        let white = transfer == AVCOL_TRC_SMPTE2084.rawValue ? 573 : 721
        clip.paint = { _, plane, x, _ in plane == 0 ? (x < 32 ? 64 : white) : 512 }
        try clip.write(to: folder.path("a.mkv"))
        let run = try Transcode.read(folder.path("a.mkv"))
        #expect(run.frames.count == 2)
        #expect(run.notes.contains { $0.contains("tone-mapped") })
        let frame = try #require(run.frames.last)
        #expect(frame.format.bitDepth == 10)
        #expect(abs(frame.sample(0, 10, 20) - 64) <= 8)
        #expect((560...920).contains(frame.sample(0, 50, 20)))
        #expect(abs(frame.sample(1, 25, 10) - 512) <= 6)
    }

    @Test("a picture that changes its size is fitted into the first size")
    func sizeChange() throws {
        let folder = try TemporaryFolder()
        var large = Clip()
        large.format = "h264"
        large.paint = { _, plane, _, _ in plane == 0 ? 180 : 128 }
        var small = large
        small.width = 32
        small.height = 48
        try large.write(to: folder.path("a.h264"))
        try small.write(to: folder.path("b.h264"))
        let bytes = try bytesOf(folder.path("a.h264")) + bytesOf(folder.path("b.h264"))
        try write(bytes, to: folder.path("c.h264"))
        let run = try Transcode.run(folder.path("c.h264"), to: folder.path("c.mp4"))
        #expect(run.frames.count == 20)
        #expect(run.warnings.contains { $0.contains("fitted") })
        let last = try #require(run.frames.last)
        #expect((last.format.width, last.format.height) == (64, 48))
        #expect(last.sample(0, 3, 20) == 16)
        #expect(abs(last.sample(0, 32, 24) - 180) < 4)
    }
}
