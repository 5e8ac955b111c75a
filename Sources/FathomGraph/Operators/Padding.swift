import FathomCore

/// What a `Pad` node computes.
package struct Padding {
    /// The output.
    package let shape: Shape
    /// What an element is filled with; nil where that depends on the data.
    package let fill: Float?
    private let input: Shape
    /// Elements added before the first of each axis; removed where negative.
    private let before: [Int]
    private let mode: String

    /// Checks a node against the facts of its inputs.
    package init(_ operands: Operands<Fact>) throws(FathomError) {
        let node = operands.node
        let input = try operands.required(0).shape
        mode = try node.string(
            "mode", default: "constant", allowed: ["constant", "reflect", "edge", "wrap"])
        // The attribute's first name was `paddings`.
        var stated = try node.integers(node.attributes["pads"] == nil ? "paddings" : "pads") ?? []
        if let value = try operands.optionalConstant(1, "padding") { stated = value.integerValues }
        let given = try operands.optionalConstant(3, "axes")?.integerValues
        let axes = try node.axes(given ?? Array(0..<input.rank), rank: input.rank)
        guard stated.count == 2 * axes.count,
            stated.allSatisfy({ $0.magnitude <= UInt(Node.attributeLimit) })
        else { throw node.error("its padding \(stated) does not fit \(input)") }
        var before = [Int](repeating: 0, count: input.rank)
        var lengths = input.dimensions
        for (index, axis) in axes.enumerated() {
            before[axis] = stated[index]
            lengths[axis] += stated[index] + stated[axes.count + index]
        }
        shape = try node.shape(lengths)
        for axis in lengths.indices where input[axis] == 0 && mode != "constant" {
            throw node.error("axis \(axis) of \(input) has nothing to repeat")
        }
        let fallback = try node.float("value", default: 0)
        if let filling = operands.optional(2) {
            fill = filling.constant?.floatValues.first
        } else {
            fill = fallback
        }
        self.input = input
        self.before = before
    }

    /// The input position of each output element, −1 where it is filled.
    func positions() -> [Int] {
        guard shape.count > 0 else { return [] }
        var positions = [0]
        for (sources, stride) in zip(sources, input.strides) {
            positions = positions.flatMap { position in
                sources.map { source in
                    guard let source, position >= 0 else { return -1 }
                    return position + source * stride
                }
            }
        }
        return positions
    }

    /// For each axis the input position of each output position, nil where it is filled.
    package var sources: [[Int?]] {
        shape.dimensions.indices.map { axis in
            (0..<shape[axis]).map { source($0 - before[axis], length: input[axis]) }
        }
    }

    private func source(_ position: Int, length: Int) -> Int? {
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
                return [Fact(try Padding(operands).shape, input.type)]
            },
            evaluate: { operands throws(FathomError) in
                let padding = try Padding(operands.facts)
                let input = try operands.required(0)
                var filling = operands.optional(2) ?? .scalar(0)
                if let stated = operands.node.attributes["value"] {
                    guard case .float(let value) = stated else {
                        throw operands.node.error("attribute 'value' is not a number")
                    }
                    filling = .scalar(value)
                }
                let fill = filling.cast(to: input.type)
                return [
                    input.gathering(padding.positions(), filling: fill, shape: padding.shape)
                ]
            })
    ]
}
