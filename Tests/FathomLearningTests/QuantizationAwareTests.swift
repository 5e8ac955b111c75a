import FathomCore
import FathomEngine
import FathomGraph
import FathomLearning
import TestSupport
import Testing

/// Fine-tuning of files whose weights are whole numbers.
@Suite("Quantization-aware fine-tuning")
struct QuantizationAwareTests {
    private func quantized(_ design: String) throws -> Graph {
        let batch = try #require(NetworkFileTests.batch(2)["image"])
        var quantizer = NetworkQuantizer()
        quantizer.limit = 1
        let graph = try NetworkFileTests.design(design)
        return try quantizer.quantize(
            graph, calibration: [["image": batch]], judging: [["image": batch]]
        ).graph
    }

    @Test("without a step the file stays what it was", arguments: ["plain", "fathomnet"])
    func unchanged(_ kind: String) throws {
        let graph = try quantized("{kind: \(kind), width: 0.125}")
        let (real, weights) = try graph.withLearntWeights()
        let convolutions = graph.nodes.count { $0.operation == "Conv" }
        #expect(weights.count == 2 * convolutions)
        #expect(weights.allSatisfy { real.initializers[$0]?.type == .float })
        let back = try real.withWholeWeights()
        #expect(Set(back.initializers.keys) == Set(graph.initializers.keys))
        for (name, value) in graph.initializers {
            let other = try #require(back.initializers[name])
            #expect(other.type == value.type && other.shape == value.shape, "\(name)")
            if value.type.isFloatingPoint {
                let pairs = zip(other.floatValues, value.floatValues)
                #expect(pairs.allSatisfy { abs($0 - $1) <= 1e-6 * abs($1) }, "\(name)")
            } else {
                // Rounding of the products with a scale may move a bias by a unit.
                let pairs = zip(other.integerValues, value.integerValues)
                let most = value.type == .int32 ? 16 : 0
                #expect(pairs.allSatisfy { abs($0 - $1) <= most }, "\(name)")
            }
        }
    }

    @Test(
        "what is trained is what the exported whole numbers compute",
        arguments: ["plain", "fathomnet"])
    func same(_ kind: String) throws {
        let folder = try TemporaryFolder()
        let graph = try quantized("{kind: \(kind), width: 0.125}")
        let assembly = try NetworkFileTests.assembly(NetworkFileTests.write(graph, folder))
        let batch = NetworkFileTests.batch(2)
        let image = try #require(batch["image"])
        let target = try #require(batch["target"]).values
        let (losses, weights) = try NetworkFileTests.descend(
            assembly, batch, steps: 8, rate: 0.01)
        let last = try #require(losses.last)
        #expect(last < losses[0])
        let tuned = try Graph(onnx: assembly.onnxBytes(weights), name: "tuned")
        #expect(tuned.isQuantized)
        #expect(tuned.nodes.map(\.operation).sorted() == graph.nodes.map(\.operation).sorted())
        let weightNames = graph.initializers.filter {
            $0.value.type == .int8 && $0.value.shape.rank == 4
        }
        #expect(!weightNames.isEmpty)
        for (name, value) in weightNames {
            #expect(tuned.initializers[name]?.shape == value.shape, "\(name)")
        }
        let errors = zip(try NetworkFileTests.depth(tuned, image), target).map { abs($0 - $1) }
        let loss = errors.reduce(0, +) / Float(errors.count)
        #expect(abs(loss - last) < 1e-3 * max(last, 0.1), "\(loss) \(last)")
    }

    @Test("weights get no gradient beyond the whole numbers, and their scale follows them")
    func scales() throws {
        let graph = try quantized("{kind: plain, width: 0.125, layers: 1}")
        var (real, weights) = try graph.withLearntWeights()
        let name = try #require(weights.first)
        let tensor = try #require(real.initializers[name]?.tensor)
        real.initializers[name] = .floats(
            Tensor(shape: tensor.shape, values: tensor.values.map { 3 * $0 }))
        let (before, after) = (graph, try real.withWholeWeights())
        let whole = String(name.dropLast("#real".count))
        #expect(
            after.initializers[whole]?.integerValues == before.initializers[whole]?.integerValues)
        let scales = [before, after].map { $0.initializers["\(whole)Scale"]?.floatValues ?? [] }
        #expect(!scales[0].isEmpty)
        #expect(zip(scales[0], scales[1]).allSatisfy { abs(3 * $0 - $1) < 1e-5 * $1 })
    }
}
