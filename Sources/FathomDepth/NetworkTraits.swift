import FathomGraph

/// What can be seen of a depth network from its graph alone, whatever its size and weights.
public struct NetworkTraits: Hashable, Sendable {
    /// Operators that nodes apply.
    public var operators: Set<String>
    /// Side of the first convolution that reads the picture; nil when none is found.
    public var pictureKernel: Int?
    /// The last operator that computes, before what only moves, resizes or scales its result.
    public var ending: String?
    /// Whether the picture is shifted or scaled by constants before the first convolution: the graph normalises itself.
    public var normalizesItself: Bool

    /// Operators that give their first input on, as far as its meaning goes.
    private static let passing: Set<String> = [
        "Squeeze", "Unsqueeze", "Reshape", "Flatten", "Identity", "Cast", "Resize", "Upsample",
        "Transpose", "Slice", "Gather", "Pad", "Dropout",
    ]
    /// Operators that shift or scale.
    private static let scaling: Set<String> = ["Mul", "Div", "Add", "Sub"]

    /// Looks at the first input and the first output.
    public init(_ graph: Graph) {
        operators = Set(graph.nodes.map(\.operation))
        let view = GraphView(graph)
        (pictureKernel, normalizesItself) = view.beginning()
        ending = view.ending()
    }

    /// The graph with its edges' readers and writers at hand.
    private struct GraphView {
        private let graph: Graph
        private var readers: [String: [Node]] = [:]
        private var writers: [String: Node] = [:]

        init(_ graph: Graph) {
            self.graph = graph
            for node in graph.nodes {
                for input in node.inputs { readers[input, default: []].append(node) }
                for output in node.outputs { writers[output] = node }
            }
        }

        /// The constant behind an edge, looking through what only names or casts it.
        private func constant(_ edge: String) -> Value? {
            var edge = edge
            for _ in 0..<4 {
                if let value = graph.initializers[edge] { return value }
                guard let node = writers[edge] else { return nil }
                if node.operation == "Constant", case .tensor(let value)? = node.attributes["value"]
                {
                    return value
                }
                guard ["Identity", "Cast"].contains(node.operation), let input = node.inputs.first
                else { return nil }
                edge = input
            }
            return nil
        }

        /// Follows the picture to the first convolution.
        func beginning() -> (kernel: Int?, isScaled: Bool) {
            guard var edge = graph.inputs.first?.name else { return (nil, false) }
            var isScaled = false
            for _ in 0..<16 {
                let next = readers[edge] ?? []
                if let convolution = next.first(where: { $0.operation == "Conv" }) {
                    let weights = convolution.inputs.count > 1 ? convolution.inputs[1] : ""
                    return (constant(weights)?.shape.dimensions.last, isScaled)
                }
                guard
                    let node = next.first(where: {
                        passing.contains($0.operation) || isScaling($0)
                    }), let output = node.outputs.first
                else { break }
                isScaled = isScaled || scaling.contains(node.operation)
                edge = output
            }
            return (nil, isScaled)
        }

        /// Follows the depth back to what computed it.
        func ending() -> String? {
            guard var edge = graph.outputs.first?.name else { return nil }
            for _ in 0..<32 {
                guard let node = writers[edge] else { return nil }
                if node.operation == "If", node.inputs.count > 1 {
                    // An exporter's way to drop an axis if its length is 1: both branches give the depth on.
                    edge = node.inputs[1]
                    continue
                }
                guard passing.contains(node.operation) || isScaling(node) else {
                    return node.operation
                }
                guard let input = node.inputs.first(where: { constant($0) == nil }) else {
                    return node.operation
                }
                edge = input
            }
            return nil
        }

        /// A shift or a factor: one operand is a number, or one for each colour.
        private func isScaling(_ node: Node) -> Bool {
            guard scaling.contains(node.operation) else { return false }
            return node.inputs.contains { (constant($0)?.shape.count ?? .max) <= 3 }
        }
    }
}
