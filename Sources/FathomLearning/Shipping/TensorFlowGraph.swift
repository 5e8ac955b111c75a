import FathomCore
import FathomGraph

/// Builds a TensorFlow graph node by node (`tensorflow/core/framework/graph.proto`, `node_def.proto`).
struct TensorFlowGraph {
    /// A setting of a node (`attr_value.proto`).
    enum Setting {
        case text(String)
        case integers([Int])
        case truth(Bool)
        case type(DataType)
        case shape([Int])
        case tensor(DataType, Shape, [UInt8])
        case number(Int)
    }

    /// Kinds of elements (`types.proto`).
    enum DataType: Int {
        case float = 1
        case int32 = 3
    }

    /// The nodes so far (`GraphDef.node`).
    private(set) var nodes = WireWriter()
    /// Operators in order, for those who look.
    private(set) var operators: [String] = []
    private var taken: Set<String> = []

    /// Adds a node and gives its name; its elements are floats unless `type` says otherwise.
    mutating func node(
        _ operation: String, _ inputs: [String], _ settings: [String: Setting] = [:],
        type: DataType? = .float, near: String = ""
    ) -> String {
        let name = unused(near.isEmpty ? operation : near)
        var settings = settings
        if let type { settings["T"] = .type(type) }
        operators.append(operation)
        nodes.message(1) { node in
            node.text(1, name)
            node.text(2, operation)
            for input in inputs { node.text(3, input) }
            for (key, setting) in settings.sorted(by: { $0.key < $1.key }) {
                node.entry(5, key) { Self.write(setting, into: &$0) }
            }
        }
        return name
    }

    /// Adds floats.
    mutating func constant(_ tensor: Tensor, near: String = "constant") -> String {
        let bytes = tensor.withUnsafeBuffer { Array(UnsafeRawBufferPointer($0)) }
        return node(
            "Const", [],
            ["dtype": .type(.float), "value": .tensor(.float, tensor.shape, bytes)], type: nil,
            near: near)
    }

    /// Adds whole numbers: a list, or one alone without an axis, or pairs.
    mutating func constant(_ integers: [Int], shape: Shape? = nil) -> String {
        let bytes = integers.map { Int32(clamping: $0).littleEndian }.withUnsafeBytes { Array($0) }
        return node(
            "Const", [],
            [
                "dtype": .type(.int32),
                "value": .tensor(.int32, shape ?? [integers.count], bytes),
            ], type: nil, near: "constant")
    }

    /// A name that TensorFlow allows and that no node has.
    private mutating func unused(_ wanted: String) -> String {
        let allowed = wanted.unicodeScalars.map { scalar in
            scalar.isASCII
                && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil)
                ? Character(scalar) : "_"
        }
        let stem = "n" + String(allowed)
        var name = stem
        var number = 1
        while !taken.insert(name).inserted {
            name = "\(stem)_\(number)"
            number += 1
        }
        return name
    }

    /// The shape of a tensor (`tensor_shape.proto`); −1 is free.
    static func write(_ shape: [Int], into writer: inout WireWriter) {
        for length in shape { writer.message(2) { $0.number(1, length) } }
    }

    private static func write(_ setting: Setting, into writer: inout WireWriter) {
        switch setting {
        case .text(let text): writer.text(2, text)
        case .integers(let list):
            writer.message(1) { inner in for value in list { inner.number(3, value) } }
        case .truth(let truth): writer.number(5, truth ? 1 : 0)
        case .number(let number): writer.number(3, number)
        case .type(let type): writer.number(6, type.rawValue)
        case .shape(let shape): writer.message(7) { write(shape, into: &$0) }
        case .tensor(let type, let shape, let bytes):
            writer.message(8) { tensor in
                tensor.number(1, type.rawValue)
                tensor.message(2) { write(shape.dimensions, into: &$0) }
                tensor.block(4, bytes)
            }
        }
    }
}
