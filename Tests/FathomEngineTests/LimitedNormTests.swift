import FathomCore
import FathomEngine
import FathomGraph
import Testing

@Suite("Limits of batch norms in training")
struct LimitedNormTests {
    /// A batch norm, what limits it, and the gradients of what follows.
    private func graph(
        _ limit: String, bounds: [Float] = [], keepsNorm: Bool = false, shape: Shape
    ) throws -> Graph {
        var builder = GraphBuilder(name: "norm")
        builder.input("x", shape.dimensions.map(Dimension.fixed))
        for name in ["scale", "shift"] { builder.input(name, [.fixed(shape[1])]) }
        let zeros = builder.initializer("mean", .floats(Tensor(shape: [shape[1]])))
        let norm = builder.nodes(
            "BatchNormalization", ["x", "scale", "shift", zeros, zeros], outputs: 3,
            ["training_mode": .integer(1), "momentum": .float(0)])
        let limited = builder.node(
            limit, [norm[0]] + bounds.map { builder.constant($0) })
        let factors = builder.initializer("factors", .floats(numbers(shape, seed: 5)))
        // The second reader of the limited result has a gradient of its own.
        let loss = builder.sum(
            builder.add(
                builder.multiply(limited, factors), builder.multiply(limited, limited)))
        builder.output(loss)
        builder.output(limited)
        if keepsNorm { builder.output(norm[0]) }
        return try builder.finish().differentiated(
            loss: loss, parameters: ["x", "scale", "shift"], inputShapes: Self.inputs(shape))
    }

    private static func inputs(_ shape: Shape) -> [String: Shape] {
        ["x": shape, "scale": [shape[1]], "shift": [shape[1]]]
    }

    @Test(
        "are part of the norm and of its gradient, which are those of the reference",
        arguments: [("Relu", []), ("Clip", [-0.2, 0.6])] as [(String, [Float])], [false, true])
    func limits(limit: (String, [Float]), keepsNorm: Bool) throws {
        let shape: Shape = [3, 21, 7, 9]
        let graph = try graph(
            limit.0, bounds: limit.1, keepsNorm: keepsNorm, shape: shape)
        var values: [String: Tensor] = [:]
        for (index, (name, shape)) in Self.inputs(shape).sorted(by: { $0.key < $1.key })
            .enumerated()
        {
            values[name] = numbers(shape, seed: index + 1)
        }
        try expectReference(graph, values) { session in
            let steps = Set(try session.profile().map(\.operation))
            #expect(steps.contains(limit.0) == keepsNorm)
            #expect(steps.contains(Operator.clipGradient) == keepsNorm)
        }
    }
}
