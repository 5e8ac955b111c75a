import FathomCore
import FathomPipeline
import Foundation
import TestSupport
import Testing

/// Memory, models, stills: what keeps people from using a tool at all.
@Suite("A whole run can be used")
struct FieldUseTests {
    @Test("memory doesn't grow with the length of the recording")
    func memory() throws {
        let folder = try TemporaryFolder()
        func peak(frames: Int) throws -> Double {
            var clip = Clip()
            clip.setRate(Rational(25, 1), frames: frames)
            clip.audio = [Clip.Audio(seconds: Double(frames) / 25)]
            try clip.write(to: folder.path("\(frames).mp4"))
            let report = folder.path("\(frames).json")
            let result = try Program.run(
                "fathom",
                [
                    "run", folder.path("\(frames).mp4"), "--size", "32", "--preset", "ultrafast",
                    "--range", "clip", "--json-report", report, "--quiet",
                ])
            #expect(result.status == 0, "\(result.errors)")
            let data = try Data(contentsOf: URL(fileURLWithPath: report))
            return try JSONDecoder().decode(RunReport.self, from: data).peakMemoryMB
        }
        let short = try peak(frames: 250)
        let long = try peak(frames: 2500)
        #expect(long < short * 1.05 + 2, "\(short) MB, then \(long) MB")
    }

    @Test("a picture gives the same depth by itself and as a frame of a video")
    func stillAndVideo() throws {
        let folder = try TemporaryFolder()
        func write(_ name: String, encoder: String, format: String?) throws {
            var clip = Clip()
            clip.encoder = encoder
            clip.pixelFormat = encoder == "png" ? "rgb24" : "bgr0"
            clip.format = format
            clip.times = [0]
            clip.muxerOptions = format == nil ? [:] : ["update": "1"]
            clip.paint = { _, plane, x, y in
                [40 + x * 3 % 200, 60 + y * 4 % 180, (x + y) * 2 % 250][plane]
            }
            try clip.write(to: folder.path(name))
        }
        try write("a.png", encoder: "png", format: "image2")
        try write("a.mkv", encoder: "ffv1", format: nil)
        var files: [Data] = []
        for name in ["a.png", "a.mkv"] {
            try RecordingRun.finished(
                folder.path(name), to: nil,
                ["frames": "npy", "frames-dir": folder.path(name + ".frames")])
            files.append(
                try Data(
                    contentsOf: URL(fileURLWithPath: folder.path(name + ".frames/00000000.npy"))))
        }
        #expect(files[0] == files[1])
    }

    @Test("the network's input follows the picture's shape in the model's own multiples")
    func inputSize() throws {
        let folder = try TemporaryFolder()
        var clip = Clip()
        clip.width = 192
        clip.height = 64
        clip.times = [0]
        try clip.write(to: folder.path("a.mkv"))
        let run = try RecordingRun.finished(
            folder.path("a.mkv"), to: folder.path("b.mp4"), ["size": "192"])
        #expect(run.report.model?.inputWidth == 192)
        #expect(run.report.model?.inputHeight == 64)
        #expect(run.report.model?.name == Network.defaultName)
        #expect(run.report.model?.precision == "fp32")
    }

    @Test("one run uses no more conversion memory for many frames than for few")
    func conversions() throws {
        // The same path as above with a conversion of pixels in it: RGB in, 4:2:0 out.
        let folder = try TemporaryFolder()
        var clip = Clip()
        clip.encoder = "ffv1"
        clip.pixelFormat = "bgr0"
        clip.setRate(Rational(25, 1), frames: 600)
        try clip.write(to: folder.path("a.mkv"))
        func peak(_ more: [String]) throws -> Double {
            let report = folder.path("report.json")
            let result = try Program.run(
                "fathom",
                [
                    "run", folder.path("a.mkv"), "-o", folder.path("b.mp4"), "--overwrite",
                    "--size", "32", "--preset", "ultrafast", "--json-report", report, "--quiet",
                ] + more)
            #expect(result.status == 0, "\(result.errors)")
            let data = try Data(contentsOf: URL(fileURLWithPath: report))
            return try JSONDecoder().decode(RunReport.self, from: data).peakMemoryMB
        }
        let short = try peak(["--duration", "2.4"])
        let long = try peak([])
        #expect(long < short * 1.05 + 2, "\(short) MB, then \(long) MB")
    }
}
