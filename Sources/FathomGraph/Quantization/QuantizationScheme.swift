import FathomCore

/// Which nodes of a graph compute on whole numbers of 8 bits, and which edges are therefore quantized.
///
/// Layers (convolutions) are chosen by the caller. What lies between them (additions, concatenations, interpolation,
/// greatest numbers, padding, functions of one number) stays in 8 bits where at least one operand comes from there and
/// the result goes there. A clip right behind a node belongs to it.
public struct QuantizationScheme: Sendable {
    /// The graph it is about.
    public let graph: Graph
    /// Indices of the layers that compute in 8 bits.
    public let layers: Set<Int>
    /// Indices of the other nodes that do.
    public let between: Set<Int>
    /// The edges that are quantized, in order of execution.
    public let edges: [String]

    private let writers: [String: Int]
    private let readers: [String: [Int]]
    private let kept: Set<String>

    /// The scheme for some of the graph's layers.
    public init(_ graph: Graph, layers: Set<Int>) {
        self.graph = graph
        self.layers = layers
        kept = Set(graph.outputs.map(\.name))
        var writers: [String: Int] = [:]
        var readers: [String: [Int]] = [:]
        for (index, node) in graph.nodes.enumerated() {
            for output in node.outputs where !output.isEmpty { writers[output] = index }
            for input in Set(node.inputs) where !input.isEmpty {
                readers[input, default: []].append(index)
            }
        }
        self.writers = writers
        self.readers = readers
        var between: Set<Int> = []
        var edges: [String] = []
        let walk = Walk(graph: graph, writers: writers, readers: readers, kept: kept)
        between = walk.between(layers)
        var known: Set<String> = []
        for index in graph.nodes.indices where layers.contains(index) || between.contains(index) {
            var wanted = walk.operands(index)
            if between.contains(index) { wanted.append(walk.result(index)) }
            for edge in wanted where known.insert(edge).inserted { edges.append(edge) }
        }
        self.between = between
        self.edges = edges
    }

    /// Sets of edges that had best have one scale: those before and after a node that only moves or chooses numbers.
    /// Each with the nodes' edges in any order.
    public var alike: [[String]] {
        let quantized = Set(edges)
        let walk = Walk(graph: graph, writers: writers, readers: readers, kept: kept)
        return between.sorted().compactMap { index in
            guard Self.movers.contains(graph.nodes[index].operation) else { return nil }
            return (walk.operands(index) + [walk.result(index)]).filter(quantized.contains)
        }
    }

    /// Indices of all layers that can compute in 8 bits: convolutions of floating-point weights.
    public static func possibleLayers(_ graph: Graph) -> [Int] {
        graph.nodes.indices.filter { index in
            let node = graph.nodes[index]
            guard node.operation == "Conv", let weights = graph.initializers[node.inputs[1]] else {
                return false
            }
            return weights.type == .float && weights.shape.rank > 2 && weights.shape.count > 0
                && graph.initializers[node.inputs[0]] == nil
                && (node.inputs.count < 3 || node.inputs[2].isEmpty
                    || graph.initializers[node.inputs[2]]?.type == .float)
        }
    }

    /// Operators whose results are numbers of their operands, or lie between some.
    private static let movers: Set<String> = ["Concat", "Resize", "MaxPool", "Pad"]

    /// Edges and nodes as one looks at them from a node.
    private struct Walk {
        let graph: Graph
        let writers: [String: Int]
        let readers: [String: [Int]]
        let kept: Set<String>

        /// The edges of data that a node reads.
        func operands(_ index: Int) -> [String] {
            let node = graph.nodes[index]
            return ["Add", "Concat"].contains(node.operation) ? node.inputs : [node.inputs[0]]
        }

        /// The edge that a node's result is on when the clips right behind it are done.
        func result(_ index: Int) -> String {
            var edge = graph.nodes[index].outputs[0]
            while let clip = clip(behind: edge) { edge = graph.nodes[clip].outputs[0] }
            return edge
        }

        /// The clip that alone reads an edge.
        private func clip(behind edge: String) -> Int? {
            guard !kept.contains(edge), let list = readers[edge], list.count == 1,
                isClip(graph.nodes[list[0]])
            else { return nil }
            return list[0]
        }

        private func isClip(_ node: Node) -> Bool {
            ["Relu", "Clip"].contains(node.operation)
                && node.inputs.dropFirst().allSatisfy {
                    $0.isEmpty || graph.initializers[$0] != nil
                }
        }

        /// Nodes between layers that can and should compute in 8 bits.
        func between(_ layers: Set<Int>) -> Set<Int> {
            var absorbed: Set<Int> = []
            var candidates: Set<Int> = []
            for index in graph.nodes.indices where layers.contains(index) || isCandidate(index) {
                if absorbed.contains(index) { continue }
                if !layers.contains(index) { candidates.insert(index) }
                var edge = graph.nodes[index].outputs[0]
                while let clip = clip(behind: edge) {
                    absorbed.insert(clip)
                    edge = graph.nodes[clip].outputs[0]
                }
            }
            var isStable = false
            while !isStable {
                let eights = layers.union(candidates)
                let results = Set(eights.map(result))
                let left = candidates.filter { index in
                    operands(index).contains(where: results.contains)
                        && (readers[result(index)] ?? []).contains(where: eights.contains)
                }
                isStable = left.count == candidates.count
                candidates = left
            }
            return candidates
        }

        private func isCandidate(_ index: Int) -> Bool {
            let node = graph.nodes[index]
            guard node.outputs.count == 1, !kept.contains(node.outputs[0]) else { return false }
            func text(_ name: String) -> String {
                if case .string(let text)? = node.attributes[name] { text } else { "" }
            }
            switch node.operation {
            case "Add", "Concat":
                return node.inputs.allSatisfy { graph.initializers[$0] == nil }
            case "MaxPool": return true
            case "Pad": return ["reflect", "edge", "wrap"].contains(text("mode"))
            case "Resize":
                return text("mode") != "cubic"
                    && text("coordinate_transformation_mode") != "tf_crop_and_resize"
            default:
                return Operator.table[node.operation]?.lowering == .unary
                    && node.inputs.dropFirst().allSatisfy {
                        $0.isEmpty || graph.initializers[$0] != nil
                    }
            }
        }
    }
}
