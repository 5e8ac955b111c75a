import Fathom
import Foundation
import TestSupport
import Testing

@Suite struct SampleProgramsTests {
    private let drive = Program.packageRoot.appendingPathComponent("Samples/media/drive.mp4").path

    @Test("read-dump prints each frame of a dump, and where a cut one ends")
    func readDump() throws {
        let folder = try TemporaryFolder()
        let sink = try FileSink(path: folder.path("clip.fathom"))
        let description = FrameDumpDescription(title: "clip", width: 4, height: 3, range: 0...1)
        let writer = try FrameDumpWriter(
            description, options: .init(seed: 1, startWallTime: 0), sink: sink.write)
        for index in 0..<3 {
            try [Float](repeating: 0.25, count: 12).withUnsafeBufferPointer {
                (values) throws(FathomError) in
                try writer.write(values, at: Timestamp(Int64(index), Rational(1, 25)))
            }
        }
        try writer.finish()
        try sink.close()
        let whole = try Program.run("read-dump", [folder.path("clip.fathom")])
        #expect(whole.status == 0)
        #expect(whole.text.contains("clip: 4x3, inverse-depth\n"))
        #expect(whole.text.contains("frame 2 at 0.0800 s: 0.2500 to 0.2500\n"))

        let bytes = try Data(contentsOf: URL(fileURLWithPath: folder.path("clip.fathom")))
        try folder.write("cut.fathom", bytes.dropLast(60))
        let cut = try Program.run("read-dump", [folder.path("cut.fathom")])
        #expect(cut.status == 1)
        #expect(cut.text.contains("stopped at byte"))
        #expect(try Program.run("read-dump", [folder.path("none")]).status == 1)
    }

    @Test("depth-of-picture prints depth in which the road below is nearer than the houses above")
    func depthOfPicture() throws {
        let result = try Program.run("depth-of-picture", [drive])
        #expect(result.status == 0)
        let lines = result.text.split(separator: "\n").dropFirst().map(Array.init)
        try #require(lines.count == 21)
        let letters = Array(" .:-=+*#%@")
        func brightness(_ line: [Character]) -> Int {
            line.reduce(0) { $0 + (letters.firstIndex(of: $1) ?? 0) }
        }
        #expect(brightness(lines[20]) > brightness(lines[0]))
    }

    @Test("depth-video makes a video with as many frames as the recording has")
    func depthVideo() throws {
        let folder = try TemporaryFolder()
        let output = folder.path("drive.depth.mp4")
        let result = try Program.run("depth-video", [drive, output])
        #expect(result.status == 0)
        #expect(result.text.contains("240 frames of 240"))
        #expect(folder.names == ["drive.depth.mp4"])
    }

    @Test(
        "the programs are small enough to be read in a minute",
        arguments: [
            "ReadDump", "DepthOfPicture", "DepthVideo",
        ])
    func small(name: String) throws {
        let file = Program.packageRoot.appendingPathComponent("Samples/\(name)/main.swift")
        let lines = try String(contentsOf: file, encoding: .utf8).split(
            separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count <= 60)
    }

    @Test(
        "presets have keys and values that the program takes",
        arguments: [
            "dashcam", "annotate", "quick-look",
        ])
    func presets(name: String) throws {
        let path = Program.packageRoot.appendingPathComponent("Configs/\(name).yaml").path
        var configuration = RunConfiguration()
        for (key, value) in try ConfigurationFile.read(path) {
            try configuration.set(key, value)
        }
        #expect(configuration.layout != .inset)
    }
}
