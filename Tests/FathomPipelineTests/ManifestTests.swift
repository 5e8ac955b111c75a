import FathomCore
import FathomDepth
import FathomPipeline
import Foundation
import TestSupport
import Testing

@Suite struct ManifestTests {
    private static let keys = [
        "index", "file", "pts", "timeBase", "time", "wallTime", "wallTimeSource", "width", "height",
        "kind", "scale", "rangeMinimum", "rangeMaximum", "latitude", "longitude", "keyframe",
        "flags",
    ]

    private func frame(_ index: Int) -> ManifestFrame {
        var frame = ManifestFrame(
            timestamp: Timestamp(Int64(index) * 3003 - 5, Rational(1, 90000)), range: 0.5...12.25)
        frame.index = index
        frame.file = "\(index) \"quoted\\\n.npy"
        frame.wallTime = 1_700_000_000.125 + Double(index)
        frame.wallTimeSource = .container
        (frame.width, frame.height) = (640, 360)
        frame.kind = .metres
        frame.scale = 256
        frame.position = (48.137, -11.5)
        frame.isKeyFrame = index == 0
        frame.flags = index == 1 ? [.cut, .nonFinite] : []
        return frame
    }

    @Test("a manifest comes back as it was written")
    func roundTrip() throws {
        let folder = try TemporaryFolder()
        let path = folder.path("manifest.jsonl")
        let header = ManifestHeader(modelName: "näme \u{1}", modelHash: "ab", camera: "c.json")
        let writer = try ManifestWriter(path: path, header: header)
        let frames = (0..<3).map { frame($0) }
        for frame in frames { try writer.write(frame) }
        try writer.write(ManifestFrame.bare)
        try writer.finish()
        let manifest = try Manifest(path: path)
        #expect(manifest.header == header)
        #expect(manifest.frames == frames + [.bare])
        #expect(!manifest.isCut)
        #expect(writer.bytes == (try folder.bytes("manifest.jsonl").count))
    }

    @Test("each line has the contract's keys in their order, and a line is on disk at once")
    func keys() throws {
        let folder = try TemporaryFolder()
        let path = folder.path("manifest.jsonl")
        let writer = try ManifestWriter(path: path, header: .test)
        try writer.write(frame(0))
        let lines = String(decoding: try folder.bytes("manifest.jsonl"), as: UTF8.self)
            .split(separator: "\n")
        #expect(lines.count == 2)
        #expect(lines[0].hasPrefix("{\"manifestVersion\":1,\"model\":{\"name\":\"starter\""))
        var rest = lines[1]
        for key in Self.keys {
            let found = try #require(rest.range(of: "\"\(key)\":"))
            rest = rest[found.upperBound...]
        }
        #expect(lines[1].contains("\"wallTime\":\"2023-11-14T22:13:20.125Z\""))
        #expect(lines[1].contains("\"timeBase\":\"1/90000\""))
        try writer.finish()
    }

    @Test("numbers that JSON lacks become null")
    func notFinite() throws {
        let folder = try TemporaryFolder()
        let writer = try ManifestWriter(path: folder.path("manifest.jsonl"), header: .test)
        var frame = ManifestFrame.bare
        frame.range = 0...(.infinity)
        frame.wallTime = .nan
        try writer.write(frame)
        try writer.finish()
        let text = String(decoding: try folder.bytes("manifest.jsonl"), as: UTF8.self)
        #expect(text.contains("\"rangeMaximum\":null") && text.contains("\"wallTime\":null"))
        #expect(try Manifest(path: folder.path("manifest.jsonl")).frames.count == 1)
    }

    @Test("a manifest that a crash cut is read up to its last whole line")
    func cut() throws {
        let folder = try TemporaryFolder()
        let path = folder.path("manifest.jsonl")
        let writer = try ManifestWriter(path: path, header: .test)
        for index in 0..<3 { try writer.write(frame(index)) }
        try writer.finish()
        let whole = try folder.bytes("manifest.jsonl")
        for length in whole.indices {
            try Data(whole[..<length]).write(to: URL(fileURLWithPath: path))
            let lines = whole[..<length].filter { $0 == 10 }.count
            if lines == 0 {
                #expect(throws: FathomError.self) { try Manifest(path: path) }
            } else {
                let manifest = try Manifest(path: path)
                #expect(manifest.frames.count == lines - 1)
                #expect(manifest.isCut == (whole[length - 1] != 10))
            }
        }
    }

    @Test(
        "a line that can't be right is named",
        arguments: [
            "{}", "nonsense", "[1]", "{\"index\":1e99}", "\u{1}",
        ])
    func damaged(line: String) throws {
        let folder = try TemporaryFolder()
        let path = folder.path("manifest.jsonl")
        let writer = try ManifestWriter(path: path, header: .test)
        try writer.write(frame(0))
        try writer.finish()
        let bytes = try folder.bytes("manifest.jsonl") + Array("\(line)\n".utf8)
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        let error = #expect(throws: FathomError.self) { try Manifest(path: path) }
        #expect(error?.cause == "line 3 is not a frame's")
    }
}

extension ManifestFrame {
    /// The least that a line can say.
    fileprivate static var bare: ManifestFrame {
        var frame = ManifestFrame(timestamp: Timestamp(0, Rational(1, 25)))
        frame.file = "00000000.npy"
        (frame.width, frame.height) = (1, 1)
        return frame
    }
}

extension TemporaryFolder {
    func bytes(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: url.appending(path: name)))
    }
}
