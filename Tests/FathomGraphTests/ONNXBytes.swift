/// Writes ONNX files field by field, so that tests can write wrong ones.
struct ONNXBytes {
    private(set) var bytes: [UInt8] = []

    init() {}

    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 128 {
            bytes.append(UInt8(rest & 127) | 128)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    func number(_ field: UInt64, _ value: Int64) -> ONNXBytes {
        var copy = self
        copy.varint(field << 3)
        copy.varint(UInt64(bitPattern: value))
        return copy
    }

    func data(_ field: UInt64, _ value: [UInt8]) -> ONNXBytes {
        var copy = self
        copy.varint(field << 3 | 2)
        copy.varint(UInt64(value.count))
        copy.bytes += value
        return copy
    }

    func text(_ field: UInt64, _ value: String) -> ONNXBytes { data(field, Array(value.utf8)) }
    func message(_ field: UInt64, _ value: ONNXBytes) -> ONNXBytes { data(field, value.bytes) }

    // The messages of the specification, with the fields that tests need.

    static func tensor(
        _ name: String, _ dims: [Int64], type: Int64 = 1, raw: [UInt8]? = nil
    ) -> ONNXBytes {
        var tensor = ONNXBytes()
        for length in dims { tensor = tensor.number(1, length) }
        tensor = tensor.number(2, type).text(8, name)
        return raw.map { tensor.data(9, $0) } ?? tensor
    }

    static func value(_ name: String, _ dims: [Int64] = [1, 1, 4, 4]) -> ONNXBytes {
        var shape = ONNXBytes()
        for length in dims { shape = shape.message(1, ONNXBytes().number(1, length)) }
        let tensor = ONNXBytes().number(1, 1).message(2, shape)
        return ONNXBytes().text(1, name).message(2, ONNXBytes().message(1, tensor))
    }

    static func node(
        _ operation: String, _ inputs: [String], _ outputs: [String],
        attributes: [ONNXBytes] = []
    ) -> ONNXBytes {
        var node = ONNXBytes()
        for input in inputs { node = node.text(1, input) }
        for output in outputs { node = node.text(2, output) }
        node = node.text(3, "node of \(outputs.first ?? "nothing")").text(4, operation)
        for attribute in attributes { node = node.message(5, attribute) }
        return node
    }

    static func integers(_ name: String, _ values: [Int64]) -> ONNXBytes {
        var attribute = ONNXBytes().text(1, name)
        for value in values { attribute = attribute.number(8, value) }
        return attribute.number(20, 7)
    }

    /// A file with one float input `x` and one output `y`, unless told otherwise.
    static func model(
        nodes: [ONNXBytes], initializers: [ONNXBytes] = [], inputs: [ONNXBytes] = [value("x")],
        outputs: [ONNXBytes] = [value("y")], operatorSet: Int64 = 17
    ) -> [UInt8] {
        var graph = ONNXBytes()
        for node in nodes { graph = graph.message(1, node) }
        graph = graph.text(2, "test")
        for tensor in initializers { graph = graph.message(5, tensor) }
        for input in inputs { graph = graph.message(11, input) }
        for output in outputs { graph = graph.message(12, output) }
        let entry = ONNXBytes().text(1, "fathom.name").text(2, "test")
        return ONNXBytes().number(1, 8).message(7, graph)
            .message(8, ONNXBytes().number(2, operatorSet)).message(14, entry).bytes
    }
}
