import FathomCore
import FathomDepth
import FathomEngine
import FathomGraph
import FathomLearning
import Foundation
import Testing

struct NetworkTests {
    private static let pool = WorkerPool(threads: 2)

    private func run(
        _ graph: Graph, _ inputs: [String: Tensor]
    ) throws -> [String: Tensor] {
        let session = try Session(
            graph, inputShapes: inputs.mapValues(\.shape),
            options: SessionOptions(pool: Self.pool))
        return try session.run(inputs)
    }

    private func picture(_ shape: Shape, seed: UInt64 = 1) -> Tensor {
        var random = SeededRandom(seed)
        return Tensor(shape: shape, values: (0..<shape.count).map { _ in random.uniform(-1...1) })
    }

    private static func configuration(_ text: String) throws -> NetworkConfiguration {
        try NetworkConfiguration(ConfigurationSection(yaml: text, place: "test"))
    }

    static let small = [
        "{kind: dispnet, width: 0.125}", "{kind: deeplab, width: 0.125}",
        "{kind: resnet, width: 0.125}", "{kind: resnet, depth: 34, width: 0.125}",
        "{kind: resnet, depth: 50, width: 0.125}", "{kind: plain, width: 0.125, layers: 3}",
        "{kind: fathomnet, width: 0.25}",
    ]

    @Test(arguments: small)
    func givesOneNumberAPixelAtAnySizeThatFits(_ text: String) throws {
        let configuration = try Self.configuration(text)
        let network = try configuration.build(seed: 1)
        let multiple = max(configuration.sizeMultiple, 32)
        for size in [(1, 1), (1, 2)] {
            let shape: Shape = [2, 3, size.0 * multiple, size.1 * multiple]
            let outputs = try run(network.graph, ["image": picture(shape)])
            let depth = try #require(outputs["inverse_depth"])
            #expect(depth.shape == [2, 1, shape[2], shape[3]])
            #expect(depth.values.allSatisfy { $0.isFinite && $0 >= 0 })
            #expect(Set(depth.values).count > 100)
            for (index, name) in network.auxiliaryOutputs.enumerated() {
                let part = 2 << index
                #expect(outputs[name]?.shape == [2, 1, shape[2] / part, shape[3] / part])
            }
        }
    }

    @Test func dispNetGivesFourScales() throws {
        let network = try Self.configuration("{kind: dispnet, width: 0.125}").build(seed: 1)
        #expect(network.auxiliaryOutputs.count == 3)
    }

    /// The counts of PyTorch's modules of the same structure.
    @Test(arguments: [
        ("{kind: plain}", 334_209), ("{kind: dispnet}", 31_596_900),
        ("{kind: resnet}", 13_537_057), ("{kind: deeplab}", 4_669_937),
    ])
    func hasThePapersWidths(_ text: String, _ parameters: Int) throws {
        let network = try Self.configuration(text).build(seed: 0)
        let count = network.parameters.reduce(0) {
            $0 + (network.graph.initializers[$1]?.shape.count ?? 0)
        }
        #expect(count == parameters)
    }

    @Test func firstWeightsDependOnTheSeedAlone() throws {
        let configuration = try Self.configuration("{kind: fathomnet, width: 0.25}")
        let name = "encoder.stem.conv.weight"
        let weights = try (0..<2).map { seed in
            try configuration.build(seed: UInt64(seed)).graph.initializers[name]?.floatValues
        }
        let again = try configuration.build(seed: 0).graph.initializers[name]?.floatValues
        #expect(weights[0] == again)
        #expect(weights[0] != weights[1])
    }

