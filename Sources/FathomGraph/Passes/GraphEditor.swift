import FathomCore

/// What a pass needs to find patterns in a graph and put nodes in their place.
struct GraphEditor {
    private(set) var graph: Graph
    let facts: [String: Fact]
    private var nodes: [Node?]
    private var writer: [String: Int] = [:]
    private var readers: [String: [Int]] = [:]
    private let outputs: Set<String>

    init(_ graph: Graph, _ shapes: [String: Shape]) throws(FathomError) {
        self.graph = graph
        facts = try graph.facts(inputShapes: shapes)
        nodes = graph.nodes
        outputs = Set(graph.outputs.map(\.name))
        for (index, node) in graph.nodes.enumerated() {
            for output in node.outputs where !output.isEmpty { writer[output] = index }
            for input in node.inputs where !input.isEmpty {
                readers[input, default: []].append(index)
            }
        }
    }

    /// The graph as rewritten, without the nodes that nothing reads any more.
    var result: Graph {
        var result = graph
        var needed = outputs
        var kept: [Node] = []
        for case let node? in nodes.reversed() where node.outputs.contains(where: needed.contains) {
            needed.formUnion(node.inputs)
            kept.append(node)
        }
        result.nodes = kept.reversed()
        return result
    }

    /// Positions of the nodes, in order of execution.
    var indices: Range<Int> { nodes.indices }

    /// A node, nil where it was removed.
    subscript(index: Int) -> Node? { nodes[index] }

    /// The node that writes an edge.
    func source(_ edge: String) -> (index: Int, node: Node)? {
        guard let index = writer[edge], let node = nodes[index] else { return nil }
        return (index, node)
    }

    /// The one node that reads an edge that is no output of the graph.
    func onlyReader(_ edge: String) -> (index: Int, node: Node)? {
        guard !outputs.contains(edge), let list = readers[edge], list.count == 1,
            let node = nodes[list[0]]
        else { return nil }
        return (list[0], node)
    }

    /// The nodes that read an edge, in no particular order.
    func readers(_ edge: String) -> [(index: Int, node: Node)] {
        (readers[edge] ?? []).compactMap { index in nodes[index].map { (index, $0) } }
    }

    /// How many nodes read an edge.
    func readerCount(_ edge: String) -> Int { readers[edge]?.count ?? 0 }

    /// Whether an edge is an output of the graph.
    func isOutput(_ edge: String) -> Bool { outputs.contains(edge) }

    /// The constant that an edge is.
    func constant(_ edge: String) -> Value? { facts[edge]?.constant }

    /// The one number that an edge is for every element.
    func scalar(_ edge: String) -> Float? {
        guard let value = constant(edge), value.type == .float, value.shape.count > 0 else {
            return nil
        }
        guard value.shape.count <= 4096 else { return nil }
        let numbers = value.floatValues
        return numbers.allSatisfy { $0 == numbers[0] } ? numbers[0] : nil
    }

    /// The shape of an edge.
    func shape(_ edge: String) -> Shape? { facts[edge]?.shape }

    /// The other operand of a node of two where one is `edge`.
    func other(_ node: Node, than edge: String) -> String? {
        guard node.inputs.count == 2, node.inputs[0] != node.inputs[1] else { return nil }
        if node.inputs[0] == edge { return node.inputs[1] }
        return node.inputs[1] == edge ? node.inputs[0] : nil
    }

    /// Of a commutative node's operands, the one that is the same number throughout, and the other one.
    func splitScalar(_ node: Node) -> (edge: String, number: Float)? {
        guard node.inputs.count == 2 else { return nil }
        if let number = scalar(node.inputs[1]), constant(node.inputs[0]) == nil {
            return (node.inputs[0], number)
        }
        guard node.operation != "Div", node.operation != "Sub", node.operation != "Pow",
            let number = scalar(node.inputs[0]), constant(node.inputs[1]) == nil
        else { return nil }
        return (node.inputs[1], number)
    }

    /// Puts a node where another one was; the other's outputs must be among the new one's, or read by nothing.
    mutating func replace(_ index: Int, by node: Node) {
        for input in nodes[index]?.inputs ?? [] {
            if let place = readers[input]?.firstIndex(of: index) {
                readers[input]?.remove(at: place)
            }
        }
        for input in node.inputs where !input.isEmpty {
            readers[input, default: []].append(index)
        }
        for output in node.outputs where !output.isEmpty { writer[output] = index }
        nodes[index] = node
    }

    /// Takes a node out.
    mutating func remove(_ index: Int) {
        for input in nodes[index]?.inputs ?? [] {
            if let place = readers[input]?.firstIndex(of: index) {
                readers[input]?.remove(at: place)
            }
        }
        nodes[index] = nil
    }

    /// Adds a constant under a name that nothing has yet.
    mutating func add(_ constant: Value, near name: String) -> String {
        var number = 0
        var free = "\(name)#constant"
        while graph.initializers[free] != nil || writer[free] != nil {
            number += 1
            free = "\(name)#constant\(number)"
        }
        graph.initializers[free] = constant
        return free
    }
}
