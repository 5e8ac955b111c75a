import Foundation
import TestSupport
import Testing

@Suite("fathom bench model")
struct BenchModelTests {
    @Test("a worker speaks JSON alone on standard output and ends with its input")
    func worker() throws {
        let folder = try TemporaryFolder()
        let commands = try folder.write("commands", Data("run 2\nnonsense\n".utf8))
        let result = try Program.run(
            "fathom", ["bench", "model", "--size", "64x32", "--worker"],
            input: URL(fileURLWithPath: commands))
        #expect(result.status == 0)
        let lines = result.text.split(separator: "\n")
        #expect(lines.count == 3)
        for line in lines {
            #expect((try? JSONSerialization.jsonObject(with: Data(line.utf8))) != nil)
        }
    }

    @Test("a worker without a network says so as JSON and fails")
    func noNetwork() throws {
        let result = try Program.run("fathom", ["bench", "model", "missing.onnx", "--worker"])
        #expect(result.status == 64)
        #expect(result.text.contains("\"ready\":false"))
    }
}