    @Test func everyParameterIsAnInitializer() throws {
        for text in Self.small + ["{kind: video, width: 0.25}"] {
            let network = try Self.configuration(text).build(seed: 0)
            #expect(Set(network.parameters).count == network.parameters.count)
            for name in network.parameters { #expect(network.graph.initializers[name] != nil) }
            let others = network.graph.initializers.keys.filter { name in
                (name.hasSuffix(".weight") || name.hasSuffix(".bias"))
                    && !network.parameters.contains(name)
            }
            #expect(others.isEmpty)
        }
    }

    @Test func aLogarithmIsUndoneInTheShippedNetwork() throws {
        let configuration = try Self.configuration("{kind: plain, width: 0.125, layers: 2}")
        var network = try configuration.build(seed: 1, interface: .init(learns: .logDepth))
        network.graph = Self.outspoken(network.graph)
        let input = ["image": picture([1, 3, 8, 8])]
        let log = try #require(run(network.graph, input)["log_depth"])
        let shipped = try network.shipped()
        #expect(shipped.metadata["fathom.output"] == "metres")
        let depth = try #require(run(shipped, input)["depth"])
        #expect(log.values.contains { $0 < 0 })
        for (log, depth) in zip(log.values, depth.values) {
            #expect(abs(exp(log) - depth) < 1e-5 * depth)
        }
    }

    @Test func theShippedNetworkHasTheFinestScaleOnlyAndACard() throws {
        let network = try Self.configuration("{kind: dispnet, width: 0.125}").build(seed: 1)
        let shipped = try network.shipped()
        #expect(shipped.outputs.map(\.name) == ["inverse_depth"])
        let again = try Graph(onnx: shipped.onnxBytes(), name: "again")
        let card = try ModelCard(metadata: again.metadata, subject: "it", defaultName: "")
        #expect(card.name == "dispnet")
        #expect(card.sizeMultiple == 128)
        #expect(card.outputKind == .inverseDepth)
        let input = ["image": picture([1, 3, 128, 128])]
        let before = try run(network.graph, input)["inverse_depth"]?.values
        #expect(try run(again, input)["inverse_depth"]?.values == before)
    }

    /// A network whose last layer says much of what it sees, unlike one that has learnt nothing yet.
    private static func outspoken(_ graph: Graph) -> Graph {
        var graph = graph
        if case .floats(let weights)? = graph.initializers["head.weight"] {
            graph.initializers["head.weight"] = .floats(
                Tensor(shape: weights.shape, values: weights.values.map { 300 * $0 }))
        }
        return graph
    }

    /// Frames one by one with the state carried, or all at once as in training: the same depth.
    @Test func aVideoNetworkRemembers() throws {
        let configuration = try Self.configuration("{kind: video, width: 0.25}")
        var single = try configuration.build(seed: 3)
        var clips = try configuration.build(seed: 3, clips: ClipShape(frames: 3, clips: 2))
        single.graph = Self.outspoken(single.graph)
        clips.graph = Self.outspoken(clips.graph)
        let frames = (0..<3).map { picture([2, 3, 32, 64], seed: UInt64($0)) }
        let channels = 16
        var state = Tensor(shape: [2, channels, 4, 8])
        var expected: [Float] = []
        for frame in frames {
            let outputs = try run(single.graph, ["image": frame, "state": state])
            expected += try #require(outputs["inverse_depth"]).values
            state = try #require(outputs["state_out"])
        }
        let whole = try run(
            clips.graph,
            ["image": Tensor(shape: [6, 3, 32, 64], values: frames.flatMap(\.values))])
        let depth = try #require(whole["inverse_depth"]).values
        #expect(zip(depth, expected).allSatisfy { abs($0 - $1) < 1e-4 })
        let forgetful = try run(
            single.graph, ["image": frames[2], "state": Tensor(shape: [2, channels, 4, 8])])
        let last = Array(expected.suffix(2 * 32 * 64))
        #expect(
            zip(try #require(forgetful["inverse_depth"]).values, last).contains {
                abs($0 - $1) > 1e-3
            })
    }

    @Test(arguments: [
        ("{kind: dispnt}", "'kind' is 'dispnt'"), ("{kind: resnet, depth: 20}", "'depth' is 20"),
        ("{kind: plain, depth: 18}", "there is no key 'depth'"),
        ("{kind: video, encoder: a.onnx, width: 0.5}", "'encoder' is a file and 'width' is 0.5"),
    ])
    func aWrongSectionIsAnError(_ text: String, _ cause: String) throws {
        let error = #expect(throws: FathomError.self) { try Self.configuration(text) }
        #expect(error?.cause == cause)
    }
}
