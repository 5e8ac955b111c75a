import FathomCore
import FathomEngine
import FathomGraph
import FathomLearning
import Foundation
import Testing

/// A loss as `Scripts/record_losses.py` recorded it from PyTorch.
struct RecordedLoss: Decodable, CustomTestStringConvertible {
    var name: String
    var section: String
    var learns: String
    var turned: Bool
    var frames: Int
    var coarser: Int
    var value: Float
    var gradient: [Float]

    var testDescription: String { name }

    static let all: [RecordedLoss] = {
        let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Recorded/losses.json")
        return (try? JSONDecoder().decode([RecordedLoss].self, from: Data(contentsOf: url))) ?? []
    }()
}

struct LossTests {
    private static let (width, height) = (16, 12)

    @Test func thereAreRecordedLossesOfEveryKind() throws {
        let kinds = try Set(RecordedLoss.all.map { try Self.term($0.section).kind })
        #expect(kinds == Set(LossTerm.Kind.allCases))
    }

    @Test(arguments: RecordedLoss.all)
    func equalsPyTorch(_ recorded: RecordedLoss) throws {
        let (graph, built) = try Self.graph(recorded)
        let inputs = Self.inputs(recorded)
        let shapes = inputs.mapValues(\.shape)
        let learning = try graph.differentiated(
            loss: built.total, parameters: ["prediction"], inputShapes: shapes)
        let outputs = try Session(learning, inputShapes: shapes).run(inputs)
        let value = try #require(outputs[built.total]).values[0]
        #expect(abs(value - recorded.value) < 1e-5 * max(1, abs(recorded.value)))
        let gradient = try #require(outputs[Graph.gradientName("prediction")]).values
        let greatest = recorded.gradient.map(abs).max() ?? 0
        try #require(gradient.count == recorded.gradient.count)
        for (ours, theirs) in zip(gradient, recorded.gradient) {
            #expect(abs(ours - theirs) < 1e-3 * greatest)
        }
    }

