import FathomCore
import FathomDepth
import FathomPipeline
import Foundation
import TestSupport
import Testing

/// What the numbers are and stay: ranges, cuts, precision, kind, unit, values that are none.
@Suite("A whole run keeps depth honest")
struct FieldDepthTests {
    /// One of several fixed scenes of smooth blobs and edges.
    private static func scene(_ number: Int, _ x: Int, _ y: Int) -> Int {
        switch number {
        case 0: return y < 24 ? 200 : 70 + (x * 3 + y) % 40
        case 1: return (x / 16 + y / 12) % 2 == 0 ? 40 : 210
        default: return 20 + (x * x + y * 31) % 60
        }
    }

    private func clip(frames: Int, _ scene: @escaping (Int, Int, Int) -> Int) -> Clip {
        var clip = Clip()
        clip.setRate(Rational(25, 1), frames: frames)
        clip.paint = { frame, plane, x, y in plane == 0 ? scene(frame, x, y) : 128 }
        return clip
    }

    /// Smallest and largest upper bound of the frames' ranges.
    private func spread(_ manifest: Manifest) -> Float {
        let tops = manifest.frames.compactMap { $0.range?.upperBound }
        return (tops.max() ?? 0) - (tops.min() ?? 0)
    }

    @Test("by default colours don't flicker when a frame flashes; frame by frame only when asked")
    func flicker() throws {
        let folder = try TemporaryFolder()
        try clip(frames: 20) { frame, x, y in
            frame == 10 ? min(235, Self.scene(0, x, y) + 90) : Self.scene(0, x, y)
        }.write(to: folder.path("a.mp4"))
        var spreads: [String: Float] = [:]
        for mode in ["scene", "frame", "clip", "fixed:0:5"] {
            let target = folder.path(mode)
            let run = try RecordingRun.finished(
                folder.path("a.mp4"), to: nil,
                [
                    "frames": "npy", "frames-dir": target, "frames-size": "network",
                    "range": mode, "smoothing": "off",
                ])
            let range = try #require(run.report.range)
            #expect(range.mode == mode.prefix { $0 != ":" })
            let manifest = try Manifest(path: target + "/manifest.jsonl")
            #expect(manifest.frames.allSatisfy { $0.range != nil })
            #expect(
                range.minimum
                    == manifest.frames.compactMap { $0.range?.lowerBound }.min().map(Double.init))
            spreads[mode] = spread(manifest)
        }
        let scene = try #require(spreads["scene"])
        let frame = try #require(spreads["frame"])
        #expect(frame > 0)
        #expect(scene < frame / 3)
        #expect(spreads["clip"] == 0)
        #expect(spreads["fixed:0:5"] == 0)
    }

    @Test("a cut begins a new range and is in the report and in the manifest")
    func cut() throws {
        let folder = try TemporaryFolder()
        try clip(frames: 40) { frame, x, y in Self.scene(frame < 25 ? 0 : 1, x, y) }
            .write(to: folder.path("a.mp4"))
        let run = try RecordingRun.finished(
            folder.path("a.mp4"), to: nil,
            ["frames": "npy", "frames-dir": folder.path("f"), "frames-size": "network"])
        #expect(run.report.sceneCuts == [1.0])
        let manifest = try Manifest(path: folder.path("f/manifest.jsonl"))
        #expect(manifest.frames.indices.filter { manifest.frames[$0].flags.contains(.cut) } == [25])
    }

    @Test(
        "black, even, flashing and dissolving pictures give finite depth and no false cut",
        arguments: ["black", "even", "flash", "dissolve"])
    func hard(name: String) throws {
        let folder = try TemporaryFolder()
        try clip(frames: 24) { frame, x, y in
            switch name {
            case "black": 16
            case "even": 128
            case "flash": frame == 12 ? 235 : Self.scene(0, x, y)
            default:
                (Self.scene(0, x, y) * (23 - frame) + Self.scene(2, x, y) * frame) / 23
            }
        }.write(to: folder.path("a.mp4"))
        let run = try RecordingRun.finished(
            folder.path("a.mp4"), to: folder.path("b.mp4"),
            ["frames": "npy", "frames-size": "network", "smoothing": "strong"])
        #expect(run.report.framesOut == 24)
        #expect(run.report.sceneCuts.isEmpty)
        for index in 0..<24 {
            let values = try floats(folder.path(String(format: "b.frames/%08d.npy", index)))
            #expect(!values.contains { !$0.isFinite })
        }
        let manifest = try Manifest(path: folder.path("b.frames/manifest.jsonl"))
        for frame in manifest.frames {
            let range = try #require(frame.range)
            #expect(range.lowerBound < range.upperBound)
        }
    }

    /// The values of a NumPy file of float32.
    private func floats(_ path: String) throws -> [Float] {
        let data = try Data(contentsOf: URL(fileURLWithPath: path))
        let header = 10 + Int(data[8]) + 256 * Int(data[9])
        return data[header...].withUnsafeBytes { bytes in
            (0..<bytes.count / 4).map {
                bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self)
            }
        }
    }

    @Test("16-bit files have more than 8 bits in them, and come back as the numbers they were")
    func sixteenBits() throws {
        let folder = try TemporaryFolder()
        var source = clip(frames: 3) { _, x, y in Self.scene(0, x, y) }
        source.width = 192
        source.height = 128
        try source.write(to: folder.path("a.mp4"))
        for format in ["npy", "png16"] {
            try RecordingRun.finished(
                folder.path("a.mp4"), to: nil,
                ["frames": format, "frames-dir": folder.path(format), "size": "128"])
        }
        let manifest = try Manifest(path: folder.path("png16/manifest.jsonl"))
        let line = try #require(manifest.frames.first)
        let picture = try #require(
            try DecodedPicture.read(folder.path("png16/" + line.file)).first)
        #expect(picture.pixelFormat.hasPrefix("gray16"))
        let samples = picture.planes[0]
        #expect(Set(samples).count > 256)
        let exact = try floats(folder.path("npy/00000000.npy"))
        let offset = Double(try #require(line.range).lowerBound)
        for (sample, value) in zip(samples, exact) {
            let back = offset + Double(sample) / line.scale
            #expect(abs(back - Double(value)) <= 1 / line.scale)
        }
    }

    @Test(
        "kind and unit travel with manifest, dump and file; relative depth is never called metres")
    func kindAndUnit() throws {
        let folder = try TemporaryFolder()
        try clip(frames: 2) { _, x, y in Self.scene(0, x, y) }.write(to: folder.path("a.mp4"))
        try RecordingRun.finished(
            folder.path("a.mp4"), to: nil,
            [
                "frames": "npy", "frames-dir": folder.path("f"),
                "dump": folder.path("a.fathom"),
            ])
        let manifest = try Manifest(path: folder.path("f/manifest.jsonl"))
        #expect(manifest.header.unit == .relative)
        #expect(manifest.header.model.sha256.count == 64)
        #expect(manifest.frames.allSatisfy { $0.kind == .inverseDepth })
        let head = try String(
            decoding: Data(contentsOf: URL(fileURLWithPath: folder.path("a.fathom"))).prefix(1500),
            as: UTF8.self)
        #expect(head.contains("a=x-fathom-kind:inverse-depth\r\n"))
        #expect(head.contains("a=x-fathom-unit:relative\r\n"))
    }

    @Test(
        "relative depth is not turned into metres or depth: refused before anything is written",
        arguments: [("frames-as", "metres"), ("frames-as", "depth"), ("frames-scale", "kitti")])
    func noMetres(key: String, value: String) throws {
        let folder = try TemporaryFolder()
        try clip(frames: 2) { _, x, y in Self.scene(0, x, y) }.write(to: folder.path("a.mp4"))
        let run = try RecordingRun(
            folder.path("a.mp4"), to: folder.path("b.mp4"), ["frames": "png16", key: value])
        #expect(run.error?.code == .usage)
        #expect(run.error?.cause.contains("relative") == true, "\(run.error?.cause ?? "")")
        #expect(run.report.framesOut == 0)
        #expect(folder.names == ["a.mp4"])
    }

    @Test(
        "values that are no numbers are flagged and counted, and the picture is made all the same")
    func nonFinite() throws {
        let folder = try TemporaryFolder()
        try clip(frames: 4) { _, x, y in Self.scene(0, x, y) }.write(to: folder.path("a.mp4"))
        try folder.write("nan.onnx", Data(TinyNetwork.withoutNumbers))
        let run = try RecordingRun.finished(
            folder.path("a.mp4"), to: folder.path("b.mp4"),
            ["model": folder.path("nan.onnx"), "frames": "npy", "frames-size": "network"])
        #expect(run.report.framesOut == 4)
        #expect(run.report.warnings.contains { $0.contains("not finite") })
        let manifest = try Manifest(path: folder.path("b.frames/manifest.jsonl"))
        #expect(manifest.frames.allSatisfy { $0.flags.contains(.nonFinite) })
        #expect(try DecodedPicture.read(folder.path("b.mp4")).count == 4)
    }
}
