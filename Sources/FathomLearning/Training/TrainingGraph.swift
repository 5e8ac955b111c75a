import FathomCore
import FathomEngine
import FathomGraph

/// A network and its loss as one graph that computes the loss, its parts, the gradients of all parameters, and the
/// statistics of the batch; for batches of fixed shapes.
public struct TrainingGraph: Sendable {
    /// A batch norm that takes the statistics of the batch.
    struct Norm: Sendable {
        /// The names of its running statistics, and of the outputs that hold those of the batch.
        let runningMean: String
        let runningVariance: String
        let mean: String
        let variance: String
        /// The share of the running statistics that a step keeps.
        let momentum: Float
        /// Numbers of a channel in a batch.
        let count: Int
    }

    /// A loss within a graph: one number, and the numbers that it is the sum of, by name.
    public struct Loss: Sendable {
        /// The edge of the loss.
        public var total: String
        /// The edges of its parts.
        public var parts: [(name: String, edge: String)]
        /// Initializers that are learnt with the network's.
        public var parameters: [String]

        /// Names the edges.
        public init(
            total: String, parts: [(name: String, edge: String)] = [], parameters: [String] = []
        ) {
            self.total = total
            self.parts = parts
            self.parameters = parameters
        }
    }

    /// The graph for a configuration's losses, whose parts are named by their kinds.
    public init(
        _ network: TrainableNetwork, shapes: [String: Shape], losses: LossConfiguration,
        edges: LossEdges, seed: UInt64 = 0, usesBatchStatistics: Bool = true
    ) throws(FathomError) {
        try self.init(network, shapes: shapes, usesBatchStatistics: usesBatchStatistics) {
            builder throws(FathomError) in
            let built = try losses.build(into: &builder, edges, seed: seed)
            return Loss(
                total: built.total, parts: built.terms.map { ($0.kind.rawValue, $0.edge) },
                parameters: built.parameters)
        }
    }

    /// The graph. Its inputs are those of the network and the loss, and the parameters.
    public let graph: Graph
    let parameters: [String]
    let norms: [Norm]
    let loss: Loss
    let initial: [String: Tensor]
    let inputShapes: [String: Shape]

    /// Makes the graph.
    ///
    /// - Parameters:
    ///   - network: what is trained; its initializers are the first weights.
    ///   - shapes: the shapes of the batch, by name: `image`, and what the loss reads.
    ///   - usesBatchStatistics: whether batch norms take the statistics of the batch (they keep the running ones
    ///     otherwise, as for fine-tuning on few pictures).
    ///   - differentiatesPicture: whether the gradient by `image` is computed, too.
    ///   - loss: adds inputs (`target`, `valid`, …) and nodes to the network's graph.
    public init(
        _ network: TrainableNetwork, shapes: [String: Shape], usesBatchStatistics: Bool = true,
        differentiatesPicture: Bool = false,
        loss: (inout GraphBuilder) throws(FathomError) -> Loss
    ) throws(FathomError) {
        var graph = network.graph
        graph.outputs = []
        let found = usesBatchStatistics ? Self.takeBatchStatistics(&graph) : []
        var builder = GraphBuilder(extending: graph)
        let loss = try loss(&builder)
        for edge in [loss.total] + loss.parts.map(\.edge)
            + found.flatMap({ [$0.mean, $0.variance] })
        where !builder.graph.outputs.contains(where: { $0.name == edge }) {
            builder.output(edge)
        }
        var whole = try builder.finish()
        var initial: [String: Tensor] = [:]
        var inputShapes = shapes
        parameters = network.parameters + loss.parameters
        for name in parameters {
            guard let tensor = whole.initializers.removeValue(forKey: name)?.tensor else {
                throw FathomError(
                    operation: "train", subject: "model \(graph.name)",
                    cause: "its parameter '\(name)' is not among its weights")
            }
            whole.inputs.append(
                ValueInfo(name: name, dimensions: tensor.shape.dimensions.map(Dimension.fixed)))
            initial[name] = tensor
            inputShapes[name] = tensor.shape
        }
        inputShapes = inputShapes.filter { shape in
            whole.inputs.contains { $0.name == shape.key }
        }
        let facts = try whole.facts(inputShapes: inputShapes)
        norms = found.map { norm in
            let shape = facts[norm.input]?.shape ?? [1, 1]
            return Norm(
                runningMean: norm.runningMean, runningVariance: norm.runningVariance,
                mean: norm.mean, variance: norm.variance, momentum: norm.momentum,
                count: shape.count / max(shape[1], 1))
        }
        for norm in norms {
            initial[norm.runningMean] = graph.initializers[norm.runningMean]?.tensor
            initial[norm.runningVariance] = graph.initializers[norm.runningVariance]?.tensor
        }
        self.graph = try whole.differentiated(
            loss: loss.total, parameters: parameters + (differentiatesPicture ? ["image"] : []),
            inputShapes: inputShapes)
        self.loss = loss
        self.initial = initial
        self.inputShapes = inputShapes
    }

    /// What is learnt, as optimizers want it described.
    public var parameterInfo: [ParameterInfo] {
        parameters.map { ParameterInfo(name: $0, shape: inputShapes[$0] ?? []) }
    }

    private struct FoundNorm {
        let input, runningMean, runningVariance, mean, variance: String
        let momentum: Float
    }

