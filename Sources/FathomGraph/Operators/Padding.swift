import FathomCore

/// What a `Pad` node computes: for each axis the input position of each output position, nil where it is filled.
package struct Padding {
    package let shape: Shape
    package let sources: [[Int?]]
    package let fill: Float

    package init(_ operands: Operands<Fact>) throws(FathomError) {
        let node = operands.node
        let input = try operands.required(0).shape
        let mode = try node.string(
            "mode", default: "constant", allowed: ["constant", "reflect", "edge", "wrap"])
        var stated = try node.integers("pads") ?? []
        if let value = try operands.optionalConstant(1, "padding") { stated = value.integerValues }
        let fallback = try node.float("value", default: 0)
        fill = try operands.optionalConstant(2, "filling")?.floatValues.first ?? fallback
        let axes =
            try operands.optionalConstant(3, "axes")?.integerValues ?? Array(0..<input.rank)
        guard stated.count == 2 * axes.count,
            stated.allSatisfy({ $0.magnitude <= UInt(Node.attributeLimit) })
        else { throw node.error("its padding \(stated) does not fit \(input)") }
        var before = [Int](repeating: 0, count: input.rank)
        var after = before
        for (index, raw) in axes.enumerated() {
            let axis = try node.axis(raw, rank: input.rank)
            before[axis] = stated[index]
            after[axis] = stated[axes.count + index]
        }
        let lengths = input.dimensions.indices.map { input[$0] + before[$0] + after[$0] }
        shape = try node.shape(lengths)
        for axis in lengths.indices where input[axis] == 0 && mode != "constant" {
            throw node.error("axis \(axis) of \(input) has nothing to repeat")
        }
        guard shape.count > 0 else {
            sources = []
            return
        }
        sources = lengths.indices.map { axis in
            (0..<lengths[axis]).map {
                Self.source($0 - before[axis], length: input[axis], mode: mode)
            }
        }
    }

    private static func source(_ position: Int, length: Int, mode: String) -> Int? {
        if position >= 0, position < length { return position }
        switch mode {
        case "edge": return position < 0 ? 0 : length - 1
        case "wrap": return (position % length + length) % length
        case "reflect":
            let period = max(2 * (length - 1), 1)
            let phase = (position % period + period) % period
            return min(phase, period - phase) % length
        default: return nil
        }
    }
}

extension Operator {
    /// `Pad`, with constants, edges, reflections and repetitions.
    static let paddings: [Operator] = [
        Operator(
            "Pad", inputs: 1...4, lowering: .reference,
            infer: { operands throws(FathomError) in
                let input = try operands.required(0)
                guard input.type == .float else {
                    throw operands.node.error("its operand is not floating point")
                }
                return [Fact(try Padding(operands).shape)]
            },
            evaluate: { operands throws(FathomError) in
                let padding = try Padding(operands.facts)
                let input = try operands.tensor(0)
                let values = input.values
                let strides = input.shape.strides
                let places = padding.shape.strides
                let output = (0..<padding.shape.count).map { index -> Float in
                    var source = 0
                    for axis in strides.indices {
                        let position = index / places[axis] % padding.shape[axis]
                        guard let from = padding.sources[axis][position] else {
                            return padding.fill
                        }
                        source += from * strides[axis]
                    }
                    return values[source]
                }
                return [.floats(Tensor(shape: padding.shape, values: output))]
            })
    ]
}
