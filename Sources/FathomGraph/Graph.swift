import FathomCore

/// A length of an input's or output's axis as a file states it.
public enum Dimension: Hashable, Sendable, CustomStringConvertible {
    /// Always this long.
    case fixed(Int)
    /// Free, with a name: the same name is the same length.
    case named(String)
    /// Free.
    case unknown

    /// The number, the name, or `?`.
    public var description: String {
        switch self {
        case .fixed(let length): "\(length)"
        case .named(let name): name
        case .unknown: "?"
        }
    }
}

/// An input or output of a graph as a file states it.
public struct ValueInfo: Hashable, Sendable {
    /// The name of the edge.
    public var name: String
    /// The axes, outermost first; nil when the file does not say how many there are.
    public var dimensions: [Dimension]?
    /// The kind of the elements.
    public var type: ElementType

    /// Describes an input or output.
    public init(name: String, dimensions: [Dimension]?, type: ElementType = .float) {
        self.name = name
        self.dimensions = dimensions
        self.type = type
    }
}

/// A setting of a node.
public enum Attribute: Sendable {
    /// A whole number.
    case integer(Int)
    /// A number.
    case float(Float)
    /// A text.
    case string(String)
    /// Whole numbers.
    case integers([Int])
    /// Numbers.
    case floats([Float])
    /// Texts.
    case strings([String])
    /// A tensor.
    case tensor(Value)
    /// A branch of an `If`: its inputs are, in order, the node's inputs after the condition.
    case graph(Graph)
}

/// One application of an operator to edges.
public struct Node: Sendable {
    /// The node's name in its file, or one made from its first output.
    public var name: String
    /// The operator's name in `Operator.table`.
    public var operation: String
    /// The edges read; empty where an optional input is absent.
    public var inputs: [String]
    /// The edges written; empty where an optional output is not wanted.
    public var outputs: [String]
    /// The settings by name.
    public var attributes: [String: Attribute]

    /// Makes a node.
    public init(
        _ operation: String, name: String = "", inputs: [String], outputs: [String],
        attributes: [String: Attribute] = [:]
    ) {
        self.operation = operation
        self.name = name.isEmpty ? (outputs.first ?? operation) : name
        self.inputs = inputs
        self.outputs = outputs
        self.attributes = attributes
    }
}

/// A network: nodes in an order in which each comes after those it reads from.
///
/// The one representation: imported, rewritten by passes, planned, executed and exported.
public struct Graph: Sendable {
    /// What errors call it: the file's name where it came from a file.
    public var name: String
    /// What must be given; initializers are not among them.
    public var inputs: [ValueInfo]
    /// What is computed.
    public var outputs: [ValueInfo]
    /// The nodes, in order of execution.
    public var nodes: [Node]
    /// Constant edges by name: weights, shapes, settings.
    public var initializers: [String: Value]
    /// The file's `metadata_props`.
    public var metadata: [String: String]
    /// The version of ONNX's operators that the nodes follow.
    public var operatorSet: Int

    /// The newest version of ONNX's operators that is understood.
    public static let newestOperatorSet = 27

    /// Makes a graph and checks it as `verified` does.
    public init(
        name: String, inputs: [ValueInfo], outputs: [ValueInfo], nodes: [Node],
        initializers: [String: Value] = [:], metadata: [String: String] = [:],
        operatorSet: Int = 17
    ) throws(FathomError) {
        self.name = name
        self.inputs = inputs
        self.outputs = outputs
        self.nodes = nodes
        self.initializers = initializers
        self.metadata = metadata
        self.operatorSet = operatorSet
        self = try verified()
    }

    /// An empty graph to build on; `GraphBuilder.finish` checks what became of it.
    init(unchecked name: String, operatorSet: Int) {
        self.name = name
        self.operatorSet = operatorSet
        (inputs, outputs, nodes, initializers, metadata) = ([], [], [], [:], [:])
    }

    /// An error about this graph.
    func error(_ cause: String, remedy: String = "", operation: String = "load") -> FathomError {
        FathomError(operation: operation, subject: "model \(name)", cause: cause, remedy: remedy)
    }

    /// How many nodes read each edge; a graph's output counts as a reader.
    package var readerCounts: [String: Int] {
        var counts: [String: Int] = [:]
        for node in nodes {
            for input in node.inputs where !input.isEmpty { counts[input, default: 0] += 1 }
        }
        for output in outputs { counts[output.name, default: 0] += 1 }
        return counts
    }
}
