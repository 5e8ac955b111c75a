import FathomCore
import FathomGraph
import FathomPipeline
import Foundation
import TestSupport
import Testing

@Suite("Networks written as files")
struct ModelFilesTests {
    @Test("the default network is written and read back the same, metadata and all")
    func export() throws {
        let folder = try TemporaryFolder()
        let path = folder.path("model.onnx")
        let result = try ModelExport(output: path).run()
        #expect(folder.names == ["model.onnx"])
        #expect(result.nodes == result.nodesBefore)
        let own = try Network().graph
        let written = try Network(path).graph
        #expect(written.metadata == own.metadata)
        #expect(written.inputs == own.inputs && written.outputs == own.outputs)
        #expect(written.initializers.count == own.initializers.count)
        #expect(written.operatorSet == own.operatorSet)
    }

    @Test("a file for one size says so")
    func fixedSize() throws {
        let folder = try TemporaryFolder()
        var export = ModelExport(output: folder.path("model.onnx"))
        export.size = "64x32"
        #expect(try export.run().inputs == ["image": ["1", "3", "32", "64"]])
        #expect(try Network(export.output).graph.inputs[0].dimensions?[3] == .fixed(64))
    }

    @Test("a file that exists stays as it is unless it may be replaced; a failure leaves none")
    func existing() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("model.onnx", Data("mine".utf8))
        var export = ModelExport(output: path)
        #expect(throws: FathomError.self) { try export.run() }
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data("mine".utf8))
        export.overwrites = true
        #expect(try export.run().bytes > 1000)
        export.output = folder.path("other.onnx")
        export.size = "64"
        #expect(throws: FathomError.self) { try export.run() }
        #expect(folder.names == ["model.onnx"])
    }

    @Test("a network quantized on a recording is a fifth as large and says what it costs")
    func quantize() throws {
        let folder = try TemporaryFolder()
        let clip = Program.packageRoot.appendingPathComponent("Samples/media/drive.mp4").path
        var job = ModelQuantization(
            model: "default", calibrationData: clip, output: folder.path("int8.onnx"))
        job.frames = 2
        job.quantizer.limit = 1
        try job.configuration.set("size", "64")
        let report = try job.run()
        let network = try Network(report.path)
        #expect(network.graph.metadata["fathom.quantization"]?.contains("mean error") == true)
        #expect(report.layers > 50 && report.floatLayers.isEmpty)
        #expect(report.error.frames == 1 && report.error.mean > 0)
        #expect(report.bytes < 4_000_000)
        #expect(folder.names == ["int8.onnx"])
    }
}
