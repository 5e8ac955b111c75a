import FathomCore

/// For each output of an operator that only moves elements: its shape, and where each element comes from.
struct Movement {
    let shape: Shape
    let positions: () -> [Int]
}

extension Movement {
    /// The axes in another order.
    static func permuted(_ shape: Shape, _ order: [Int]) -> Movement {
        let strides = shape.strides
        let output = Shape(order.map { shape[$0] })
        return Movement(shape: output) { output.positions(strides: order.map { strides[$0] }) }
    }
}

typealias MovementRule =
    @Sendable (Operands<Fact>, Shape) throws(FathomError) -> [Movement]

extension Operator {
    /// Operators that only move or repeat elements.
    static let movements: [Operator] = [
        movement("Transpose", inputs: 1...1) { (operands, shape) throws(FathomError) in
            let order =
                try operands.node.integers("perm") ?? Array((0..<shape.rank).reversed())
            guard order.sorted() == Array(0..<shape.rank) else {
                throw operands.node.error("its order \(order) does not fit \(shape)")
            }
            return [.permuted(shape, order)]
        },
        movement("Expand", inputs: 2...2) { (operands, shape) throws(FathomError) in
            let wanted = try operands.node.shape(
                try operands.constant(1, "shape").integerValues)
            guard let broadcast = Broadcast([shape, wanted]) else {
                throw operands.node.error("\(shape) cannot be expanded to \(wanted)")
            }
            return [Movement(shape: broadcast.shape) { broadcast.positions(of: shape) }]
        },
        movement("Slice", inputs: 1...5) { (operands, shape) throws(FathomError) in
            [try slice(operands, shape)]
        },
        movement("Split", inputs: 1...2, outputs: 1...1024) {
            (operands, shape) throws(FathomError) in try split(operands, shape)
        },
        concatenation,
    ]

    private static func slice(
        _ operands: Operands<Fact>, _ shape: Shape
    ) throws(FathomError) -> Movement {
        let node = operands.node
        func list(_ index: Int, _ name: String) throws(FathomError) -> [Int]? {
            if let value = try operands.optionalConstant(index, name) { return value.integerValues }
            // Attributes up to operator set 9; an end beyond the axis is written as the greatest number.
            if case .integers(let values)? = node.attributes[name] { return values }
            return nil
        }
        let starts = try list(1, "starts") ?? []
        let ends = try list(2, "ends") ?? []
        let axes = try list(3, "axes") ?? Array(0..<starts.count)
        let steps = try list(4, "steps") ?? Array(repeating: 1, count: starts.count)
        guard starts.count == ends.count, axes.count == starts.count, steps.count == starts.count
        else { throw node.error("its starts, ends, axes and steps do not fit each other") }
        var dimensions = shape.dimensions
        var strides = shape.strides
        var offset = 0
        for (index, stated) in axes.enumerated() {
            let axis = try node.axis(stated, rank: shape.rank)
            let (length, step) = (shape[axis], steps[index])
            guard step != 0, step.magnitude <= UInt(Node.attributeLimit) else {
                throw node.error("its step \(step) is out of range")
            }
            func place(_ value: Int, _ low: Int, _ high: Int) -> Int {
                min(max(value < 0 ? max(value, -length - 1) + length : value, low), high)
            }
            let start = place(starts[index], 0, step > 0 ? length : length - 1)
            let end = place(ends[index], step > 0 ? 0 : -1, length)
            dimensions[axis] =
                step > 0
                ? max(0, (end - start + step - 1) / step)
                : max(0, (start - end - step - 1) / -step)
            offset += start * strides[axis]
            strides[axis] *= step
        }
        let output = try node.shape(dimensions)
        return Movement(shape: output) { [offset, strides] in
            output.positions(offset: offset, strides: strides)
        }
    }

    private static func split(
        _ operands: Operands<Fact>, _ shape: Shape
    ) throws(FathomError) -> [Movement] {
        let node = operands.node
        let axis = try node.axis(try node.integer("axis", default: 0), rank: shape.rank)
        let parts = node.outputs.count
        let each = (shape[axis] + parts - 1) / parts
        var stated = try node.integers("split")
        if let value = try operands.optionalConstant(1, "split") { stated = value.integerValues }
        let lengths =
            stated ?? (0..<parts).map { max(0, min(each, shape[axis] - $0 * each)) }
        guard lengths.count == parts, lengths.allSatisfy({ (0...shape[axis]).contains($0) }),
            lengths.reduce(0, +) == shape[axis]
        else { throw node.error("its parts \(lengths) do not fit \(shape)") }
        var start = 0
        return lengths.map { length in
            var dimensions = shape.dimensions
            dimensions[axis] = length
            let output = Shape(dimensions)
            let offset = start * shape.strides[axis]
            start += length
            return Movement(shape: output) {
                output.positions(offset: offset, strides: shape.strides)
            }
        }
    }

    /// An operator each of whose outputs is a `Movement` of its first input.
    static func movement(
        _ name: String, inputs: ClosedRange<Int>, outputs: ClosedRange<Int> = 1...1,
        rule: @escaping MovementRule
    ) -> Operator {
        Operator(
            name, inputs: inputs, outputs: outputs, lowering: .reference,
            infer: { operands throws(FathomError) in
                let input = try operands.required(0)
                return try rule(operands, input.shape).map { Fact($0.shape, input.type) }
            },
            evaluate: { operands throws(FathomError) in
                let input = try operands.required(0)
                return try rule(operands.facts, input.shape).map {
                    input.gathering($0.positions(), shape: $0.shape)
                }
            })
    }

    private static let concatenation = Operator(
        "Concat", inputs: 1...1024, lowering: .concatenation,
        infer: { operands throws(FathomError) in
            let node = operands.node
            let first = try operands.required(0)
            let axis = try node.axis(try node.integer("axis", default: 1), rank: first.shape.rank)
            var dimensions = first.shape.dimensions
            for index in operands.inputs.indices.dropFirst() {
                let fact = try operands.required(index)
                var expected = first.shape.dimensions
                if fact.shape.rank == expected.count { expected[axis] = fact.shape[axis] }
                guard fact.shape.dimensions == expected, fact.type == first.type else {
                    throw node.error("\(first.shape) and \(fact.shape) do not fit each other")
                }
                dimensions[axis] += fact.shape[axis]
            }
            return [Fact(try node.shape(dimensions), first.type)]
        },
        evaluate: { operands throws(FathomError) in
            let values = operands.inputs.compactMap { $0 }
            let shapes = values.map(\.shape)
            let node = operands.node
            let axis = try node.axis(try node.integer("axis", default: 1), rank: shapes[0].rank)
            var dimensions = shapes[0].dimensions
            dimensions[axis] = shapes.map { $0[axis] }.reduce(0, +)
            let output = Shape(dimensions)
            let outer = dimensions[..<axis].reduce(1, *)
            let each = shapes.map { $0.count / max(outer, 1) }
            func joined<T>(_ elements: [[T]]) -> [T] {
                (0..<outer).flatMap { block in
                    zip(elements, each).flatMap { $0[block * $1..<(block + 1) * $1] }
                }
            }
            if case .integers(let first) = values[0] {
                let lists = values.map { $0.integerValues.map(Int64.init) }
                return [
                    .integers(
                        IntegerTensor(shape: output, values: joined(lists), type: first.type))
                ]
            }
            return [.floats(Tensor(shape: output, values: joined(values.map(\.floatValues))))]
        })
}
