import FathomCore

extension Operator {
    /// Tensors made from a few numbers.
    static let generators: [Operator] = [
        Operator(
            "Range", inputs: 3...3, lowering: .reference,
            infer: { operands throws(FathomError) in
                let count = try rangeCount(
                    operands.node, operands.constant(0, "start"), operands.constant(1, "limit"),
                    operands.constant(2, "step"))
                return [Fact([count], try operands.required(0).type)]
            },
            evaluate: { operands throws(FathomError) in
                let (start, step) = (try operands.required(0), try operands.required(2))
                let count = try rangeCount(operands.node, start, operands.required(1), step)
                if let first = start.whole?.values.first, let step = step.whole?.values.first {
                    let values = (0..<Int64(count)).map { first &+ $0 &* step }
                    return [
                        .integers(
                            IntegerTensor(shape: [count], values: values, type: start.type))
                    ]
                }
                let (first, by) = (start.floatValues[0], step.floatValues[0])
                let values = (0..<count).map { first + Float($0) * by }
                return [.floats(Tensor(shape: [count], values: values))]
            }),
        Operator(
            "EyeLike", inputs: 1...1, lowering: .reference, typed: true,
            infer: { operands throws(FathomError) in
                let input = try operands.required(0)
                guard input.shape.rank == 2 else {
                    throw operands.node.error("\(input.shape) is no matrix")
                }
                return [Fact(input.shape, try eyeType(operands.node, input.type))]
            },
            evaluate: { operands throws(FathomError) in
                let input = try operands.required(0)
                let diagonal = try operands.node.integer("k", default: 0)
                let columns = input.shape[1]
                let values = (0..<input.shape.count).map { position in
                    position % columns - position / columns == diagonal ? Float(1) : 0
                }
                let result = Value.floats(Tensor(shape: input.shape, values: values))
                return [result.cast(to: try eyeType(operands.node, input.type))]
            }),
    ]

    private static func rangeCount(
        _ node: Node, _ start: Value, _ limit: Value, _ step: Value
    ) throws(FathomError) -> Int {
        guard start.shape.count == 1, limit.shape.count == 1, step.shape.count == 1 else {
            throw node.error("its start, limit and step are not one number each")
        }
        var count =
            (Double(limit.floatValues[0]) - Double(start.floatValues[0]))
            / Double(step.floatValues[0])
        if let first = start.whole, let last = limit.whole, let by = step.whole {
            count = (Double(last.values[0]) - Double(first.values[0])) / Double(by.values[0])
        }
        guard count.isFinite, count <= Double(Shape.largestCount) else {
            throw node.error("its start, limit and step give no range")
        }
        return Int(max(0, count.rounded(.up)))
    }

    private static func eyeType(
        _ node: Node, _ fallback: ElementType
    ) throws(FathomError) -> ElementType {
        let code = try node.integer("dtype", default: Int(fallback.onnxCode))
        guard let type = ElementType(onnxCode: code) else {
            throw node.unsupported("the element type \(code) is not supported")
        }
        return type
    }
}
