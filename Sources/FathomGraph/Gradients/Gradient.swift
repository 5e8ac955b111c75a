import FathomCore

/// Adds the nodes that compute the gradients of a node's inputs from those of its outputs.
///
/// Gets the node and, an output each, the edge of its gradient or nil where nothing depends on it. Gives, an input each,
/// the edge of its gradient, or nil where it has none or none is wanted.
public typealias GradientRule =
    @Sendable (inout Differentiation, Node, [String?]) throws(FathomError) -> [String?]

/// How an operator is differentiated.
public enum Gradient: Sendable {
    /// By a rule.
    case rule(GradientRule)
    /// Its results do not change when its operands change a little, or are no real numbers: nothing flows back.
    case zero
    /// It is not, with the reason.
    case absent(String)

    /// What `Operator.table` says of an operator.
    static func of(_ name: String) -> Gradient {
        if let rule = rules[name] { return .rule(rule) }
        if flat.contains(name) { return .zero }
        return .absent(
            name.hasPrefix("fathom.")
                ? "passes and gradients make it; a graph is differentiated before"
                : "no network that is trained here has it")
    }

    private static let rules: [String: GradientRule] = [
        elements, pairs, reductions, views, layers, samplers, quantizers,
    ].reduce(into: [:]) { $0.merge($1) { first, _ in first } }

    private static let flat: Set<String> = [
        "Floor", "Ceil", "Round", "Sign", "Shape", "Size", "ConstantOfShape", "Constant", "Range",
        "Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "And", "Or", "Xor", "Not",
        "IsNaN", "IsInf", "ArgMax", "ArgMin", "NonZero", "OneHot", "EyeLike",
    ]
}

/// A graph that is being differentiated: what rules read and add to.
public struct Differentiation {
    /// The graph, to which the nodes of gradients are added.
    public var builder: GraphBuilder
    private let facts: [String: Fact]
    private let active: Set<String>
    let operatorSet: Int

    init(_ graph: Graph, facts: [String: Fact], active: Set<String>) {
        builder = GraphBuilder(extending: graph)
        self.facts = facts
        self.active = active
        operatorSet = graph.operatorSet
    }

    /// Whether the gradient of an edge is wanted.
    func wants(_ edge: String) -> Bool { active.contains(edge) }

    /// The shape of an edge of the graph.
    func shape(_ edge: String, _ node: Node) throws(FathomError) -> Shape {
        guard let fact = facts[edge] else { throw node.error("its operand '\(edge)' is missing") }
        return fact.shape
    }

    /// What is known of a node's operands.
    func operands(_ node: Node) -> Operands<Fact> {
        Operands(node, node.inputs.map { facts[$0] }, operatorSet: operatorSet)
    }

    /// An edge under another shape.
    mutating func reshaped(_ edge: String, _ shape: Shape) -> String {
        builder.node("Reshape", [edge, builder.constant(shape.dimensions)])
    }

    /// A gradient of a broadcast operand: the sum over what it was repeated along.
    mutating func summed(_ gradient: String, from: Shape, to shape: Shape) -> String {
        guard from != shape else { return gradient }
        let missing = from.rank - shape.rank
        let axes = (0..<from.rank).filter {
            $0 < missing || (shape[$0 - missing] == 1 && from[$0] != 1)
        }
        let sum = axes.isEmpty ? gradient : builder.sum(gradient, axes: axes)
        return missing == 0 ? sum : reshaped(sum, shape)
    }
}

extension Graph {
    /// The graph with the gradients of a loss, an edge of one number, as further outputs `gradient(NAME)`: one for each
    /// of `parameters`, which are inputs or initializers. For inputs of the given shapes only.
    ///
    /// Reverse accumulation (Griewank and Walther, "Evaluating Derivatives", 2008, chapter 3): a node's gradients are
    /// computed from those of what it wrote, the last node first.
    public func differentiated(
        loss: String, parameters: [String], inputShapes: [String: Shape]
    ) throws(FathomError) -> Graph {
        let facts = try facts(inputShapes: inputShapes)
        func failure(_ cause: String) -> FathomError {
            error(cause, operation: "differentiate")
        }
        guard facts[loss]?.shape.count == 1 else {
            throw failure("its loss '\(loss)' is not one number")
        }
        if let unknown = parameters.first(where: { name in
            initializers[name] == nil && !inputs.contains { $0.name == name }
        }) {
            throw failure("it has no parameter '\(unknown)'")
        }
        var active = Set(parameters)
        for node in nodes where node.inputs.contains(where: active.contains) {
            if case .zero? = Operator.table[node.operation]?.gradient { continue }
            active.formUnion(node.outputs.filter { !$0.isEmpty })
        }
        var differentiation = Differentiation(self, facts: facts, active: active)
        let one = Tensor(
            shape: facts[loss]?.shape ?? [],
            values: Array(repeating: Float(1), count: 1))
        var gradients = [loss: [differentiation.builder.constant(one)]]
        for node in nodes.reversed() where node.outputs.contains(where: active.contains) {
            let arrived = node.outputs.map { differentiation.total(&gradients, $0) }
            guard arrived.contains(where: { $0 != nil }) else { continue }
            guard let entry = Operator.table[node.operation] else {
                throw failure("the operator '\(node.operation)' is unknown")
            }
            switch entry.gradient {
            case .zero: continue
            case .absent(let reason):
                throw failure(
                    "node '\(node.name)' (\(node.operation)) has no gradient: \(reason)")
            case .rule(let rule):
                let results = try located { () throws(FathomError) in
                    try rule(&differentiation, node, arrived)
                }
                for case (let input, let gradient?) in zip(node.inputs, results)
                where active.contains(input) {
                    gradients[input, default: []].append(gradient)
                }
            }
        }
        for name in parameters {
            let found = differentiation.total(&gradients, name)
            let zeros = facts[name].map { Tensor(shape: $0.shape) } ?? Tensor(shape: [])
            let gradient = found ?? differentiation.builder.constant(zeros, near: "zeros")
            let output = differentiation.builder.node(
                "Identity", [gradient], name: Self.gradientName(name))
            differentiation.builder.output(output)
        }
        return try differentiation.builder.finish()
    }

    /// The name of the output that holds a parameter's gradient.
    public static func gradientName(_ parameter: String) -> String { "gradient(\(parameter))" }
}

extension Differentiation {
    /// The sum of what has arrived at an edge.
    fileprivate mutating func total(
        _ gradients: inout [String: [String]], _ edge: String
    ) -> String? {
        guard !edge.isEmpty, let parts = gradients[edge], let first = parts.first else {
            return nil
        }
        let sum = parts.dropFirst().reduce(first) { builder.add($0, $1) }
        gradients[edge] = [sum]
        return sum
    }
}
