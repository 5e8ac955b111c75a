import FathomCore
import FathomEngine
import FathomGraph
import FathomLearning
import Foundation
import TestSupport
import Testing

/// `network: {kind: file}`: fine-tuning what is in an ONNX file.
@Suite("Networks of files")
struct NetworkFileTests {
    /// Noise of which a network can learn something: nearer where it is darker.
    static func batch(_ pictures: Int, width: Int = 32, height: Int = 32) -> [String: Tensor] {
        var random = SeededRandom(3)
        let image = Tensor(
            shape: [pictures, 3, height, width],
            values: (0..<pictures * 3 * height * width).map { _ in random.uniform(-1...1) })
        let plane = height * width
        let values = image.values
        let target = (0..<pictures * plane).map { index in
            0.3 - 0.2 * values[index / plane * 3 * plane + index % plane]
        }
        let map: Shape = [pictures, 1, height, width]
        return [
            "image": image, "target": Tensor(shape: map, values: target),
            "valid": Tensor(shape: map, values: Array(repeating: 1, count: target.count)),
        ]
    }

    static func design(_ text: String) throws -> Graph {
        var graph = try NetworkConfiguration(ConfigurationSection(yaml: text, place: "test"))
            .build(seed: 4).shipped()
        graph.metadata["fathom.mean"] = "0.4,0.5,0.6"
        graph.metadata["fathom.license"] = "CC0"
        return graph
    }

    static func write(_ graph: Graph, _ folder: TemporaryFolder) throws -> String {
        try folder.write("network.onnx", Data(graph.onnxBytes()))
        return folder.path("network.onnx")
    }

    static func assembly(
        _ file: String, data: String = "", batchSize: Int = 2
    ) throws -> TrainingAssembly {
        let yaml = """
            name: tuned
            network: {kind: file, file: \(file)}
            data: {kind: synth, size: 32x32, count: {train: 4, validation: 2, test: 2}\(data)}
            loss: [{kind: l1}]
            optimizer: {kind: sgd, rate: 1e-2}
            batchSize: \(batchSize)
            steps: 1
            """
        return try TrainingAssembly(
            TrainingConfiguration(ConfigurationSection(yaml: yaml, place: "test")))
    }

