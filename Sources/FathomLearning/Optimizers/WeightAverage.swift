import FathomCore

/// An exponential moving average of the weights, which generalises better than the last ones (Polyak & Juditsky 1992).
///
/// The first update makes it the weights themselves. While it is young it forgets faster, as TensorFlow's
/// `ExponentialMovingAverage(num_updates:)` does: after n updates n + 1 of n + 10 stay, until that is more than `decay`.
/// A short run's average is then one of its last tenth, not of the random weights that it began with.
public final class WeightAverage {
    /// The share that stays, close to 1.
    public let decay: Double
    /// Updates taken.
    public private(set) var updates = 0
    private let pool: WorkerPool
    private let names: [String]
    private var tensors: [Tensor]

    private static let chunk = 1 << 15

    /// An average of the parameters and running statistics of a step, yet without weights.
    public init(_ step: some TrainingStep, decay: Double, pool: WorkerPool = .machine) {
        self.decay = decay
        self.pool = pool
        names = step.parameterNames + step.statisticNames
        tensors =
            step.parameterNames.map { name in
                Tensor(shape: [step.withParameter(name) { $0.count }])
            }
            + step.statisticNames.map { name in
                Tensor(shape: [step.withStatistic(name) { $0.count }])
            }
    }

    /// Takes in the weights as they are now.
    public func update(_ step: some TrainingStep) {
        let young = Double(updates + 1) / Double(updates + 10)
        let share = updates == 0 ? 1 : Float(1 - min(decay, young))
        updates += 1
        let sources =
            step.parameterNames.map { name in step.withParameter(name) { $0.baseAddress } }
            + step.statisticNames.map { name in step.withStatistic(name) { $0.baseAddress } }
        var parts: [Part] = []
        for (tensor, source) in zip(tensors, sources) {
            let target = tensor.withUnsafeMutableBuffer { $0.baseAddress }
            guard let target, let source else { continue }
            for start in stride(from: 0, to: tensor.count, by: Self.chunk) {
                parts.append(
                    Part(
                        target: target + start, source: source + start,
                        count: min(Self.chunk, tensor.count - start)))
            }
        }
        let all = parts
        pool.run(chunks: all.count) { index in
            OptimizerLoops.follow(
                all[index].target, all[index].source, share, all[index].count)
        }
    }

    private struct Part: @unchecked Sendable {
        // Sendable: parts don't overlap, and each is worked on by one thread.
        let target: UnsafeMutablePointer<Float>
        let source: UnsafePointer<Float>
        let count: Int
    }

    /// The averaged parameters and statistics by name; flat.
    public var weights: [String: Tensor] {
        Dictionary(uniqueKeysWithValues: zip(names, tensors))
    }
}

extension WeightAverage: TensorStateful {
    /// The averages, named such as `average/decoder.weight`, and `average.updates`.
    public func save(into state: inout TensorState) {
        state.numbers["average.updates"] = updates
        for (name, tensor) in zip(names, tensors) {
            state.tensors["average/\(name)"] = Tensor(shape: tensor.shape, values: tensor.values)
        }
    }

    /// Takes the averages from what `save` gave; changes nothing when one is missing.
    public func restore(from state: TensorState) throws(FathomError) {
        let count = try state.number("average.updates")
        var restored: [Tensor] = []
        for (name, tensor) in zip(names, tensors) {
            let saved = try state.tensor("average/\(name)", count: tensor.count)
            restored.append(Tensor(shape: saved.shape, values: saved.values))
        }
        tensors = restored
        updates = count
    }
}
