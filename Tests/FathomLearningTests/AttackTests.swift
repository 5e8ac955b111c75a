import FathomCore
import FathomGraph
import FathomLearning
import FathomMedia
import Foundation
import TestSupport
import Testing

/// Adversarial perturbations, on a network that adds the channels up.
struct AttackTests {
    private let folder: TemporaryFolder
    private let model: String
    private let list: String

    init() throws {
        folder = try TemporaryFolder()
        model = folder.path("sum.onnx")
        list = folder.path("list.jsonl")
        var builder = GraphBuilder(name: "sum")
        let image = builder.input(
            "image", [.fixed(1), .fixed(3), .named("height"), .named("width")])
        let kernel = builder.initializer(
            "kernel", .floats(Tensor(shape: [1, 3, 1, 1], values: [1, 1, 1])))
        let depth = builder.node("Conv", [image, kernel], name: "depth")
        builder.output(depth, [.fixed(1), .fixed(1), .named("height"), .named("width")])
        var graph = try builder.finish()
        graph.metadata = [
            "fathom.mean": "0,0,0", "fathom.std": "1,1,1", "fathom.size": "32",
            "fathom.sizeMultiple": "8",
        ]
        try folder.write("sum.onnx", Data(try graph.onnxBytes()))
        var random = SeededRandom(1)
        let gray = (0..<768).map { _ in 0.2 + 0.6 * random.unit() }
        try StillImage.writePNG(
            Tensor(shape: [3, 24, 32], values: gray + gray + gray), to: folder.path("a.png"))
        try NumpyFile.write(
            Tensor(shape: [24, 32], values: gray.map { 1 / $0 }), to: folder.path("a.npy"))
        try folder.write("list.jsonl", Data(#"{"rgb": "a.png", "depth": "a.npy"}"#.utf8))
    }

    private func errors(_ method: AttackMethod, seed: UInt64 = 0) throws -> [Double] {
        var job = AttackJob(model: model, dataset: list)
        job.method = method
        job.seed = seed
        job.epsilons = [0, 0.01, 0.05]
        return try job.run().rows.compactMap { $0.metrics[.absRel] }
    }

    @Test func errorsGrowWithThePerturbation() throws {
        for method in AttackMethod.allCases {
            let errors = try errors(method)
            #expect(errors.count == 3)
            #expect(errors[0] < 0.01)
            #expect(errors[0] < errors[1] && errors[1] < errors[2])
        }
    }

    @Test func theSameSeedAttacksTheSameWay() throws {
        #expect(try errors(.pgd, seed: 5) == errors(.pgd, seed: 5))
    }

    @Test func picturesStayWithinTheBallAndTheirRange() throws {
        var job = AttackJob(model: model, dataset: list)
        job.method = .pgd
        job.epsilons = [0.3]
        job.report = folder.path("a.html")
        job.json = folder.path("a.json")
        let result = try job.run()
        #expect(result.largestChange <= 0.300_01)
        #expect(result.pictureRange.lowerBound >= -1e-5)
        #expect(result.pictureRange.upperBound <= 1.000_01)
        let page = try String(contentsOfFile: folder.path("a.html"), encoding: .utf8)
        #expect(page.contains("data:image/png;base64,"))
    }
}
