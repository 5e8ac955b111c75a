import FathomCore
import FathomGraph

/// Which channels of a network belong together, so that they can be removed together.
///
/// A convolution makes a group of channels; depthwise convolutions, norms and functions hand it on; a sum joins the groups
/// of its operands; a concatenation has several groups behind one another. What cannot be followed stays as it is.
struct ChannelGroups {
    /// Channels of one group within an edge.
    struct Part: Hashable {
        var group: Int
        var count: Int
    }

    /// The parts of each edge's channels, in order.
    private(set) var parts: [String: [Part]] = [:]
    private var joined: [Int] = []
    private var kept: Set<Int> = []

    /// Operators that hand channels on, each for itself.
    private static let passing: Set<String> = [
        "Relu", "LeakyRelu", "Clip", "Sigmoid", "Tanh", "Softplus", "Elu", "HardSwish", "Identity",
        "BatchNormalization", "Resize", "MaxPool", "AveragePool", "GlobalAveragePool", "Expand",
        "Exp", "Log", "Sqrt", "Abs", "Neg", "Pad",
    ]
    private static let pairs: Set<String> = ["Add", "Sub", "Mul", "Div", "Max", "Min"]

    /// Follows the channels of all edges of rank 4.
    init(_ graph: Graph, facts: [String: Fact]) {
        for input in graph.inputs {
            guard let shape = facts[input.name]?.shape, shape.rank == 4 else { continue }
            keep(newParts(input.name, shape[1]))
        }
        for node in graph.nodes { follow(node, graph, facts) }
        for output in graph.outputs { keep(parts[output.name] ?? []) }
    }

    /// The group that a part belongs to after all joins.
    func root(_ group: Int) -> Int {
        var group = group
        while joined[group] != group { group = joined[group] }
        return group
    }

    /// Whether channels of a group may be removed.
    func isFree(_ group: Int) -> Bool { !kept.contains { root($0) == root(group) } }

    private mutating func follow(_ node: Node, _ graph: Graph, _ facts: [String: Fact]) {
        guard let output = node.outputs.first, let shape = facts[output]?.shape else { return }
        let operands = node.inputs.map { parts[$0] }
        switch node.operation {
        case "Conv", "ConvTranspose":
            let isConvolution = node.operation == "Conv"
            var groups = 1
            if case .integer(let stated)? = node.attributes["group"] { groups = stated }
            let weights = node.inputs.count > 1 ? graph.initializers[node.inputs[1]] : nil
            if groups == 1, weights?.shape.rank == 4 {
                _ = newParts(output, shape[1])
            } else if isConvolution, weights?.shape.dimensions.prefix(2) == [groups, 1],
                let input = operands.first ?? nil
            {
                parts[output] = input
            } else {
                keep(operands)
                if shape.rank == 4 { keep(newParts(output, shape[1])) }
            }
        case let name where Self.passing.contains(name):
            if let input = operands.first ?? nil { parts[output] = input }
        case let name where Self.pairs.contains(name) && node.inputs.count == 2:
            let known = operands.compactMap { $0 }
            if known.count == 2 { join(known[0], known[1]) }
            // Numbers for each channel would have to be cut, too: they are left whole.
            for input in node.inputs where (graph.initializers[input]?.shape.count ?? 1) > 1 {
                keep(operands)
            }
            if let first = known.first { parts[output] = first }
        case "Concat" where shape.rank == 4:
            var axis = 0
            if case .integer(let stated)? = node.attributes["axis"] { axis = stated }
            if axis == 1, !operands.contains(where: { $0 == nil }) {
                parts[output] = operands.flatMap { $0 ?? [] }
            } else {
                keep(operands)
                keep(newParts(output, shape[1]))
            }
        case "Shape": break
        default:
            keep(operands)
            if shape.rank == 4 { keep(newParts(output, shape[1])) }
        }
    }

    private mutating func newParts(_ edge: String, _ count: Int) -> [Part] {
        joined.append(joined.count)
        let made = [Part(group: joined.count - 1, count: count)]
        parts[edge] = made
        return made
    }

    private mutating func keep(_ parts: [Part]) { kept.formUnion(parts.map(\.group)) }

    private mutating func keep(_ operands: [[Part]?]) {
        for case let parts? in operands { keep(parts) }
    }

    private mutating func join(_ first: [Part], _ second: [Part]) {
        guard first.map(\.count) == second.map(\.count) else {
            // One channel broadcast over many, or parts that don't match.
            keep(first)
            keep(second)
            return
        }
        for (a, b) in zip(first, second) { joined[root(a.group)] = root(b.group) }
    }
}
