import FathomCore

extension Operator {
    /// Operators whose results are known once shapes are, and `Cast`.
    static let constants: [Operator] = [
        Operator(
            "Constant", inputs: 0...0, lowering: .reference,
            infer: { operands throws(FathomError) in
                [Fact(constant: try constant(operands.node))]
            },
            evaluate: { operands throws(FathomError) in [try constant(operands.node)] }),
        Operator(
            "ConstantOfShape", inputs: 1...1, lowering: .reference,
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
            "Shape", inputs: 1...1, lowering: .reference,
            infer: { operands throws(FathomError) in
                [Fact(constant: try shape(operands.node, operands.required(0).shape))]
            },
            evaluate: { operands throws(FathomError) in
                [try shape(operands.node, operands.required(0).shape)]
            }),
        Operator(
            "Cast", inputs: 1...1, lowering: .reference,
            infer: { operands throws(FathomError) in
                [Fact(try operands.required(0).shape, try castType(operands.node))]
            },
            evaluate: { operands throws(FathomError) in
                [cast(try operands.required(0), to: try castType(operands.node))]
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

    private static func shape(_ node: Node, _ shape: Shape) throws(FathomError) -> Value {
        func place(_ value: Int) -> Int {
            min(max(value < 0 ? value + shape.rank : value, 0), shape.rank)
        }
        let start = place(try node.integer("start", default: 0))
        let end = place(try node.integer("end", default: shape.rank))
        return .list(Array(shape.dimensions[start..<max(start, end)]))
    }

    private static func castType(_ node: Node) throws(FathomError) -> ElementType {
        let code = try node.integer("to", default: 0)
        guard let type = TensorReader.elementType(castTo: code) else {
            throw node.error("the element type \(code) is not supported")
        }
        return type
    }

    private static func cast(_ value: Value, to type: ElementType) -> Value {
        if value.type == type { return value }
        if type == .float {
            return .floats(Tensor(shape: value.shape, values: value.floatValues))
        }
        // Any number but 0 is true, 0.5 among them.
        let values =
            type == .bool
            ? value.floatValues.map { $0 == 0 ? Int64(0) : 1 }
            : value.integerValues.map(Int64.init)
        return .integers(IntegerTensor(shape: value.shape, values: values, type: type))
    }
}
