import FathomCore
import FathomEngine
import FathomGraph
import Foundation

/// The gradients of a loss by every weight of a network, for given arrays: `fathom model gradient`.
public struct ModelGradient: Sendable {
    /// The network.
    public var graph: Graph
    /// The loss between the first output and the target.
    public var loss: LossTerm
    /// Threads.
    public var threads: Int?

    /// What was computed.
    public struct Result: Sendable {
        /// The loss.
        public var loss: Float
        /// dL/dw by the weight's name, of its shape.
        public var gradients: [(name: String, gradient: Tensor)]
    }

    /// Puts a job together.
    public init(graph: Graph, loss: LossTerm) {
        self.graph = graph
        self.loss = loss
    }

    /// Operands that are weights, by operator: those of layers, and what sums and products have learnt. Statistics, limits,
    /// scales and shapes are none.
    private static let weightOperands = Graph.layerWeights.merging(
        ["Add": [0, 1], "Mul": [0, 1], "Sub": [0, 1], "Div": [0, 1]]
    ) { first, _ in first }

    /// The initializers that are weights, in alphabetical order.
    public static func weights(of graph: Graph) -> [String] {
        var names: Set<String> = []
        for node in graph.nodes {
            for index in weightOperands[node.operation] ?? [] where index < node.inputs.count {
                let name = node.inputs[index]
                if let tensor = graph.initializers[name]?.tensor, tensor.count > 0 {
                    names.insert(name)
                }
            }
        }
        return names.sorted()
    }

    /// Computes the gradients.
    ///
    /// - Parameters:
    ///   - inputs: an array for each input of the network.
    ///   - target: an array of as many numbers as the first output; all of it is valid.
    public func compute(
        _ inputs: [String: Tensor], target: Tensor
    ) throws(FathomError) -> Result {
        func failure(_ cause: String, _ remedy: String) -> FathomError {
            FathomError(
                operation: "differentiate", subject: "model \(graph.name)", cause: cause,
                remedy: remedy)
        }
        if let unknown = inputs.keys.sorted().first(where: { name in
            !graph.inputs.contains { $0.name == name }
        }) {
            throw failure(
                "it has no input '\(unknown)'",
                "Its inputs: \(graph.inputs.map(\.name).joined(separator: ", "))")
        }
        let network = TrainableNetwork(graph: graph, parameters: Self.weights(of: graph))
        let facts = try graph.facts(inputShapes: inputs.mapValues(\.shape))
        guard let output = graph.outputs.first, let shape = facts[output.name]?.shape else {
            throw failure("it has no output", "Export it with its depth as the first output")
        }
        guard shape.rank == 4, shape[1] == 1 else {
            throw failure(
                "its first output is \(shape)", "Losses compare maps of depth, N×1×height×width")
        }
        guard shape.count == target.count else {
            throw failure(
                "the target is \(target.shape), its output \(shape)", "Give as many numbers")
        }
        var batch = inputs
        batch["target"] = target.reshaped(to: shape)
        batch["valid"] = Tensor(shape: shape, values: Array(repeating: 1, count: shape.count))
        let training = try TrainingGraph(
            network, shapes: batch.mapValues(\.shape), losses: LossConfiguration([loss]),
            edges: LossEdges(network, interface: NetworkInterface()), usesBatchStatistics: false)
        let pool = threads.map { WorkerPool(threads: $0) } ?? .machine
        let session = try TrainingSession(training, options: SessionOptions(pool: pool))
        let value = try session.compute(batch)["loss"] ?? .nan
        let gradients = network.parameters.map { name in
            (
                name,
                session.withGradient(name) {
                    Tensor(shape: graph.initializers[name]?.shape ?? [$0.count], values: $0)
                }
            )
        }
        return Result(loss: value, gradients: gradients)
    }
}
