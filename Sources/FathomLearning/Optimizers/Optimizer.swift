import FathomCore

/// What an optimizer has to know of a parameter.
public struct ParameterInfo: Hashable, Sendable {
    /// The parameter's name.
    public var name: String
    /// The number of its elements.
    public var count: Int
    /// Whether it belongs to the encoder, whose rate has a factor of its own.
    public var isEncoder: Bool
    /// Whether it is a bias or the weight of a norm, which may be kept from decay.
    public var isBiasOrNorm: Bool

    /// Describes a parameter.
    public init(
        name: String, count: Int, isEncoder: Bool = false, isBiasOrNorm: Bool = false
    ) {
        self.name = name
        self.count = count
        self.isEncoder = isEncoder
        self.isBiasOrNorm = isBiasOrNorm
    }

    /// Describes the parameters of a step; what belongs where is seen from the names and the numbers of axes.
    ///
    /// The encoder's names begin with `encoder.` or `backbone.`; a bias or the weight of a norm has one axis.
    public init(name: String, shape: Shape) {
        self.init(
            name: name, count: shape.count,
            isEncoder: name.hasPrefix("encoder.") || name.hasPrefix("backbone."),
            isBiasOrNorm: shape.rank <= 1)
    }
}

/// Moves the parameters of a `TrainingStep` against their gradients.
///
/// The result is the same for any number of threads. Used by one thread at a time.
public final class Optimizer {
    /// The rule and its settings.
    public let configuration: OptimizerConfiguration
    /// The parameters, in the step's order.
    public let parameters: [ParameterInfo]
    /// Steps taken.
    public private(set) var stepCount = 0
    /// One list for each state that the rule keeps, with a tensor for each parameter.
    private var states: [[Tensor]]
    /// Sums of gradients over the batches of a step; empty where each batch makes one.
    private let sums: [Tensor]
    private var batchesInSums = 0
    private let pool: WorkerPool

    /// Elements that one thread works on at a time; fixed, so that sums don't depend on the number of threads.
    private static let chunk = 1 << 15

    /// An optimizer at its start.
    public init(
        _ configuration: OptimizerConfiguration, parameters: [ParameterInfo],
        pool: WorkerPool = .machine
    ) {
        self.configuration = configuration
        self.parameters = parameters
        self.pool = pool
        states = Self.stateNames(configuration).map { _ in
            parameters.map { Tensor(shape: [$0.count]) }
        }
        sums =
            configuration.accumulate > 1 ? parameters.map { Tensor(shape: [$0.count]) } : []
    }

    /// What the rule's states are called in checkpoints.
    public var stateNames: [String] { Self.stateNames(configuration) }

    private static func stateNames(_ configuration: OptimizerConfiguration) -> [String] {
        switch configuration.kind {
        case .sgd: configuration.momentum > 0 ? ["momentum"] : []
        case .adam, .adamw: ["mean", "square"]
        }
    }

    /// Takes in the gradients of a batch that isn't the last of its step.
    public func accumulate(_ step: some TrainingStep) {
        precondition(!sums.isEmpty, "the optimizer was made to accumulate")
        let isFirst = batchesInSums == 0
        batchesInSums += 1
        for (index, parameter) in parameters.enumerated() {
            step.withGradient(parameter.name) { gradients in
                sums[index].withUnsafeMutableBuffer { sum in
                    guard let from = gradients.baseAddress, let to = sum.baseAddress else { return }
                    if isFirst {
                        to.update(from: from, count: sum.count)
                    } else {
                        OptimizerLoops.add(to, from, sum.count)
                    }
                }
            }
        }
    }

    /// The norm of all gradients together, before clipping: of the step's, or of the mean of what was taken in.
    public func gradientNorm(_ step: some TrainingStep) -> Double {
        let parts = spans(step)
        let squares = Tensor(shape: [2 * max(parts.count, 1)])
        // Doubles kept in pairs of floats' room: each chunk writes its own, and they are added in order.
        let total = squares.withUnsafeMutableBuffer { buffer in
            guard let base = buffer.baseAddress else { return 0.0 }
            let room = SharedDoubles(UnsafeMutableRawPointer(base))
            pool.run(chunks: parts.count) { index in
                let part = parts[index]
                room.store(OptimizerLoops.sumOfSquares(part.gradients, part.count), at: index)
            }
            return (0..<parts.count).reduce(0.0) { $0 + room.load($1) }
        }
        return total.squareRoot() / Double(max(batchesInSums, 1))
    }

