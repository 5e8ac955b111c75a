import FathomCore
import FathomLearning
import Foundation
import TestSupport
import Testing

/// What Scripts/record_optimizers.py recorded from PyTorch.
private struct RecordedOptimizers: Decodable, Sendable {
    struct Run: Decodable, Sendable {
        var configuration: [String: Setting]
        var weights: [String: [Float]]
        var norms: [Double]
        var accumulate: Int
        var encoderRate: Double
    }
    struct Curve: Decodable, Sendable {
        var configuration: [String: Setting]
        var steps: Int
        var factors: [Double]
    }
    struct Average: Decodable, Sendable {
        var decay: Double
        var values: [[Double]]
    }
    /// A value of a configuration, as YAML.
    struct Setting: Decodable, Sendable {
        var yaml: String
        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let flag = try? container.decode(Bool.self) {
                yaml = "\(flag)"
            } else if let number = try? container.decode(Double.self) {
                yaml = number == number.rounded() ? "\(Int(number))" : "\(number)"
            } else if let numbers = try? container.decode([Double].self) {
                yaml = "\(numbers)"
            } else {
                yaml = try container.decode(String.self)
            }
        }
    }
    var start: [String: [Float]]
    var gradients: [[String: [Float]]]
    var optimizers: [String: Run]
    var schedules: [String: Curve]
    var average: Average

    static let all: RecordedOptimizers = {
        let path = Program.packageRoot.appendingPathComponent(
            "Tests/FathomLearningTests/Recorded/optimizers.json")
        do {
            return try JSONDecoder().decode(Self.self, from: Data(contentsOf: path))
        } catch {
            preconditionFailure("\(path.path): \(error)")
        }
    }()

    static func section(_ settings: [String: Setting]) throws -> ConfigurationSection {
        try ConfigurationSection(
            yaml: settings.map { "\($0): \($1.yaml)" }.joined(separator: "\n"), place: "recorded")
    }
}

@Suite("Optimizers")
struct OptimizerTests {
    private let recorded = RecordedOptimizers.all

    @Test(
        "move weights as PyTorch's do", arguments: RecordedOptimizers.all.optimizers.keys.sorted())
    func recordedSteps(_ name: String) throws {
        let run = try #require(recorded.optimizers[name])
        let configuration = try OptimizerConfiguration(
            RecordedOptimizers.section(run.configuration))
        let step = ArrayStep(["a", "b"].map { ($0, recorded.start[$0]!) })
        let optimizer = Optimizer(
            configuration,
            parameters: [
                ParameterInfo(name: "a", count: 7, isEncoder: true),
                ParameterInfo(name: "b", count: 3),
            ])
        #expect(configuration.accumulate == run.accumulate)
        var norms: [Double] = []
        for (index, gradients) in recorded.gradients.enumerated() {
            for (name, values) in gradients { step.setGradient(name, values) }
            if run.accumulate > 1 { optimizer.accumulate(step) }
            guard (index + 1) % run.accumulate == 0 else { continue }
            let norm = optimizer.gradientNorm(step)
            norms.append(norm)
            optimizer.update(step, rate: configuration.rate, norm: norm)
        }
        for (norm, wanted) in zip(norms, run.norms) {
            #expect(abs(norm - wanted) <= 1e-6 * wanted)
        }
        #expect(norms.count == run.norms.count)
        for name in ["a", "b"] {
            for (value, wanted) in zip(step.values(name), run.weights[name]!) {
                #expect(abs(value - wanted) <= 2e-6 * max(1, abs(wanted)), "\(name)")
            }
        }
    }

    @Test("rates move as PyTorch's do", arguments: RecordedOptimizers.all.schedules.keys.sorted())
    func recordedRates(_ name: String) throws {
        let curve = try #require(recorded.schedules[name])
        let schedule = try Schedule(RecordedOptimizers.section(curve.configuration))
        for (step, wanted) in curve.factors.enumerated() {
            let factor = schedule.factor(step: step, of: curve.steps)
            #expect(abs(factor - wanted) <= 1e-9, "step \(step)")
        }
        #expect(curve.factors.count > 8)
    }

