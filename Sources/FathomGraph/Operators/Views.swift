import FathomCore

/// A rule for the shape under which an operator shows the elements of its first input.
private typealias ViewRule = @Sendable (Operands<Fact>, Shape) throws(FathomError) -> [Int]

extension Operator {
    /// The same elements under another shape.
    static let views: [Operator] = [
        view("Identity", inputs: 1...1) { _, shape in shape.dimensions },
        view("Flatten", inputs: 1...1) { (operands, shape) throws(FathomError) in
            let stated = try operands.node.integer("axis", default: 1)
            let axis =
                stated == shape.rank
                ? stated : try operands.node.axis(stated, rank: max(shape.rank, 1))
            return [
                shape.dimensions[..<axis].reduce(1, *), shape.dimensions[axis...].reduce(1, *),
            ]
        },
        view("Reshape", inputs: 2...2) { (operands, shape) throws(FathomError) in
            try reshape(operands, shape)
        },
        view("Squeeze", inputs: 1...2) { (operands, shape) throws(FathomError) in
            let stated = try axes(operands)
            let chosen = try stated.map { list throws(FathomError) in
                try list.map { axis throws(FathomError) in
                    try operands.node.axis(axis, rank: shape.rank)
                }
            }
            let removed = Set(chosen ?? shape.dimensions.indices.filter { shape[$0] == 1 })
            guard removed.allSatisfy({ shape[$0] == 1 }) else {
                throw operands.node.error("it removes an axis that is not 1 of \(shape)")
            }
            return shape.dimensions.indices.filter { !removed.contains($0) }.map { shape[$0] }
        },
        view("Unsqueeze", inputs: 1...2) { (operands, shape) throws(FathomError) in
            let stated = try axes(operands) ?? []
            let rank = shape.rank + stated.count
            let added = try stated.map { axis throws(FathomError) in
                try operands.node.axis(axis, rank: rank)
            }
            guard Set(added).count == added.count else {
                throw operands.node.error("it adds an axis twice")
            }
            var rest = shape.dimensions.makeIterator()
            return (0..<rank).map { added.contains($0) ? 1 : rest.next() ?? 1 }
        },
    ]

    /// `Dropout` as it is after training: nothing is dropped.
    static let dropouts: [Operator] = [
        Operator(
            "Dropout", inputs: 1...3, outputs: 1...2, lowering: .view,
            infer: { operands throws(FathomError) in
                let input = try operands.required(0)
                let ratio = try operands.optionalConstant(1, "ratio")?.floatValues.first ?? 0.5
                let isTraining = try operands.optionalConstant(2, "mode")?.isTrue ?? false
                guard !isTraining || ratio == 0 else {
                    throw operands.node.unsupported("it drops elements at random")
                }
                return [Fact(input.shape, input.type), Fact(input.shape, .bool)]
            },
            evaluate: { operands throws(FathomError) in
                let input = try operands.required(0)
                let kept = Array(repeating: true, count: input.shape.count)
                return [input, .truths(kept, shape: input.shape)]
            })
    ]

    /// The axes of a node, an attribute up to operator set 12 and an input from 13 on.
    static func axes(_ operands: Operands<Fact>) throws(FathomError) -> [Int]? {
        if let axes = try operands.node.integers("axes") { return axes }
        return try operands.optionalConstant(1, "axes")?.integerValues
    }

    private static func reshape(
        _ operands: Operands<Fact>, _ shape: Shape
    ) throws(FathomError) -> [Int] {
        let node = operands.node
        let keepsZero = try node.integer("allowzero", default: 0) != 0
        var dimensions = try operands.constant(1, "shape").integerValues
        for (axis, length) in dimensions.enumerated() where length == 0 && !keepsZero {
            guard axis < shape.rank else {
                throw node.error("it keeps axis \(axis), which \(shape) does not have")
            }
            dimensions[axis] = shape[axis]
        }
        if let free = dimensions.firstIndex(of: -1) {
            dimensions[free] = 1
            let known = try node.shape(dimensions).count
            guard known > 0, shape.count % known == 0 else {
                throw node.error("\(shape) cannot be shown as it asks")
            }
            dimensions[free] = shape.count / known
        }
        return dimensions
    }

    private static func view(
        _ name: String, inputs: ClosedRange<Int>, rule: @escaping ViewRule
    ) -> Operator {
        @Sendable func viewed(_ operands: Operands<Fact>) throws(FathomError) -> Fact {
            let input = try operands.required(0)
            let shape = try operands.node.shape(try rule(operands, input.shape))
            guard shape.count == input.shape.count else {
                throw operands.node.error("\(input.shape) cannot be shown as \(shape)")
            }
            return Fact(shape, input.type)
        }
        return Operator(
            name, inputs: inputs, lowering: .view,
            infer: { operands throws(FathomError) in [try viewed(operands)] },
            evaluate: { operands throws(FathomError) in
                let shape = try viewed(operands.facts).shape
                return [try operands.required(0).reshaped(to: shape)]
            })
    }
}
