import FathomCore

extension Operator {
    /// Elements or blocks chosen by index.
    static let indexing: [Operator] = [
        chooser("Gather", shape: gatherShape, positions: gather),
        chooser(
            "GatherElements",
            shape: { (node, data, indices) throws(FathomError) in
                _ = try alignedAxis(node, data, indices)
                return indices
            },
            positions: { (node, data, indices) throws(FathomError) in
                let axis = try alignedAxis(node, data, indices.shape)
                return try elementPositions(node, data, indices, axis)
            }),
        chooser("GatherND", shape: gatherBlocksShape, positions: gatherBlocks),
        compress, nonZero, oneHot,
    ]

    private typealias ShapeRule =
        @Sendable (Node, _ data: Shape, _ indices: Shape) throws(FathomError) -> Shape
    private typealias PositionRule =
        @Sendable (Node, _ data: Shape, _ indices: Value) throws(FathomError) -> [Int]

    private static func chooser(
        _ name: String, shape: @escaping ShapeRule, positions: @escaping PositionRule
    ) -> Operator {
        Operator(
            name, inputs: 2...2, lowering: .reference,
            infer: { operands throws(FathomError) in
                let (data, indices) = (try operands.required(0), try operands.required(1))
                guard !indices.type.isFloatingPoint else {
                    throw operands.node.error("its indices are not whole numbers")
                }
                return [Fact(try shape(operands.node, data.shape, indices.shape), data.type)]
            },
            evaluate: { operands throws(FathomError) in
                let (data, indices) = (try operands.required(0), try operands.required(1))
                let output = try shape(operands.node, data.shape, indices.shape)
                guard output.count > 0 else { return [data.gathering([], shape: output)] }
                return [
                    data.gathering(
                        try positions(operands.node, data.shape, indices), shape: output)
                ]
            })
    }

    // MARK: Gather

    private static let gatherShape: ShapeRule = { (node, data, indices) throws(FathomError) in
        let axis = try node.axis(try node.integer("axis", default: 0), rank: data.rank)
        return try node.shape(
            data.dimensions[..<axis] + indices.dimensions + data.dimensions[(axis + 1)...])
    }

    private static let gather: PositionRule = { (node, data, indices) throws(FathomError) in
        let axis = try node.axis(try node.integer("axis", default: 0), rank: data.rank)
        var chosen: [Int] = []
        for index in indices.integerValues {
            chosen.append(try node.axis(index, rank: data[axis]))
        }
        let inner = data.strides[axis]
        var positions: [Int] = []
        for block in 0..<data.dimensions[..<axis].reduce(1, *) {
            for index in chosen {
                let start = (block * data[axis] + index) * inner
                positions.append(contentsOf: start..<start + inner)
            }
        }
        return positions
    }

    // MARK: GatherElements

    /// The axis of an operator whose indices have the rank of its data and nowhere reach beyond it.
    static func alignedAxis(
        _ node: Node, _ data: Shape, _ indices: Shape
    ) throws(FathomError) -> Int {
        let axis = try node.axis(try node.integer("axis", default: 0), rank: data.rank)
        guard indices.rank == data.rank,
            data.dimensions.indices.allSatisfy({ $0 == axis || indices[$0] <= data[$0] })
        else { throw node.error("its indices \(indices) do not fit \(data)") }
        return axis
    }

    /// For each index, the position in the data of its own place with the index in the place of the axis.
    static func elementPositions(
        _ node: Node, _ data: Shape, _ indices: Value, _ axis: Int
    ) throws(FathomError) -> [Int] {
        var strides = data.strides
        let step = strides[axis]
        strides[axis] = 0
        var positions = indices.shape.positions(strides: strides)
        for (place, index) in indices.integerValues.enumerated() {
            positions[place] += try node.axis(index, rank: data[axis]) * step
        }
        return positions
    }

    // MARK: GatherND

    private static let gatherBlocksShape: ShapeRule = {
        (node, data, indices) throws(FathomError) in
        let batch = try node.integer("batch_dims", default: 0)
        let depth = indices.dimensions.last ?? 0
        guard batch >= 0, indices.rank > batch, batch + depth <= data.rank, depth > 0,
            data.dimensions[..<batch] == indices.dimensions[..<batch]
        else { throw node.error("its indices \(indices) do not fit \(data)") }
        return try node.shape(indices.dimensions.dropLast() + data.dimensions[(batch + depth)...])
    }

    private static let gatherBlocks: PositionRule = {
        (node, data, indices) throws(FathomError) in
        let batch = try node.integer("batch_dims", default: 0)
        let starts = try blockStarts(node, data, indices, batch: batch)
        let length = data.dimensions[(batch + (indices.shape.dimensions.last ?? 0))...].reduce(1, *)
        return starts.flatMap { $0..<$0 + length }
    }

