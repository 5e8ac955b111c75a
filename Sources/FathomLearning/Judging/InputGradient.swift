import FathomCore
import FathomDepth
import FathomEngine
import FathomGraph

/// The gradient of a number that depends on a network's output by the network's picture.
///
/// Always of the network in floating point: of a quantized one, of what it rounds; of a recurrent one, of its first
/// picture.
final class InputGradient {
    private let session: Session
    private let input: String
    private let output: String
    private let loss: String
    /// The shape of the network's output.
    let outputShape: Shape

    /// What a loss is made of: the network's output, and the two inputs that are given beside the picture.
    struct Edges {
        let output: String
        let target: String
        let weight: String
    }

    /// Plans a network for a picture's shape.
    ///
    /// - Parameters:
    ///   - graph: a depth network; its first input is the picture and its first output the depth.
    ///   - shape: the picture's, 1×3×H×W.
    ///   - loss: adds the loss and gives its edge, one number. `target` and `weight` have the output's shape.
    init(
        graph: Graph, shape: Shape, pool: WorkerPool,
        loss build: (inout GraphBuilder, Edges) -> String
    ) throws(FathomError) {
        let states = try ModelCard(
            metadata: graph.metadata, subject: "model \(graph.name)", defaultName: graph.name
        ).state.map(\.input)
        var graph = try graph.withClearMemory(states, width: shape[3], height: shape[2])
        guard let input = graph.inputs.first?.name, let output = graph.outputs.first?.name else {
            throw FathomError(
                operation: "differentiate", subject: "model \(graph.name)",
                cause: "it has no input or no output", remedy: "Use a depth network")
        }
        if graph.isQuantized { graph = graph.withoutRounding }
        graph.outputs = Array(graph.outputs.prefix(1))
        guard let outputShape = try graph.facts(inputShapes: [input: shape])[output]?.shape else {
            throw FathomError(
                operation: "differentiate", subject: "model \(graph.name)",
                cause: "its output's shape isn't known", remedy: "Use a depth network")
        }
        var builder = GraphBuilder(extending: graph)
        let target = builder.unused("target")
        let weight = builder.unused("weight")
        let dimensions = outputShape.dimensions.map { Dimension.fixed($0) }
        builder.input(target, dimensions)
        builder.input(weight, dimensions)
        loss = build(&builder, Edges(output: output, target: target, weight: weight))
        builder.output(loss)
        let shapes = [input: shape, target: outputShape, weight: outputShape]
        let differentiated = try builder.finish().differentiated(
            loss: loss, parameters: [input], inputShapes: shapes)
        session = try Session(
            differentiated, inputShapes: shapes, options: SessionOptions(pool: pool))
        self.input = input
        self.output = output
        self.outputShape = outputShape
        names = (target, weight)
    }

    private let names: (target: String, weight: String)

    /// The loss at a picture (1×3×H×W, normalised) and its gradient, of the same shape.
    func run(
        _ picture: Tensor, target: Tensor, weight: Tensor
    ) throws(FathomError) -> (loss: Float, gradient: Tensor) {
        let results = try session.run([
            input: picture, names.target: target, names.weight: weight,
        ])
        guard let gradient = results[Graph.gradientName(input)],
            let loss = results[self.loss]?.values.first
        else {
            throw FathomError(
                operation: "differentiate", subject: "the network", cause: "it gave no gradient")
        }
        return (loss, gradient)
    }
}

extension InputGradient {
    /// Where a picture decides the depth's relief: the gradient of mean |d − mean d|, by the picture.
    static func relief(
        _ graph: Graph, shape: Shape, pool: WorkerPool
    ) throws(FathomError) -> InputGradient {
        try InputGradient(graph: graph, shape: shape, pool: pool) { builder, edges in
            let depth = builder.add(
                builder.multiply(edges.output, edges.weight), edges.target)
            let apart = builder.subtract(depth, builder.mean(depth))
            return builder.mean(builder.node("Abs", [apart]))
        }
    }
}
