import FathomCore
import FathomEngine
import FathomGraph
import FathomLearning
import Testing

struct PruningTests {
    private func network(_ text: String) throws -> Graph {
        try NetworkConfiguration(ConfigurationSection(yaml: text, place: "test")).build(seed: 1)
            .shipped()
    }

    private func shapes(_ graph: Graph) -> [String: Shape] {
        var shapes: [String: Shape] = ["image": [1, 3, 128, 128]]
        if graph.inputs.contains(where: { $0.name == "state" }) {
            shapes["state"] = [1, 16, 16, 16]
        }
        return shapes
    }

    @Test(arguments: NetworkTests.small + ["{kind: video, width: 0.25}"])
    func removesChannelsThroughoutANetwork(_ text: String) throws {
        let graph = try network(text)
        let shapes = shapes(graph)
        let pruned = try graph.pruned(amount: 0.3, method: .channel, inputShapes: shapes)
        let before = try GraphSummary(graph, inputShapes: shapes)
        let after = try GraphSummary(pruned, inputShapes: shapes)
        #expect(Double(after.parameters) <= 0.7 * Double(before.parameters))
        #expect(after.multiplyAdds < before.multiplyAdds)
        #expect(after.outputShapes == before.outputShapes)
        let inputs = shapes.mapValues { Tensor(shape: $0) }
        let outputs = try Session(pruned, inputShapes: shapes).run(inputs)
        #expect(outputs.values.allSatisfy { $0.values.allSatisfy(\.isFinite) })
    }

    /// Channels that do nothing go first, and nothing changes.
    @Test func channelsThatDoNothingGoFirst() throws {
        var graph = try network("{kind: plain, width: 0.25, layers: 3}")
        for layer in 0..<3 {
            let name = "layers.\(layer).weight"
            let tensor = try #require(graph.initializers[name]?.tensor)
            let size = tensor.count / 16
            let values = tensor.values.enumerated().map {
                $0.offset / size % 2 == 1 ? 0 : $0.element
            }
            graph.initializers[name] = .floats(Tensor(shape: tensor.shape, values: values))
        }
        let shapes: [String: Shape] = ["image": [1, 3, 16, 24]]
        let pruned = try graph.pruned(amount: 0.2, method: .channel, inputShapes: shapes)
        #expect(pruned.initializers["layers.1.weight"]?.shape.dimensions[0] ?? 16 < 16)
        var random = SeededRandom(4)
        let image = Tensor(
            shape: [1, 3, 16, 24], values: (0..<1152).map { _ in random.uniform(-1...1) })
        let depth = try [graph, pruned].map {
            try #require(Session($0, inputShapes: shapes).run(["image": image])["inverse_depth"])
        }
        #expect(zip(depth[0].values, depth[1].values).allSatisfy { abs($0 - $1) < 1e-5 })
    }

    @Test func setsTheLeastWeightsToNought() throws {
        let graph = try network("{kind: fathomnet, width: 0.25}")
        let pruned = try graph.pruned(amount: 0.4, method: .magnitude, inputShapes: shapes(graph))
        let name = "encoder.blocks.14.project.conv.weight"
        let before = try #require(graph.initializers[name]?.tensor?.values)
        let after = try #require(pruned.initializers[name]?.tensor?.values)
        let least = try #require(after.filter { $0 != 0 }.map(abs).min())
        for (old, new) in zip(before, after) {
            #expect(new == (abs(old) < least ? 0 : old))
        }
        let weights = graph.initializers.keys.filter {
            $0.hasSuffix(".weight") && (graph.initializers[$0]?.shape.rank ?? 0) == 4
        }
        let all = weights.flatMap { pruned.initializers[$0]?.floatValues ?? [] }
        let share = Double(all.count { $0 == 0 }) / Double(all.count)
        #expect(abs(share - 0.4) < 0.001)
    }

    @Test func moreThanThereIsCannotGo() throws {
        let graph = try network("{kind: plain, width: 0.125, layers: 1}")
        let error = #expect(throws: FathomError.self) {
            try graph.pruned(amount: 0.99, method: .channel, inputShapes: shapes(graph))
        }
        #expect(error?.operation == "prune")
    }
}