    /// Moves the parameters by one step.
    ///
    /// - Parameters:
    ///   - rate: the learning rate of this step.
    ///   - norm: what `gradientNorm` gave; gradients beyond the configuration's limit are scaled down by it, as
    ///     torch.nn.utils.clip_grad_norm_ does.
    public func update(_ step: some TrainingStep, rate: Double, norm: Double) {
        stepCount += 1
        var scale = 1 / Double(max(batchesInSums, 1))
        if let limit = configuration.clip { scale *= min(1, limit / (norm + 1e-6)) }
        let numbers = parameters.map { parameter in
            StepNumbers(
                rate: rate * (parameter.isEncoder ? configuration.encoderRate : 1),
                decay: parameter.isBiasOrNorm && !configuration.decaysBiasesAndNorms
                    ? 0 : configuration.weightDecay,
                gradientScale: Float(scale), step: stepCount)
        }
        let parts = spans(step)
        let rule = configuration
        pool.run(chunks: parts.count) { index in
            OptimizerLoops.update(parts[index].span, rule, numbers[parts[index].parameter])
        }
        batchesInSums = 0
    }

    /// A stretch of a parameter that one thread works on.
    private struct Part: Sendable {
        let parameter: Int
        let span: ParameterSpan
        var count: Int { span.count }
        var gradients: UnsafePointer<Float> { span.gradients }
    }

    /// Memory into which threads write doubles side by side.
    private struct SharedDoubles: @unchecked Sendable {
        // Sendable: each index is written by one thread.
        let memory: UnsafeMutableRawPointer
        init(_ memory: UnsafeMutableRawPointer) { self.memory = memory }
        func store(_ value: Double, at index: Int) {
            memory.storeBytes(of: value, toByteOffset: 8 * index, as: Double.self)
        }
        func load(_ index: Int) -> Double {
            memory.load(fromByteOffset: 8 * index, as: Double.self)
        }
    }

    /// All parameters in chunks. A step's memory stays where it is until its next batch, so pointers may be kept
    /// for the length of an update.
    private func spans(_ step: some TrainingStep) -> [Part] {
        var parts: [Part] = []
        for (index, parameter) in parameters.enumerated() {
            let weights = step.withParameter(parameter.name) { $0.baseAddress }
            let own = step.withGradient(parameter.name) { $0.baseAddress }
            let gradients =
                batchesInSums == 0
                ? own : sums[index].withUnsafeBuffer { $0.baseAddress }
            guard let weights, let gradients else { continue }
            let kept = states.map { list in
                list[index].withUnsafeMutableBuffer { $0.baseAddress }
            }
            for start in stride(from: 0, to: parameter.count, by: Self.chunk) {
                let first = kept.first.flatMap { $0 }.map { $0 + start }
                let second = kept.dropFirst().first.flatMap { $0 }.map { $0 + start }
                parts.append(
                    Part(
                        parameter: index,
                        span: ParameterSpan(
                            weights: weights + start, gradients: gradients + start,
                            states: (first, second),
                            count: min(Self.chunk, parameter.count - start))))
            }
        }
        return parts
    }
}

extension Optimizer: TensorStateful {
    /// The states, named by kind and parameter such as `mean/decoder.weight`, and `optimizer.step`.
    public func save(into state: inout TensorState) {
        state.numbers["optimizer.step"] = stepCount
        for (name, tensors) in zip(stateNames, states) {
            for (parameter, tensor) in zip(parameters, tensors) {
                state.tensors["\(name)/\(parameter.name)"] = Tensor(
                    shape: tensor.shape, values: tensor.values)
            }
        }
    }

    /// Takes the states from what `save` gave; changes nothing when one is missing.
    public func restore(from state: TensorState) throws(FathomError) {
        let steps = try state.number("optimizer.step")
        var restored: [[Tensor]] = []
        for name in stateNames {
            var tensors: [Tensor] = []
            for parameter in parameters {
                let tensor = try state.tensor(
                    "\(name)/\(parameter.name)", count: parameter.count)
                tensors.append(Tensor(shape: tensor.shape, values: tensor.values))
            }
            restored.append(tensors)
        }
        states = restored
        stepCount = steps
        batchesInSums = 0
    }
}