    /// Steps of steepest descent; gives the losses and the weights at the end.
    static func descend(
        _ assembly: TrainingAssembly, _ batch: [String: Tensor], steps: Int, rate: Float
    ) throws -> (losses: [Float], weights: NetworkWeights) {
        let session = try assembly.step(
            initial: nil, options: SessionOptions(pool: WorkerPool(threads: 2)))
        var losses: [Float] = []
        for _ in 0..<steps {
            losses.append(try #require(session.compute(batch)["loss"]))
            for name in session.parameterNames {
                let gradient = session.withGradient(name) { Array($0) }
                session.withParameter(name) { values in
                    for index in values.indices { values[index] -= rate * gradient[index] }
                }
            }
        }
        losses.append(try #require(session.compute(batch)["loss"]))
        var weights: NetworkWeights = [:]
        for name in session.parameterNames {
            weights[name] = session.withParameter(name) { Tensor(shape: [$0.count], values: $0) }
        }
        for name in session.statisticNames {
            weights[name] = session.withStatistic(name) { Tensor(shape: [$0.count], values: $0) }
        }
        return (losses, weights)
    }

    static func depth(_ graph: Graph, _ image: Tensor) throws -> [Float] {
        let input = try #require(graph.inputs.first).name
        let session = try Session(graph, inputShapes: [input: image.shape])
        return try #require(session.run([input: image])[graph.outputs[0].name]).values
    }

    @Test("layers with folded norms learn, and the file keeps its names and metadata")
    func folded() throws {
        let folder = try TemporaryFolder()
        var graph = try Self.design("{kind: plain, width: 0.125, layers: 2}")
            .preparedForQuantization()
        // Another name for the picture, as other exporters have it.
        for index in graph.nodes.indices {
            graph.nodes[index].inputs = graph.nodes[index].inputs.map {
                $0 == "image" ? "pixel_values" : $0
            }
        }
        graph.inputs[0].name = "pixel_values"
        let assembly = try Self.assembly(Self.write(graph, folder))
        #expect(!graph.nodes.contains { $0.operation == "BatchNormalization" })
        let convolutions = graph.nodes.filter { $0.operation == "Conv" }
        #expect(assembly.network.parameters == convolutions.flatMap { $0.inputs[1...] })
        #expect(assembly.data.configuration.normalization.mean == [0.4, 0.5, 0.6])
        let (losses, weights) = try Self.descend(
            assembly, Self.batch(2), steps: 10, rate: 0.1)
        let last = try #require(losses.last)
        #expect(last < losses[0])
        let tuned = try Graph(onnx: assembly.onnxBytes(weights), name: "tuned")
        #expect(tuned.inputs == graph.inputs)
        #expect(tuned.outputs == graph.outputs)
        #expect(tuned.nodes.map(\.operation) == graph.nodes.map(\.operation))
        #expect(tuned.metadata["fathom.license"] == "CC0")
        for key in ["mean", "std", "output", "sizeMultiple"] {
            #expect(tuned.metadata["fathom.\(key)"] == graph.metadata["fathom.\(key)"], "\(key)")
        }
        let batch = Self.batch(2)
        let image = try #require(batch["image"])
        let target = try #require(batch["target"]).values
        let errors = zip(try Self.depth(tuned, image), target).map { abs($0 - $1) }
        let loss = errors.reduce(0, +) / Float(errors.count)
        #expect(abs(loss - last) < 1e-5)
    }

    @Test("a pruned network learns, and its norms' statistics follow")
    func pruned() throws {
        let folder = try TemporaryFolder()
        let graph = try Self.design("{kind: fathomnet, width: 0.25}").pruned(
            amount: 0.4, method: .channel, inputShapes: ["image": [1, 3, 32, 32]])
        let assembly = try Self.assembly(Self.write(graph, folder))
        let statistics = assembly.network.statistics
        let norms = graph.nodes.count { $0.operation == "BatchNormalization" }
        #expect(norms > 0 && statistics.count == 2 * norms)
        #expect(Set(statistics).isDisjoint(with: assembly.network.parameters))
        let (losses, weights) = try Self.descend(
            assembly, Self.batch(2), steps: 10, rate: 0.02)
        #expect(losses[10] < losses[0])
        let tuned = try Graph(onnx: assembly.onnxBytes(weights), name: "tuned")
        for name in statistics {
            #expect(tuned.initializers[name]?.shape == graph.initializers[name]?.shape)
            #expect(tuned.initializers[name]?.floatValues != graph.initializers[name]?.floatValues)
        }
    }

    @Test("a network with a memory learns from clips as if its frames came one by one")
    func memory() throws {
        let folder = try TemporaryFolder()
        let graph = try Self.design("{kind: video, width: 0.0625}")
        let assembly = try Self.assembly(Self.write(graph, folder), data: ", clip: 2")
        let image = try #require(Self.batch(4)["image"])
        let channels = try #require(graph.inputs[1].dimensions?[1].length)
        let state: Shape = [2, channels, 4, 4]
        let clip = try Session(
            assembly.network.graph, inputShapes: ["image": image.shape, "state": state]
        ).run(["image": image, "state": Tensor(shape: state)])
        let frames = try Session(
            graph, inputShapes: ["image": [2, 3, 32, 32], "state": state])
        let half = image.count / 2
        var memory = Tensor(shape: state)
        var expected: [Float] = []
        for frame in 0..<2 {
            let part = Tensor(
                shape: [2, 3, 32, 32], values: image.values[frame * half..<(frame + 1) * half])
            let outputs = try frames.run(["image": part, "state": memory])
            expected += try #require(outputs["inverse_depth"]).values
            memory = try #require(outputs["state_out"])
        }
        let depth = try #require(clip[assembly.network.graph.outputs[0].name]).values
        #expect(zip(depth, expected).allSatisfy { abs($0 - $1) < 1e-5 })
        let (losses, weights) = try Self.descend(assembly, Self.batch(4), steps: 2, rate: 1e-3)
        #expect(losses.allSatisfy { $0.isFinite })
        let tuned = try Graph(onnx: assembly.onnxBytes(weights), name: "tuned")
        #expect(tuned.metadata["fathom.state"] == "state=state_out")
        #expect(tuned.inputs == graph.inputs)
        #expect(throws: FathomError.self) { try Self.assembly(folder.path("network.onnx")) }
        // It is judged, and the page shows what its first frame looked at.
        try folder.write(
            "data.yaml",
            Data("data: {kind: synth, size: 32x32, count: {train: 2, validation: 2, test: 2}}".utf8)
        )
        var job = EvaluationJob(dataset: folder.path("data.yaml"))
        job.judged = try Self.write(tuned, folder)
        job.report = folder.path("report.html")
        _ = try job.run()
        #expect(FileManager.default.fileExists(atPath: folder.path("report.html")))
    }

    @Test(
        "a configuration that contradicts the file is an error with the key's name",
        arguments: [
            (", target: depth", "'target'"), (", target: log-depth", "'target'"),
            (", normalization: imagenet", "'normalization'"),
        ])
    func contradictions(_ words: String, _ key: String) throws {
        let folder = try TemporaryFolder()
        let file = try Self.write(Self.design("{kind: plain, width: 0.125, layers: 1}"), folder)
        let error = #expect(throws: FathomError.self) { try Self.assembly(file, data: words) }
        #expect(error?.cause.contains(key) == true, "\(String(describing: error))")
        _ = try Self.assembly(file, data: ", target: inverse-depth")
    }

    @Test("what cannot be fine-tuned is an error that says why")
    func refusals() throws {
        let folder = try TemporaryFolder()
        func cause(_ change: (inout GraphBuilder, String) -> String) throws -> String? {
            let graph = try Self.design("{kind: plain, width: 0.125, layers: 1}")
            let depth = graph.outputs[0].name
            var emptied = graph
            emptied.outputs = []
            var builder = GraphBuilder(extending: emptied)
            builder.output(change(&builder, depth))
            let file = try Self.write(builder.finish(), folder)
            let error = #expect(throws: FathomError.self) {
                _ = try Self.assembly(file).step(initial: nil, options: SessionOptions())
            }
            return error?.cause
        }
        let two = try cause { builder, depth in
            builder.output(depth)
            return builder.node("Neg", [depth], name: "other")
        }
        #expect(two?.contains("2 outputs: 'inverse_depth', 'other'") == true)
        let operation = try cause { builder, depth in
            builder.node("CumSum", [depth, builder.constant([3])])
        }
        #expect(operation?.contains("CumSum") == true)
        let shape = try cause { builder, depth in builder.mean(depth, axes: [3]) }
        #expect(shape?.contains("its output is") == true)
        let name = try cause { builder, depth in builder.node("Neg", [depth], name: "target") }
        #expect(name?.contains("'target'") == true)
    }
}

extension FathomGraph.Dimension {
    fileprivate var length: Int? { if case .fixed(let length) = self { length } else { nil } }
}
