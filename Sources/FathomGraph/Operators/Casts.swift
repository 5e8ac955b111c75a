import FathomCore

extension Operator {
    /// The same numbers, or the same bits, as another type.
    static let casts: [Operator] = [
        Operator(
            "Cast", inputs: 1...1, lowering: .reference, typed: true,
            infer: { operands throws(FathomError) in
                [Fact(try operands.required(0).shape, try target(operands.node))]
            },
            evaluate: { operands throws(FathomError) in
                [try operands.required(0).cast(to: try target(operands.node))]
            }),
        Operator(
            "CastLike", inputs: 2...2, lowering: .reference, typed: true,
            infer: { operands throws(FathomError) in
                [Fact(try operands.required(0).shape, try operands.required(1).type)]
            },
            evaluate: { operands throws(FathomError) in
                [try operands.required(0).cast(to: try operands.required(1).type)]
            }),
    ]

    private static func target(_ node: Node) throws(FathomError) -> ElementType {
        let code = try node.integer("to", default: 0)
        guard let type = ElementType(onnxCode: code) else {
            throw node.unsupported("the element type \(code) is not supported")
        }
        return type
    }
}
