import FathomCore

extension Operator {
    /// Operators whose results are known once shapes are.
    static let constants: [Operator] = [
        Operator(
            "Constant", inputs: 0...0, lowering: .reference, typed: true,
            infer: { operands throws(FathomError) in
                [Fact(constant: try constant(operands.node))]
            },
            evaluate: { operands throws(FathomError) in [try constant(operands.node)] }),
        Operator(
            "ConstantOfShape", inputs: 1...1, lowering: .reference, typed: true,
            infer: { operands throws(FathomError) in
                let shape = try operands.node.shape(
                    try operands.constant(0, "shape").integerValues)
                return [Fact(shape, try filling(operands.node).type)]
            },
            evaluate: { operands throws(FathomError) in
                let shape = try operands.node.shape(try operands.required(0).integerValues)
                let value = try filling(operands.node)
                return [value.gathering(Array(repeating: 0, count: shape.count), shape: shape)]
            }),
        Operator(
            "Size", inputs: 1...1, lowering: .reference,
            infer: { operands throws(FathomError) in
                [Fact(constant: size(try operands.required(0).shape))]
            },
            evaluate: { operands throws(FathomError) in
                [size(try operands.required(0).shape)]
            }),
        Operator(
            "Shape", inputs: 1...1, lowering: .reference,
            infer: { operands throws(FathomError) in
                [Fact(constant: try shape(operands.node, operands.required(0).shape))]
            },
            evaluate: { operands throws(FathomError) in
                [try shape(operands.node, operands.required(0).shape)]
            }),
    ]

    private static func constant(_ node: Node) throws(FathomError) -> Value {
        for (name, attribute) in node.attributes {
            switch (name, attribute) {
            case ("value", .tensor(let value)): return value
            case ("value_float", .float(let value)): return .scalar(value)
            case ("value_floats", .floats(let values)):
                return .floats(Tensor(shape: [values.count], values: values))
            case ("value_int", .integer(let value)):
                return .integers(IntegerTensor(shape: [], values: [Int64(value)]))
            case ("value_ints", .integers(let values)): return .list(values)
            default: continue
            }
        }
        throw node.error("its value is missing or of a kind that is not supported")
    }

    private static func filling(_ node: Node) throws(FathomError) -> Value {
        guard let attribute = node.attributes["value"] else { return .scalar(0) }
        guard case .tensor(let value) = attribute, value.shape.count == 1 else {
            throw node.error("its value is not one number")
        }
        return value
    }

    private static func size(_ shape: Shape) -> Value {
        .integers(IntegerTensor(shape: [], values: [Int64(shape.count)]))
    }

    private static func shape(_ node: Node, _ shape: Shape) throws(FathomError) -> Value {
        func place(_ value: Int) -> Int {
            min(max(value < 0 ? value + shape.rank : value, 0), shape.rank)
        }
        let start = place(try node.integer("start", default: 0))
        let end = place(try node.integer("end", default: shape.rank))
        return .list(Array(shape.dimensions[start..<max(start, end)]))
    }
}
