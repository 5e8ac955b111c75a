import Fathom
import Foundation
import TestSupport
import Testing

/// What a folder of recordings costs.
@Suite("A batch")
struct BatchMemoryTests {
    @Test("keeps nothing of one input for the next: eight need the memory of one")
    func memory() throws {
        let one = try peakMemory(inputs: 1)
        let eight = try peakMemory(inputs: 8)
        #expect(eight < one * 1.3, "\(one) MB for one, \(eight) MB for eight")
    }

    private func peakMemory(inputs: Int) throws -> Double {
        let folder = try TemporaryFolder()
        let drive = Program.packageRoot.appendingPathComponent("Samples/media/drive.mp4")
        let names = (0..<inputs).map { "drive\($0).mp4" }
        for name in names {
            try FileManager.default.createSymbolicLink(
                at: folder.url.appendingPathComponent(name), withDestinationURL: drive)
        }
        let options = [
            "-o", "out/", "--duration", "0.6", "--size", "64", "--preset", "ultrafast",
            "--json-report", "r.json",
        ]
        let result = try Program.run("fathom", ["run"] + names + options, in: folder.url)
        #expect(result.status == 0, "\(result.errors)")
        let data = try Data(contentsOf: folder.url.appendingPathComponent("r.json"))
        return try JSONDecoder().decode(RunReport.self, from: data).peakMemoryMB
    }
}