    @Test func aPictureWithoutAnyTruthCountsForNothing() throws {
        for kind in LossTerm.Kind.allCases where kind != .photometric && kind != .smoothness {
            var recorded = try #require(
                RecordedLoss.all.first { try Self.term($0.section).kind == kind })
            recorded.coarser = 0
            let (graph, built) = try Self.graph(recorded)
            var inputs = Self.inputs(recorded)
            inputs["valid"] = Tensor(shape: inputs["target"]?.shape ?? [])
            let session = try Session(graph, inputShapes: inputs.mapValues(\.shape))
            let value = try #require(try session.run(inputs)[built.total]).values[0]
            #expect(value == 0, "\(kind.rawValue)")
        }
    }

    @Test func theSumHasItsWeights() throws {
        let sections = try ConfigurationSection(
            yaml: "loss: [{kind: l1, weight: 2}, {kind: mse, weight: 0.5}]", place: "test"
        ).sections("loss")
        let loss = try LossConfiguration(try #require(sections))
        let values = try ["l1", "mse"].map { kind in
            try #require(RecordedLoss.all.first { $0.name == kind }).value
        }
        let plain = try #require(RecordedLoss.all.first { $0.name == "l1" })
        let (graph, built) = try Self.graph(plain, loss)
        let session = try Session(graph, inputShapes: Self.inputs(plain).mapValues(\.shape))
        let total = try #require(try session.run(Self.inputs(plain))[built.total]).values[0]
        #expect(abs(total - (2 * values[0] + 0.5 * values[1])) < 1e-5)
        #expect(built.terms.map(\.kind) == [.l1, .mse])
    }

    @Test(arguments: [
        ("{kind: l2}", "'kind' is 'l2'"), ("{kind: l1, delta: 1}", "there is no key 'delta'"),
        ("{kind: mse, weight: -1}", "'weight' is -1.0"),
    ])
    func aWrongSectionIsAnError(_ text: String, _ cause: String) {
        let error = #expect(throws: FathomError.self) { try Self.term(text) }
        #expect(error?.cause == cause)
    }

    @Test func aLossThatLacksWhatItNeedsSaysSo() throws {
        let plain = try #require(RecordedLoss.all.first { $0.name == "l1" })
        let error = #expect(throws: FathomError.self) {
            try Self.graph(plain, LossConfiguration([LossTerm(.temporal)]))
        }
        #expect(error?.cause == "the batches are no clips of several frames")
    }

    static func term(_ text: String) throws -> LossTerm {
        try LossTerm(ConfigurationSection(yaml: text, place: "test"))
    }

    /// A graph whose output is the loss of its input `prediction`.
    static func graph(
        _ recorded: RecordedLoss, _ given: LossConfiguration? = nil
    ) throws -> (Graph, LossConfiguration.Built) {
        let loss = try given ?? LossConfiguration([term(recorded.section)])
        var builder = GraphBuilder(name: "loss")
        builder.input("prediction", [.named("batch"), .fixed(1), .unknown, .unknown])
        builder.input("image", [.named("batch"), .fixed(3), .unknown, .unknown])
        let depth = builder.node("Identity", ["prediction"], name: "depth")
        builder.output(depth)
        let coarser = (0..<recorded.coarser).map { index in
            let side = 2 << index
            return builder.node(
                "AveragePool", ["prediction"],
                ["kernel_shape": .integers([side, side]), "strides": .integers([side, side])])
        }
        let interface = NetworkInterface(
            learns: try #require(DepthTarget(rawValue: recorded.learns)))
        let network = TrainableNetwork(
            graph: builder.graph, parameters: [], auxiliaryOutputs: coarser)
        let edges = LossEdges(
            network, interface: interface, size: PixelSize("\(width)x\(height)"),
            clips: recorded.frames > 1 ? ClipShape(frames: recorded.frames, clips: 2) : nil)
        let built = try loss.build(into: &builder, edges)
        if built.parameters.contains("pose.head.bias") {
            builder.initializer(
                "pose.head.bias",
                .floats(Tensor(shape: [6], values: [2, -3, 1, 20, -10, 5])))
        }
        var graph = builder.graph
        graph.outputs = [ValueInfo(name: built.total, dimensions: nil)]
        let used = Set(graph.nodes.flatMap(\.inputs))
        graph.inputs.removeAll { !used.contains($0.name) }
        return (graph, built)
    }

    /// What `record_losses.py` gave PyTorch, of it what the loss reads.
    static func inputs(_ recorded: RecordedLoss) -> [String: Tensor] {
        let batch = 2 * recorded.frames
        func uniform(_ seed: UInt64, _ range: ClosedRange<Float>, channels: Int = 1) -> Tensor {
            var random = SeededRandom(seed)
            let shape: Shape = [batch, channels, height, width]
            return Tensor(
                shape: shape, values: (0..<shape.count).map { _ in random.uniform(range) })
        }
        let target = uniform(2, 0.2...2)
        let noise = uniform(1, 0.1...0.9)
        let prediction = Tensor(
            shape: target.shape,
            values: zip(target.values, noise.values).map {
                recorded.turned ? 2 - ($0 * 0.5 + $1) : $0 * 0.5 + $1
            })
        let valid = Tensor(
            shape: target.shape, values: uniform(3, 0...1).values.map { $0 > 0.3 ? 1 : 0 })
        var inputs = [
            "prediction": prediction, "target": target, "valid": valid,
            "image": uniform(4, -1...1, channels: 3), "previous": uniform(5, -1...1, channels: 3),
            "next": uniform(6, -1...1, channels: 3), "otherEye": uniform(7, -1...1, channels: 3),
            "flow": uniform(8, -2...2, channels: 2),
            "intrinsics": Tensor(shape: [2, 4], values: [10, 11, 7.5, 5.5, 12, 9, 8, 6]),
            "baseline": Tensor(shape: [2, 1], values: [0.5, -0.3]),
        ]
        if let graph = try? graph(recorded).0 {
            let names = Set(graph.inputs.map(\.name))
            inputs = inputs.filter { names.contains($0.key) }
        }
        return inputs
    }
}
