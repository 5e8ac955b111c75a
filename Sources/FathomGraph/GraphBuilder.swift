import FathomCore

/// Builds a graph node by node; an edge is the name that it has in the graph.
///
/// Weights are initializers, named as the layers they belong to. `finish` checks the whole.
public struct GraphBuilder: Sendable {
    /// The graph as far as it has been built.
    public private(set) var graph: Graph
    private var taken: Set<String> = []
    private var numbers: [String: Int] = [:]

    /// Starts an empty graph.
    public init(name: String, operatorSet: Int = 17) {
        graph = Graph(unchecked: name, operatorSet: operatorSet)
    }

    /// Goes on building a graph; its nodes stay as they are.
    public init(extending graph: Graph) {
        self.graph = graph
        reserveNames()
    }

    /// Adds a floating-point input; `dimensions` may name free axes.
    @discardableResult
    public mutating func input(_ name: String, _ dimensions: [Dimension]) -> String {
        graph.inputs.append(ValueInfo(name: name, dimensions: dimensions))
        taken.insert(name)
        return name
    }

    /// States that an edge is an output; a missing shape is one that follows from the inputs'.
    public mutating func output(_ edge: String, _ dimensions: [Dimension]? = nil) {
        graph.outputs.append(ValueInfo(name: edge, dimensions: dimensions))
    }

    /// Adds a constant under its own name.
    @discardableResult
    public mutating func initializer(_ name: String, _ value: Value) -> String {
        graph.initializers[name] = value
        taken.insert(name)
        return name
    }

    /// Adds a constant tensor under a name made from `near`.
    public mutating func constant(_ tensor: Tensor, near: String = "constant") -> String {
        initializer(unused(near), .floats(tensor))
    }

    /// Adds one number.
    public mutating func constant(_ number: Float) -> String {
        constant(Tensor(shape: [], values: [number]))
    }

    /// Adds whole numbers, such as axes and shapes.
    public mutating func constant(_ integers: [Int]) -> String {
        let tensor = IntegerTensor(
            shape: [integers.count], values: integers.map(Int64.init), type: .int64)
        return initializer(unused("constant"), .integers(tensor))
    }

    /// Adds a node with one output and gives that; the output is called `name` or gets a name from the operator.
    public mutating func node(
        _ operation: String, _ inputs: [String], _ attributes: [String: Attribute] = [:],
        name: String? = nil
    ) -> String {
        let output = name ?? unused(operation)
        taken.insert(output)
        graph.nodes.append(
            Node(operation, inputs: inputs, outputs: [output], attributes: attributes))
        return output
    }

    /// Adds a node with several outputs; their names are made from the operator's.
    public mutating func nodes(
        _ operation: String, _ inputs: [String], outputs count: Int,
        _ attributes: [String: Attribute] = [:]
    ) -> [String] {
        let outputs = (0..<count).map { _ in unused(operation) }
        graph.nodes.append(
            Node(operation, inputs: inputs, outputs: outputs, attributes: attributes))
        return outputs
    }

    /// Adds a node as it is; what it writes must be new.
    public mutating func append(_ node: Node) {
        taken.formUnion(node.outputs)
        graph.nodes.append(node)
    }

    /// A name that nothing in the graph has yet.
    public mutating func unused(_ stem: String) -> String {
        while true {
            let number = numbers[stem, default: 0]
            numbers[stem] = number + 1
            let name = number == 0 ? stem : "\(stem)_\(number)"
            if taken.insert(name).inserted { return name }
        }
    }

    /// The finished graph, checked.
    public func finish() throws(FathomError) -> Graph {
        try Graph(
            name: graph.name, inputs: graph.inputs, outputs: graph.outputs, nodes: graph.nodes,
            initializers: graph.initializers, metadata: graph.metadata,
            operatorSet: graph.operatorSet)
    }

    private mutating func reserveNames() {
        taken = Set(
            graph.inputs.map(\.name) + graph.initializers.keys + graph.nodes.flatMap(\.outputs))
    }
}

extension GraphBuilder {
    /// a + b, broadcast.
    public mutating func add(_ a: String, _ b: String) -> String { node("Add", [a, b]) }
    /// a − b, broadcast.
    public mutating func subtract(_ a: String, _ b: String) -> String { node("Sub", [a, b]) }
    /// a · b, broadcast.
    public mutating func multiply(_ a: String, _ b: String) -> String { node("Mul", [a, b]) }
    /// a / b, broadcast.
    public mutating func divide(_ a: String, _ b: String) -> String { node("Div", [a, b]) }
    /// a · number
    public mutating func multiply(_ a: String, _ number: Float) -> String {
        node("Mul", [a, constant(number)])
    }
    /// a + number
    public mutating func add(_ a: String, _ number: Float) -> String {
        node("Add", [a, constant(number)])
    }
    /// The sum over axes, which stay with length 1; over all to one number where none are named.
    public mutating func sum(_ a: String, axes: [Int]? = nil) -> String {
        reduce("ReduceSum", a, axes)
    }
    /// The mean over axes, which stay with length 1; over all to one number where none are named.
    public mutating func mean(_ a: String, axes: [Int]? = nil) -> String {
        guard let axes else { return node("ReduceMean", [a], ["keepdims": .integer(0)]) }
        return node("ReduceMean", [a], ["axes": .integers(axes), "keepdims": .integer(1)])
    }
    /// From `starts` to before `ends` along axes.
    public mutating func slice(
        _ a: String, axes: [Int], from starts: [Int], to ends: [Int], steps: [Int]? = nil
    ) -> String {
        let operands = [a, constant(starts), constant(ends), constant(axes)]
        return node("Slice", operands + (steps.map { [constant($0)] } ?? []))
    }
    /// Tensors behind one another along an axis.
    public mutating func concatenate(_ edges: [String], axis: Int) -> String {
        node("Concat", edges, ["axis": .integer(axis)])
    }

    private mutating func reduce(_ operation: String, _ a: String, _ axes: [Int]?) -> String {
        guard let axes else { return node(operation, [a], ["keepdims": .integer(0)]) }
        return node(operation, [a, constant(axes)], ["keepdims": .integer(1)])
    }
}
