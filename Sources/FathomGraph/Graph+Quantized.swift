import FathomCore

extension Graph {
    /// Whether the file states how numbers are quantized.
    public var isQuantized: Bool {
        nodes.contains { $0.operation == "QuantizeLinear" || $0.operation == "QLinearConv" }
    }

    /// The graph with every `QuantizeLinear` of a whole tensor that is dequantized again replaced by the limits of its
    /// numbers: what the network computes where only its weights are rounded.
    public var withoutRounding: Graph {
        var result = self
        var readers: [String: [Int]] = [:]
        for (index, node) in nodes.enumerated() {
            for input in node.inputs { readers[input, default: []].append(index) }
        }
        let kept = Set(outputs.map(\.name))
        for (index, node) in nodes.enumerated() where node.operation == "QuantizeLinear" {
            guard let scale = initializers[node.inputs[1]]?.tensor, scale.count == 1,
                !kept.contains(node.outputs[0]), let list = readers[node.outputs[0]],
                list.allSatisfy({ nodes[$0].operation == "DequantizeLinear" }),
                let (zero, range) = zero(node)
            else { continue }
            let limits = [range.lowerBound, range.upperBound].map {
                Value.scalar(Float($0 - zero) * scale.values[0])
            }
            let names = ["low", "high"].map { "\(node.outputs[0])#\($0)" }
            for (name, limit) in zip(names, limits) { result.initializers[name] = limit }
            result.nodes[index].operation = operatorSet >= 11 ? "Clip" : "Identity"
            result.nodes[index].inputs = [node.inputs[0]] + (operatorSet >= 11 ? names : [])
            result.nodes[index].attributes = [:]
            for reader in list {
                result.nodes[reader].operation = "Identity"
                result.nodes[reader].inputs = [node.outputs[0]]
                result.nodes[reader].attributes = [:]
            }
        }
        return result
    }

    /// The zero of a node that quantizes, and the range of its type.
    private func zero(_ node: Node) -> (Int, ClosedRange<Int>)? {
        guard node.inputs.count > 2, !node.inputs[2].isEmpty else { return (0, 0...255) }
        guard let value = initializers[node.inputs[2]], value.shape.count == 1,
            let range = value.type.byteRange
        else { return nil }
        return (value.integerValues[0], range)
    }
}