    /// Lets the batch norms of a network for inference take the statistics of the batch, and give them.
    private static func takeBatchStatistics(_ graph: inout Graph) -> [FoundNorm] {
        var found: [FoundNorm] = []
        for index in graph.nodes.indices where graph.nodes[index].operation == "BatchNormalization"
        {
            var node = graph.nodes[index]
            guard node.outputs.count == 1, node.inputs.count == 5 else { continue }
            let statistics = ["mean", "variance"].map { "\(node.outputs[0])#\($0)" }
            var momentum: Float = 0.9
            if case .float(let stated)? = node.attributes["momentum"] { momentum = stated }
            // With momentum 0 the operator's running statistics are those of the batch.
            node.attributes["momentum"] = .float(0)
            node.attributes["training_mode"] = .integer(1)
            node.outputs += statistics
            graph.nodes[index] = node
            found.append(
                FoundNorm(
                    input: node.inputs[0], runningMean: node.inputs[3],
                    runningVariance: node.inputs[4], mean: statistics[0],
                    variance: statistics[1], momentum: momentum))
        }
        return found
    }
}

/// A training graph with its memory: parameters and statistics live here.
public final class TrainingSession: TrainingStep {
    private let training: TrainingGraph
    private let session: Session
    private var statistics: [String: UnsafeMutableBufferPointer<Float>] = [:]
    /// What is learnt, in the network's order.
    public let parameterNames: [String]
    /// Running means and variances of batch norms, in the network's order.
    public let statisticNames: [String]

    /// Plans the graph and fills in the first weights.
    public init(
        _ training: TrainingGraph, options: SessionOptions = SessionOptions()
    ) throws(FathomError) {
        self.training = training
        parameterNames = training.parameters
        var names: [String] = []
        for name in training.norms.flatMap({ [$0.runningMean, $0.runningVariance] })
        where !names.contains(name) { names.append(name) }
        statisticNames = names
        session = try Session(
            training.graph, inputShapes: training.inputShapes, options: options)
        for name in parameterNames {
            training.initial[name]?.withUnsafeBuffer { source in
                session.withInput(name) { _ = $0.update(from: source) }
            }
        }
        for name in statisticNames {
            guard let tensor = training.initial[name] else { continue }
            let memory = UnsafeMutableBufferPointer<Float>.allocate(capacity: tensor.count)
            tensor.withUnsafeBuffer { _ = memory.initialize(from: $0) }
            statistics[name] = memory
        }
    }

    deinit { for memory in statistics.values { memory.deallocate() } }

    /// How long each step of the engine takes for the last batch.
    public func profile() throws(FathomError) -> [StepTime] { try session.profile() }

    /// The inputs that a batch has to have, with their shapes.
    public var batchShapes: [String: Shape] {
        training.inputShapes.filter { !parameterNames.contains($0.key) }
    }

    /// Reads or writes a parameter in place; from the next batch on it counts.
    public func withParameter<R>(
        _ name: String, _ body: (UnsafeMutableBufferPointer<Float>) -> R
    ) -> R { session.withInput(name, body) }

    /// Reads the gradient of the last batch's loss by a parameter.
    public func withGradient<R>(
        _ name: String, _ body: (UnsafeBufferPointer<Float>) -> R
    ) -> R { session.withOutput(Graph.gradientName(name)) { gradient, _ in body(gradient) } }

    /// Reads or writes a running statistic in place.
    public func withStatistic<R>(
        _ name: String, _ body: (UnsafeMutableBufferPointer<Float>) -> R
    ) -> R {
        guard let memory = statistics[name] else {
            preconditionFailure("the network has no running statistic '\(name)'")
        }
        return body(memory)
    }

    /// Loss and its parts for one batch; throws where an input is missing or has another shape.
    public func compute(_ batch: [String: Tensor]) throws(FathomError) -> [String: Float] {
        try fill(batch)
        try session.execute()
        for norm in training.norms {
            move(norm.runningMean, towards: norm.mean, norm.momentum, factor: 1)
            // The running variance is that of the population the batch is drawn from.
            let count = Float(norm.count)
            move(
                norm.runningVariance, towards: norm.variance, norm.momentum,
                factor: count / max(count - 1, 1))
        }
        var values = ["loss": number(training.loss.total)]
        for part in training.loss.parts { values[part.name] = number(part.edge) }
        return values
    }

    /// Reads the gradient of a batch's loss by its picture (N×3×H×W); statistics stay as they are. The graph must have been
    /// made to give it.
    func withPictureGradient(
        _ batch: [String: Tensor], _ body: (UnsafeBufferPointer<Float>) -> Void
    ) throws(FathomError) {
        try fill(batch)
        try session.execute()
        withGradient("image", body)
    }

    private func fill(_ batch: [String: Tensor]) throws(FathomError) {
        for (name, shape) in training.inputShapes where training.initial[name] == nil {
            guard let tensor = batch[name], tensor.shape == shape else {
                let given = batch[name].map { "\($0.shape)" } ?? "missing"
                throw FathomError(
                    operation: "train", subject: "the batch",
                    cause: "'\(name)' is \(given), not \(shape)")
            }
            tensor.withUnsafeBuffer { source in
                session.withInput(name) { _ = $0.update(from: source) }
            }
        }
    }

    private func number(_ edge: String) -> Float {
        session.withOutput(edge) { numbers, _ in numbers.first ?? .nan }
    }

    private func move(_ running: String, towards batch: String, _ momentum: Float, factor: Float) {
        withStatistic(running) { target in
            session.withOutput(batch) { source, _ in
                for index in target.indices {
                    target[index] =
                        momentum * target[index] + (1 - momentum) * factor * source[index]
                }
            }
        }
    }
}
