import FathomCore
import FathomEngine
import FathomGraph
import FathomLearning
import Foundation
import Testing

/// A training run as `Scripts/record_training.py` recorded it from PyTorch.
struct RecordedTraining: Decodable, CustomTestStringConvertible {
    var network: String
    var batch: Int
    var height: Int
    var width: Int
    var frames: Int
    var loss: String
    var optimizer: String
    var losses: [Float]
    /// By how much PyTorch's own losses are off in single precision, or with weights changed by a millionth.
    var drift: [Float]
    /// Of each parameter all numbers of the first gradient, or norm, sum, first and last.
    var gradients: [String: [Float]]
    /// By how much, as a norm, each of PyTorch's own first gradients is off likewise.
    var deviations: [String: Float]

    var testDescription: String { network }

    static let all: [RecordedTraining] = {
        let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Recorded/training.json")
        let data = try? Data(contentsOf: url)
        return data.flatMap { try? JSONDecoder().decode([RecordedTraining].self, from: $0) } ?? []
    }()

    /// A picture of blurred noise, and a truth that hangs together with it.
    func makeBatch() throws -> [String: Tensor] {
        var builder = GraphBuilder(name: "blur")
        builder.input("noise", [.unknown, .fixed(3), .unknown, .unknown])
        builder.output(
            builder.node(
                "AveragePool", ["noise"],
                [
                    "kernel_shape": .integers([5, 5]), "strides": .integers([1, 1]),
                    "pads": .integers([2, 2, 2, 2]), "count_include_pad": .integer(1),
                ], name: "image"))
        var random = SeededRandom(1)
        let shape: Shape = [batch, 3, height, width]
        let noise = Tensor(
            shape: shape, values: (0..<shape.count).map { _ in random.uniform(-2...2) })
        let image = try #require(
            try builder.finish().evaluate(["noise": .floats(noise)])["image"]?.tensor)
        let pixels = image.values
        let area = height * width
        var target: [Float] = []
        var valid: [Float] = []
        random = SeededRandom(2)
        for index in 0..<batch * area {
            let (picture, place) = (index / area, index % area)
            let colors = (0..<3).map { pixels[(picture * 3 + $0) * area + place] }
            let ramp = Float(place / width) / Float(height)
            target.append(max(0.05, 0.3 + ramp + 0.5 * colors.reduce(0, +) / 3))
            valid.append(random.unit() > 0.2 ? 1 : 0)
        }
        let map: Shape = [batch, 1, height, width]
        return [
            "image": image, "target": Tensor(shape: map, values: target),
            "valid": Tensor(shape: map, values: valid),
        ]
    }

    func makeStep(_ batch: [String: Tensor], pool: WorkerPool) throws -> TrainingSession {
        func section(_ text: String) throws -> ConfigurationSection {
            try ConfigurationSection(yaml: text, place: "test")
        }
        let network = try NetworkConfiguration(section(network)).build(
            seed: 5, clips: frames > 1 ? ClipShape(frames: frames, clips: self.batch / frames) : nil
        )
        let sections = try #require(try section("loss: \(loss)").sections("loss"))
        let loss = try LossConfiguration(sections)
        let training = try TrainingGraph(network, shapes: batch.mapValues(\.shape)) {
            (builder) throws(FathomError) in
            let built = try loss.build(
                into: &builder, LossEdges(network, interface: NetworkInterface()))
            return TrainingGraph.Loss(total: built.total)
        }
        return try TrainingSession(training, options: SessionOptions(pool: pool))
    }

    func makeOptimizer(_ step: TrainingSession) throws -> Optimizer {
        let configuration = try OptimizerConfiguration(
            ConfigurationSection(yaml: optimizer, place: "test"))
        let parameters = step.parameterNames.map { name in
            ParameterInfo(name: name, count: step.withParameter(name) { $0.count })
        }
        return Optimizer(configuration, parameters: parameters)
    }
}

struct TrainingRecordTests {
    @Test func everyKindOfNetworkIsRecorded() throws {
        let kinds = try RecordedTraining.all.map {
            try NetworkConfiguration(ConfigurationSection(yaml: $0.network, place: "test")).kind
        }
        #expect(Set(kinds) == Set(NetworkConfiguration.Kind.designs))
    }

    /// Loss, every gradient and ten steps, as PyTorch has them.
    @Test(arguments: RecordedTraining.all)
    func trainsAsPyTorchDoes(_ recorded: RecordedTraining) throws {
        let batch = try recorded.makeBatch()
        let step = try recorded.makeStep(batch, pool: WorkerPool(threads: 2))
        #expect(Set(step.parameterNames) == Set(recorded.gradients.keys))
        let optimizer = try recorded.makeOptimizer(step)
        for (index, expected) in recorded.losses.enumerated() {
            let loss = try #require(try step.compute(batch)["loss"])
            // As far off as PyTorch's own are, several times.
            let drift = recorded.drift[...index].max() ?? 0
            #expect(
                abs(loss - expected) < (index == 0 ? 2e-5 : 2e-3) * abs(expected) + 4 * drift,
                "step \(index): \(loss), PyTorch \(expected)")
            if index == 0 { compareGradients(step, recorded) }
            optimizer.update(
                step, rate: optimizer.configuration.rate, norm: optimizer.gradientNorm(step))
        }
    }

    private func compareGradients(_ step: TrainingSession, _ recorded: RecordedTraining) {
        for name in step.parameterNames {
            guard let expected = recorded.gradients[name] else { continue }
            let gradient = step.withGradient(name) { Array($0) }
            let norm = gradient.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
            let isWhole = recorded.network.contains("plain")
            let ours =
                isWhole
                ? gradient
                : [
                    Float(norm), Float(gradient.reduce(0.0) { $0 + Double($1) }), gradient.first,
                    gradient.last,
                ].compactMap { $0 }
            #expect(ours.count == expected.count)
            // As far off as PyTorch's own are, several times.
            let allowed = 2e-3 * Float(norm) + 4 * (recorded.deviations[name] ?? 0) + 1e-6
            for (index, (ours, theirs)) in zip(ours, expected).enumerated() {
                // Numbers of a sum cancel: it is as exact as their count lets it be.
                let isSum = !isWhole && index == 1
                let factor = isSum ? Float(gradient.count).squareRoot() : 1
                #expect(
                    abs(ours - theirs) < factor * allowed, "\(name) \(index): \(ours), \(theirs)")
            }
        }
    }
}