    /// The position of the block that each tuple of indices (the last axis) names.
    static func blockStarts(
        _ node: Node, _ data: Shape, _ indices: Value, batch: Int = 0
    ) throws(FathomError) -> [Int] {
        let depth = indices.shape.dimensions.last ?? 0
        let values = indices.integerValues
        let tuples = depth > 0 ? values.count / depth : 0
        let each = max(tuples / max(data.dimensions[..<batch].reduce(1, *), 1), 1)
        let strides = data.strides
        let block = data.dimensions[batch...].reduce(1, *)
        var starts: [Int] = []
        for tuple in 0..<tuples {
            var start = tuple / each * block
            if batch == 0 { start = 0 }
            for axis in 0..<depth {
                let index = try node.axis(values[tuple * depth + axis], rank: data[batch + axis])
                start += index * strides[batch + axis]
            }
            starts.append(start)
        }
        return starts
    }

    // MARK: Those whose output's shape depends on the data

    private static let compress = Operator(
        "Compress", inputs: 2...2, lowering: .reference,
        infer: { operands throws(FathomError) in
            let input = try operands.required(0)
            let chosen = try operands.constant(1, "condition")
            return [Fact(try compressed(operands.node, input.shape, chosen).shape, input.type)]
        },
        evaluate: { operands throws(FathomError) in
            let input = try operands.required(0)
            let (shape, positions) = try compressed(
                operands.node, input.shape, try operands.required(1))
            return [input.gathering(positions, shape: shape)]
        })

    private static func compressed(
        _ node: Node, _ shape: Shape, _ condition: Value
    ) throws(FathomError) -> (shape: Shape, positions: [Int]) {
        let chosen = condition.integerValues.enumerated().filter { $1 != 0 }.map(\.offset)
        guard node.attributes["axis"] != nil else {
            let positions = chosen.filter { $0 < shape.count }
            return ([positions.count], positions)
        }
        let axis = try node.axis(try node.integer("axis", default: 0), rank: shape.rank)
        let kept = chosen.filter { $0 < shape[axis] }
        var dimensions = shape.dimensions
        dimensions[axis] = kept.count
        let inner = shape.strides[axis]
        let blocks = shape.dimensions[..<axis].reduce(1, *)
        let positions = (0..<blocks).flatMap { block in
            kept.flatMap { index in
                let start = (block * shape[axis] + index) * inner
                return Array(start..<start + inner)
            }
        }
        let output = try node.shape(dimensions)
        return (output, output.count > 0 ? positions : [])
    }

    private static let nonZero = Operator(
        "NonZero", inputs: 1...1, lowering: .reference,
        infer: { operands throws(FathomError) in
            let input = try operands.constant(0, "output's shape")
            return [Fact([input.shape.rank, input.floatValues.count { $0 != 0 }], .int64)]
        },
        evaluate: { operands throws(FathomError) in
            let input = try operands.required(0)
            let places = input.floatValues.enumerated().filter { $1 != 0 }.map(\.offset)
            let (shape, strides) = (input.shape, input.shape.strides)
            let indices = shape.dimensions.indices.flatMap { axis in
                places.map { $0 / strides[axis] % shape[axis] }
            }
            return [Value.list(indices).reshaped(to: [shape.rank, places.count])]
        })

    private static let oneHot = Operator(
        "OneHot", inputs: 3...3, lowering: .reference, typed: true,
        infer: { operands throws(FathomError) in
            let indices = try operands.required(0).shape
            let values = try operands.required(2)
            guard values.shape.count == 2,
                let depth = try operands.constant(1, "depth").integerValues.first
            else { throw operands.node.error("its depth or its values are not what they must be") }
            let axis = try operands.node.axis(
                try operands.node.integer("axis", default: -1), rank: indices.rank + 1)
            var dimensions = indices.dimensions
            dimensions.insert(depth, at: axis)
            return [Fact(try operands.node.shape(dimensions), values.type)]
        },
        evaluate: { operands throws(FathomError) in
            let indices = try operands.required(0)
            let depth = try operands.required(1).integerValues.first ?? 0
            let rank = indices.shape.rank + 1
            let axis = try operands.node.axis(
                try operands.node.integer("axis", default: -1), rank: rank)
            var dimensions = indices.shape.dimensions
            dimensions.insert(depth, at: axis)
            let output = try operands.node.shape(dimensions)
            let span = AxisSpan(output, axis: axis)
            var choices = [Int](repeating: 0, count: output.count)
            for (group, index) in indices.integerValues.enumerated() where output.count > 0 {
                let place = index < 0 ? index &+ depth : index
                guard (0..<depth).contains(place) else { continue }
                choices[span.start(group) + place * span.stride] = 1
            }
            return [try operands.required(2).gathering(choices, shape: output)]
        })
}
