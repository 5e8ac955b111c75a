import CFFmpeg
import Fathom
import Foundation
import TestSupport
import Testing

/// Recordings of real cameras, where a folder of them lies beside this package.
@Suite("Real recordings")
struct SharedRecordingsTests {
    /// Files that are no video on purpose.
    private static let refused = ["truncated.mp4", "still_photo.heic", "audio_with_cover.mp3"]

    /// Files of which the first seconds can't be decoded.
    private static let late = ["broken_start.ts"]

    static let recordings: [String] = {
        let folder = Program.packageRoot.appendingPathComponent("../shared/data/video")
            .standardized.path
        guard let names = FileManager.default.enumerator(atPath: folder) else {
            Program.skipped("real recordings", "no shared data")
            return []
        }
        return names.compactMap { $0 as? String }.sorted()
            .filter { !$0.hasSuffix(".md") && $0.contains(".") }
            .map { (folder as NSString).appendingPathComponent($0) }
    }()

    @Test("every frame is accounted for and keeps its time", arguments: recordings)
    func recording(path: String) throws {
        let folder = try TemporaryFolder()
        let name = (path as NSString).lastPathComponent
        let output = folder.path("out.mp4")
        let report = folder.path("report.json")
        let result = try Program.run(
            "fathom",
            [
                "run", path, "-o", output, "--size", "96", "--preset", "ultrafast", "--layout",
                "depth", "--no-audio", "--json-report", report, "--quiet",
            ] + (Self.late.contains(name) ? [] : ["--duration", "2"]))
        if Self.refused.contains(name) {
            #expect(result.status == 1)
            #expect(result.errors.split(separator: "\n").count == 1)
            #expect(folder.names == ["report.json"])
            return
        }
        try #require(result.status == 0, "\(result.errors)")
        let account = try JSONDecoder().decode(
            RunReport.self, from: Data(contentsOf: URL(fileURLWithPath: report)))
        #expect(account.framesIn == account.framesOut + account.framesSkipped)
        #expect(account.framesDropped == 0)
        let made = try ReadBack(output).first(AVMEDIA_TYPE_VIDEO)
        #expect(made.times.count == account.framesOut)
        #expect(account.framesOut > 0)

        // Each time that was written is one of the source's, up to one shift of all.
        let source = try ReadBack(path).streams.filter {
            $0.kind == AVMEDIA_TYPE_VIDEO && !$0.packets.isEmpty
        }
        let times = made.times.map(\.seconds)
        let tick = 1 / Double(made.timeBase.denominator)
        let fits = source.contains { stream in
            let own = stream.packets.filter { $0.pts != Int64.min && !$0.isDiscarded }
                .map { Timestamp($0.pts, stream.timeBase).seconds }.sorted()
            // Raw streams and stills have no times of their own.
            if own.count < 2 { return true }
            return own.prefix(8).contains { start in
                var next = 0
                return times.allSatisfy { time in
                    let wanted = time - times[0] + start
                    while next < own.count, own[next] < wanted - tick { next += 1 }
                    return next < own.count && abs(own[next] - wanted) <= tick
                }
            }
        }
        #expect(fits, "\(name): \(times.prefix(8))")
    }

    @Test("the folder of recordings was looked for")
    func looked() {
        if Self.recordings.isEmpty {
            Program.skipped("every frame of real recordings", "no shared data")
        }
    }
}