    @Test("averaged weights begin with the first and forget faster while they are young")
    func average() {
        let step = ArrayStep([("a", recorded.start["a"]!)], statistics: ["s": [3]])
        let average = WeightAverage(step, decay: recorded.average.decay)
        for (gradients, wanted) in zip(recorded.gradients, recorded.average.values) {
            step.withParameter("a") { weights in
                for i in 0..<7 { weights[i] += gradients["a"]![i] }
            }
            average.update(step)
            for (value, right) in zip(average.weights["a"]!.values, wanted) {
                #expect(abs(Double(value) - right) < 1e-5)
            }
            #expect(average.weights["s"]!.values == [3])
        }
    }

    @Test("biases and norms can be kept from decay")
    func decay() throws {
        var configuration = OptimizerConfiguration(kind: .adamw, rate: 0.1)
        configuration.weightDecay = 0.5
        configuration.decaysBiasesAndNorms = false
        let step = ArrayStep([("weight", [1, 2]), ("bias", [1, 2])])
        let optimizer = Optimizer(
            configuration,
            parameters: [
                ParameterInfo(name: "weight", shape: [1, 2]),
                ParameterInfo(name: "bias", shape: [2]),
            ])
        optimizer.update(step, rate: 0.1, norm: 0)
        #expect(step.values("weight") == [0.95, 1.9])
        #expect(step.values("bias") == [1, 2])
    }

    @Test("give the same for any number of threads")
    func threads() {
        func train(_ threads: Int) -> (weights: [Float], norm: Double) {
            var random = SeededRandom(7)
            let count = 100_003
            let step = ArrayStep([("w", (0..<count).map { _ in random.uniform(-1...1) })])
            let optimizer = Optimizer(
                OptimizerConfiguration(kind: .adam, rate: 0.01), parameters: step.infos,
                pool: WorkerPool(threads: threads))
            var norm = 0.0
            for _ in 0..<3 {
                step.setGradient("w", (0..<count).map { _ in random.uniform(-1...1) })
                norm = optimizer.gradientNorm(step)
                optimizer.update(step, rate: 0.01, norm: norm)
            }
            return (step.values("w"), norm)
        }
        let (one, three) = (train(1), train(3))
        #expect(one.weights == three.weights)
        #expect(one.norm == three.norm)
        #expect(one.norm > 100)
    }

    @Test("go on from a saved state to the bit", arguments: ["sgd", "adam", "adamw"])
    func state(kind: String) throws {
        var configuration = OptimizerConfiguration(kind: .init(rawValue: kind)!, rate: 0.01)
        if kind == "sgd" { configuration.momentum = 0.9 }
        let step = ArrayStep([("w", [1, 2, 3])])
        let optimizer = Optimizer(configuration, parameters: step.infos)
        func take(_ optimizer: Optimizer, _ step: ArrayStep, _ values: [Float]) {
            step.setGradient("w", values)
            optimizer.update(step, rate: 0.01, norm: 0)
        }
        take(optimizer, step, [0.1, -0.2, 0.3])
        var state = TensorState()
        optimizer.save(into: &state)
        let twin = ArrayStep([("w", step.values("w"))])
        take(optimizer, step, [0.5, 0.5, -0.5])
        let other = Optimizer(configuration, parameters: step.infos)
        try other.restore(from: state)
        take(other, twin, [0.5, 0.5, -0.5])
        #expect(step.values("w") == twin.values("w"))
        #expect(other.stepCount == 2)
        #expect(throws: FathomError.self) { try other.restore(from: TensorState()) }
    }

    @Test(
        "a setting that is wrong is an error",
        arguments: [
            "kind: adamw", "{kind: sgd, rate: 0.1, beta1: 0.5}", "{rate: x}",
            "{kind: sgd, rate: 0.1, nesterov: true}", "{rate: 1, cilp: 1}", "{kind: lion, rate: 1}",
        ])
    func wrongOptimizer(yaml: String) throws {
        let section = try ConfigurationSection(yaml: yaml, place: "a.yaml")
        let error = #expect(throws: FathomError.self) { try OptimizerConfiguration(section) }
        #expect(error?.code == .usage)
        #expect(error?.remedy.isEmpty == false)
    }

    @Test(
        "a schedule that is wrong is an error",
        arguments: [
            "kind: step", "{kind: step, at: [5, 3]}", "{kind: step, every: 3, at: [4]}",
            "{kind: one-cycle, warmup: 5}", "{kind: cosine, every: 3}", "{warmup: 1.5}",
        ])
    func wrongSchedule(yaml: String) throws {
        let section = try ConfigurationSection(yaml: yaml, place: "a.yaml")
        #expect(throws: FathomError.self) { try Schedule(section) }
    }
}
