import CFFmpeg
import Fathom
import Foundation
import TestSupport
import Testing

@Suite struct LiveOutputRecordingTests {
    /// Plays and records, with nothing lost; gives the folder's names.
    private func record(
        into folder: TemporaryFolder, segment: Double = 2, keep: Int64? = nil, index: Int = 0,
        _ play: (LiveOutputSource) throws -> Void
    ) throws -> (source: LiveOutputSource, files: [String], outputs: [RunReport.Output]) {
        let source = try LiveOutputSource(index: index)
        let outputs = try source.outputs {
            $0.record = folder.path("rec")
            $0.segment = segment
            $0.keep = keep
            $0.policy = .block
        }
        outputs.start()
        try play(source)
        source.feed.finish()
        let written = outputs.finish(within: 60)
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path("rec"))
        return (source, names.filter { $0.hasSuffix(".mkv") }.sorted(), written)
    }

    /// Times of a file's pictures in milliseconds.
    private func times(_ folder: TemporaryFolder, _ name: String) throws -> [Int] {
        try DecodedPicture.read(folder.path("rec/\(name)")).map {
            Int(($0.timestamp.seconds * 1000).rounded())
        }
    }

    @Test(
        "original and depth are cut at the same moments, and hold the same frames at the same times"
    )
    func inStep() throws {
        let folder = try TemporaryFolder()
        let (source, files, outputs) = try record(into: folder) { try $0.play(frames: 250) }
        try #require(files.count == 10)
        var total = 0
        for segment in 0..<5 {
            let depth = try times(folder, files[2 * segment])
            let original = try times(folder, files[2 * segment + 1])
            #expect(files[2 * segment].hasSuffix("-0-depth.mkv"))
            #expect(files[2 * segment + 1].hasSuffix("-0-original.mkv"))
            #expect(original == depth)
            #expect(original.first == 0)
            #expect(original.count == 50)
            total += original.count
        }
        #expect(total == source.times.count)
        #expect(source.status("recording")?.dropped == 0)
        #expect(outputs.map(\.kind) == ["recording"])
        let lines = try String(contentsOfFile: folder.path("rec/segments.jsonl"), encoding: .utf8)
            .split(separator: "\n")
        #expect(lines.count == 5)
        let first = try #require(
            try JSONSerialization.jsonObject(with: Data(lines[0].utf8)) as? [String: Any])
        #expect(first["original"] as? String == files[1])
        #expect(first["depth"] as? String == files[0])
        #expect(first["originalFrames"] as? Int == 50)
        #expect(first["wallTimeSource"] as? String == "rtcp")
    }

    @Test("a file is named after the moment of its first picture, in UTC")
    func names() throws {
        let folder = try TemporaryFolder()
        let (_, files, _) = try record(into: folder, index: 3) { try $0.play(frames: 30) }
        #expect(files.count == 2 && files.allSatisfy { $0.contains("Z-3-") })
        // 1795000001 is the wall time of the first frame.
        let date = try Date(
            String(files[0].prefix(16)),
            strategy: Date.ISO8601FormatStyle(
                dateSeparator: .omitted, timeSeparator: .omitted, timeZone: .gmt))
        #expect(date.timeIntervalSince1970 == 1_795_000_001)
    }

    @Test("another connection begins another segment; the time between is in neither file")
    func reconnection() throws {
        let folder = try TemporaryFolder()
        let (_, files, _) = try record(into: folder, segment: 60) { source in
            try source.play(frames: 50)
            source.reconnect(after: 0)
            try source.play(frames: 20, lostFor: 5)
            try source.play(frames: 50)
        }
        #expect(files.count == 4)
        for file in files { #expect(try times(folder, file).count == 50) }
        let manifest = try String(
            contentsOfFile: folder.path("rec/segments.jsonl"), encoding: .utf8)
        #expect(manifest.contains("\"gaps\":1"))
    }

    @Test("what is being written is playable at any instant, and gets its name at the next start")
    func survivesAKill() throws {
        let folder = try TemporaryFolder()
        let source = try LiveOutputSource()
        let outputs = try source.outputs {
            $0.record = folder.path("rec")
            $0.policy = .block
        }
        outputs.start()
        try source.play(frames: 100)
        #expect(becomes { source.status("recording")?.written == 200 })
        // What a kill at this moment would leave.
        let killed = try TemporaryFolder()
        try FileManager.default.createDirectory(
            atPath: killed.path("rec"), withIntermediateDirectories: false)
        let partial = try FileManager.default.contentsOfDirectory(atPath: folder.path("rec"))
            .filter { $0.hasSuffix(".partial.mkv") }
        #expect(partial.count == 2)
        for name in partial {
            try FileManager.default.copyItem(
                atPath: folder.path("rec/\(name)"), toPath: killed.path("rec/\(name)"))
        }
        try killed.write("rec/somebody-else.partial.mkv", Data([1]))
        source.feed.finish()
        _ = outputs.finish(within: 60)

        let next = try LiveOutputSource()
        let again = try next.outputs { $0.record = killed.path("rec") }
        next.feed.finish()
        _ = again.finish(within: 1)
        for name in partial {
            let path = killed.path("rec/" + name.replacing(".partial.", with: "."))
            // Half a second may still be in the muxer's hands.
            #expect(try DecodedPicture.read(path).count >= 85)
        }
        #expect(
            FileManager.default.fileExists(atPath: killed.path("rec/somebody-else.partial.mkv")))
    }

    @Test("the oldest segments make room, nothing else in the folder is touched")
    func keepsWithinTheLimit() throws {
        let folder = try TemporaryFolder()
        try FileManager.default.createDirectory(
            atPath: folder.path("rec"), withIntermediateDirectories: false)
        try folder.write("rec/0-holiday.mkv", Data(count: 2_000_000))
        let (_, files, _) = try record(into: folder, segment: 1, keep: 60_000) {
            try $0.play(frames: 250)
        }
        #expect(files.contains("0-holiday.mkv"))
        let recorded = files.filter { $0 != "0-holiday.mkv" }
        let bytes = try recorded.reduce(0) { sum, name in
            let size = try FileManager.default.attributesOfItem(atPath: folder.path("rec/\(name)"))
            return sum + ((size[.size] as? Int) ?? 0)
        }
        #expect(bytes <= 60_000)
        #expect(recorded.count >= 2)
        #expect(recorded.count < 20)
        // The newest are those that are left.
        let lines = try String(contentsOfFile: folder.path("rec/segments.jsonl"), encoding: .utf8)
            .split(separator: "\n")
        #expect(lines.count == 10)
        #expect(lines.last?.contains(try #require(recorded.last)) == true)
    }

    @Test("two programs don't record the same source into one folder")
    func locked() throws {
        let folder = try TemporaryFolder()
        let source = try LiveOutputSource()
        let first = try source.outputs { $0.record = folder.path("rec") }
        #expect(throws: FathomError.self) {
            _ = try source.outputs { $0.record = folder.path("rec") }
        }
        let other = try LiveOutputSource(index: 1)
        let second = try other.outputs { $0.record = folder.path("rec") }
        source.feed.finish()
        other.feed.finish()
        _ = first.finish(within: 1)
        _ = second.finish(within: 1)
    }

    @Test("a disk that is full is told once, and the feed goes on")
    func fullDisk() throws {
        let folder = try TemporaryFolder()
        let events = folder.path("events.jsonl")
        let source = try LiveOutputSource(events: events)
        let outputs = try source.outputs {
            $0.record = folder.path("rec")
            $0.policy = .block
        }
        // A folder that is gone refuses new files just as a disk does that is full.
        try FileManager.default.removeItem(atPath: folder.path("rec"))
        outputs.start()
        try source.play(frames: 100)
        source.feed.finish()
        _ = outputs.finish(within: 5)
        let told = try String(contentsOfFile: events, encoding: .utf8).split(separator: "\n")
        #expect(told.count { $0.contains("\"failed\"") } == 1)
        #expect((source.status("recording")?.dropped ?? 0) > 100)
    }
}
