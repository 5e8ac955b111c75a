import FathomCore
import FathomGraph
import Testing

/// Chains of operators as exporters write them.
struct Chain: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let nodes: [Node]
    let constants: [String: Value]
    let becomes: [String]

    init(
        _ name: String, _ nodes: [Node], _ constants: [String: Float] = [:], becomes: [String],
        lists: [String: [Int]] = [:]
    ) {
        testDescription = name
        self.nodes = nodes
        self.constants = constants.mapValues(Value.scalar).merging(
            lists.mapValues { .list($0) }
        ) { $1 }
        self.becomes = becomes
    }

    static let axes: [String: Attribute] = ["axes": .integers([-1])]

    static let all: [Chain] = [
        Chain(
            "GELU by erf",
            [
                Node("Div", inputs: ["x", "root"], outputs: ["a"]),
                Node("Erf", inputs: ["a"], outputs: ["b"]),
                Node("Add", inputs: ["b", "one"], outputs: ["c"]),
                Node("Mul", inputs: ["x", "c"], outputs: ["d"]),
                Node("Mul", inputs: ["d", "half"], outputs: ["y"]),
            ], ["root": 1.4142135, "one": 1, "half": 0.5], becomes: ["Gelu"]),
        Chain(
            "GELU by erf, halved first",
            [
                Node("Mul", inputs: ["x", "root"], outputs: ["a"]),
                Node("Erf", inputs: ["a"], outputs: ["b"]),
                Node("Add", inputs: ["one", "b"], outputs: ["c"]),
                Node("Mul", inputs: ["half", "x"], outputs: ["d"]),
                Node("Mul", inputs: ["d", "c"], outputs: ["y"]),
            ], ["root": 0.70710678, "one": 1, "half": 0.5], becomes: ["Gelu"]),
        Chain(
            "GELU by tanh",
            [
                Node("Pow", inputs: ["x", "three"], outputs: ["a"]),
                Node("Mul", inputs: ["a", "k"], outputs: ["b"]),
                Node("Add", inputs: ["x", "b"], outputs: ["c"]),
                Node("Mul", inputs: ["c", "root"], outputs: ["d"]),
                Node("Tanh", inputs: ["d"], outputs: ["e"]),
                Node("Add", inputs: ["e", "one"], outputs: ["f"]),
                Node("Mul", inputs: ["x", "half"], outputs: ["g"]),
                Node("Mul", inputs: ["g", "f"], outputs: ["y"]),
            ], ["three": 3, "k": 0.044715, "root": 0.7978846, "one": 1, "half": 0.5],
            becomes: ["Gelu"]),
        Chain(
            "Swish",
            [
                Node("Sigmoid", inputs: ["x"], outputs: ["a"]),
                Node("Mul", inputs: ["x", "a"], outputs: ["y"]),
            ], becomes: ["Swish"]),
        Chain(
            "Mish",
            [
                Node("Softplus", inputs: ["x"], outputs: ["a"]),
                Node("Tanh", inputs: ["a"], outputs: ["b"]),
                Node("Mul", inputs: ["x", "b"], outputs: ["y"]),
            ], becomes: ["Mish"]),
        Chain(
            "HardSwish",
            [
                Node("Add", inputs: ["x", "three"], outputs: ["a"]),
                Node("Clip", inputs: ["a", "low", "six"], outputs: ["b"]),
                Node("Mul", inputs: ["x", "b"], outputs: ["c"]),
                Node("Div", inputs: ["c", "six"], outputs: ["y"]),
            ], ["three": 3, "low": 0, "six": 6], becomes: ["HardSwish"]),
        Chain(
            "a gate of something else stays",
            [
                Node("Sigmoid", inputs: ["x"], outputs: ["a"]),
                Node("Mul", inputs: ["z", "a"], outputs: ["y"]),
            ], becomes: ["Sigmoid", "Mul"]),
        Chain(
            "layer normalization",
            [
                Node("ReduceMean", inputs: ["x"], outputs: ["m"], attributes: axes),
                Node("Sub", inputs: ["x", "m"], outputs: ["d"]),
                Node("Pow", inputs: ["d", "two"], outputs: ["p"]),
                Node("ReduceMean", inputs: ["p"], outputs: ["v"], attributes: axes),
                Node("Add", inputs: ["v", "epsilon"], outputs: ["s"]),
                Node("Sqrt", inputs: ["s"], outputs: ["r"]),
                Node("Div", inputs: ["d", "r"], outputs: ["y"]),
            ], ["two": 2, "epsilon": 1e-5], becomes: ["LayerNormalization"]),
        Chain(
            "root-mean-square normalization",
            [
                Node("Mul", inputs: ["x", "x"], outputs: ["p"]),
                Node("ReduceMean", inputs: ["p"], outputs: ["v"], attributes: axes),
                Node("Add", inputs: ["v", "epsilon"], outputs: ["s"]),
                Node("Sqrt", inputs: ["s"], outputs: ["r"]),
                Node("Reciprocal", inputs: ["r"], outputs: ["q"]),
                Node("Mul", inputs: ["x", "q"], outputs: ["y"]),
            ], ["epsilon": 1e-5], becomes: ["RMSNormalization"]),
        Chain(
            "reshapes behind each other",
            [
                Node("Reshape", inputs: ["x", "flat"], outputs: ["a"]),
                Node("Unsqueeze", inputs: ["a", "zero"], outputs: ["b"]),
                Node("Reshape", inputs: ["b", "other"], outputs: ["y"]),
            ], becomes: ["Reshape"], lists: ["flat": [24], "zero": [0], "other": [6, 4]]),
        Chain(
            "transpositions that undo each other",
            [
                Node(
                    "Transpose", inputs: ["x"], outputs: ["a"],
                    attributes: ["perm": .integers([1, 0])]),
                Node(
                    "Transpose", inputs: ["a"], outputs: ["b"],
                    attributes: ["perm": .integers([1, 0])]),
                Node("Neg", inputs: ["b"], outputs: ["y"]),
            ], becomes: ["Neg"]),
    ]
}

@Suite("chains that passes recognise")
struct RecognitionTests {
    @Test("a chain becomes what it means; the result stays", arguments: Chain.all)
    func recognition(chain: Chain) throws {
        let input = ValueInfo(name: "x", dimensions: [.fixed(4), .fixed(6)])
        let gate = ValueInfo(name: "z", dimensions: [.fixed(4), .fixed(6)])
        let readsGate = chain.nodes.contains { $0.inputs.contains("z") }
        let graph = try Graph(
            name: "chain", inputs: readsGate ? [input, gate] : [input],
            outputs: [ValueInfo(name: "y", dimensions: nil)], nodes: chain.nodes,
            initializers: chain.constants, operatorSet: 13)
        let rewritten = try GraphPass.apply(to: graph, inputShapes: [:])
        #expect(rewritten.nodes.map(\.operation) == chain.becomes)
        let numbers = Tensor(shape: [4, 6], values: (0..<24).map { Float($0 * $0 % 23) / 4 - 3 })
        let values: [String: Value] = ["x": .floats(numbers), "z": .floats(numbers)]
        let expected = try #require(try graph.evaluate(values)["y"]?.floatValues)
        let result = try #require(try rewritten.evaluate(values)["y"]?.floatValues)
        #expect(zip(result, expected).allSatisfy { abs($0 - $1) < 1e-5 })
        #expect(result.count == expected.count)
    }
}
