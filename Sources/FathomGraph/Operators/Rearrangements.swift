import FathomCore

extension Operator {
    /// Operators that repeat, reorder, cut or blank out elements.
    static let rearrangements: [Operator] = [
        movement("Tile", inputs: 2...2) { (operands, shape) throws(FathomError) in
            let repeats = try operands.constant(1, "number of repetitions").integerValues
            guard repeats.count == shape.rank,
                repeats.allSatisfy({ (0...Node.attributeLimit).contains($0) })
            else { throw operands.node.error("its repetitions \(repeats) do not fit \(shape)") }
            let output = try operands.node.shape(zip(shape.dimensions, repeats).map { $0 * $1 })
            // Each axis as two: which repetition, and which element.
            let strides = shape.strides
            let split = try operands.node.shape(
                shape.dimensions.indices.flatMap { [repeats[$0], shape[$0]] })
            return [
                Movement(shape: output) {
                    split.positions(strides: strides.flatMap { [0, $0] })
                }
            ]
        },
        movement("DepthToSpace", inputs: 1...1) { (operands, shape) throws(FathomError) in
            let (node, size) = (operands.node, try blockSize(operands.node, shape))
            guard shape[1] % (size * size) == 0 else {
                throw node.error("\(shape) has no blocks of \(size)")
            }
            let mode = try node.string("mode", default: "DCR", allowed: ["DCR", "CRD"])
            let channels = shape[1] / (size * size)
            let isDepthFirst = mode == "DCR"
            let split = try node.shape(
                [shape[0]] + (isDepthFirst ? [size, size, channels] : [channels, size, size])
                    + shape.dimensions[2...])
            let moved = Movement.permuted(
                split, isDepthFirst ? [0, 3, 4, 1, 5, 2] : [0, 1, 4, 2, 5, 3])
            let output = try node.shape([shape[0], channels, shape[2] * size, shape[3] * size])
            return [Movement(shape: output, positions: moved.positions)]
        },
        movement("SpaceToDepth", inputs: 1...1) { (operands, shape) throws(FathomError) in
            let (node, size) = (operands.node, try blockSize(operands.node, shape))
            guard shape[2] % size == 0, shape[3] % size == 0 else {
                throw node.error("\(shape) has no blocks of \(size)")
            }
            let (rows, columns) = (shape[2] / size, shape[3] / size)
            let split = try node.shape([shape[0], shape[1], rows, size, columns, size])
            let moved = Movement.permuted(split, [0, 3, 5, 1, 2, 4])
            let output = try node.shape([shape[0], shape[1] * size * size, rows, columns])
            return [Movement(shape: output, positions: moved.positions)]
        },
        reverseSequence, triangle, centerCropPad,
    ]

    private static func blockSize(_ node: Node, _ shape: Shape) throws(FathomError) -> Int {
        let size = try node.integer("blocksize", default: 0)
        guard shape.rank == 4, (1...65536).contains(size) else {
            throw node.error("\(shape) has no blocks of \(size)")
        }
        return size
    }

    private static let reverseSequence = Operator(
        "ReverseSequence", inputs: 2...2, lowering: .reference,
        infer: { operands throws(FathomError) in
            let input = try operands.required(0)
            _ = try sequenceAxes(operands.node, input.shape, operands.required(1).shape)
            return [Fact(input.shape, input.type)]
        },
        evaluate: { operands throws(FathomError) in
            let (input, lengths) = (try operands.required(0), try operands.required(1))
            let shape = input.shape
            let (batch, time) = try sequenceAxes(operands.node, shape, lengths.shape)
            let counts = lengths.integerValues
            guard counts.allSatisfy({ (0...shape[time]).contains($0) }) else {
                throw operands.node.error("its lengths do not fit \(shape)")
            }
            let strides = shape.strides
            let positions = (0..<shape.count).map { position in
                let count = counts[position / strides[batch] % shape[batch]]
                let step = position / strides[time] % shape[time]
                return step < count
                    ? position + (count - 1 - 2 * step) * strides[time] : position
            }
            return [input.gathering(positions, shape: shape)]
        })

    private static func sequenceAxes(
        _ node: Node, _ shape: Shape, _ lengths: Shape
    ) throws(FathomError) -> (batch: Int, time: Int) {
        let batch = try node.axis(try node.integer("batch_axis", default: 1), rank: shape.rank)
        let time = try node.axis(try node.integer("time_axis", default: 0), rank: shape.rank)
        guard batch != time, lengths == [shape[batch]] else {
            throw node.error("its lengths \(lengths) do not fit \(shape)")
        }
        return (batch, time)
    }

    /// The upper or lower triangle of the last two axes; zeros elsewhere.
    private static let triangle = Operator(
        "Trilu", inputs: 1...2, lowering: .reference,
        infer: { operands throws(FathomError) in
            let input = try operands.required(0)
            guard input.shape.rank >= 2 else { throw operands.node.error("it needs a matrix") }
            return [Fact(input.shape, input.type)]
        },
        evaluate: { operands throws(FathomError) in
            let input = try operands.required(0)
            let isUpper = try operands.node.flag("upper", default: true)
            let diagonal = operands.optional(1)?.integerValues.first ?? 0
            let rank = input.shape.rank
            let (rows, columns) = (input.shape[rank - 2], input.shape[rank - 1])
            let positions = (0..<input.shape.count).map { position in
                let (row, column) = (position / columns % rows, position % columns)
                // Limited, so that no offset overflows.
                let offset = min(max(diagonal, -rows - 1), columns + 1)
                let isKept = isUpper ? column - row >= offset : column - row <= offset
                return isKept ? position : -1
            }
            let zero = Value.scalar(0).cast(to: input.type)
            return [input.gathering(positions, filling: zero, shape: input.shape)]
        })

    /// Cuts or pads axes around their middle to given lengths.
    private static let centerCropPad = Operator(
        "CenterCropPad", inputs: 2...2, lowering: .reference,
        infer: { operands throws(FathomError) in
            let input = try operands.required(0)
            return [Fact(try croppedShape(operands), input.type)]
        },
        evaluate: { operands throws(FathomError) in
            let input = try operands.required(0)
            let output = try croppedShape(operands.facts)
            let strides = input.shape.strides
            var positions = output.count > 0 ? [0] : []
            for axis in output.dimensions.indices {
                let (from, to) = (input.shape[axis], output[axis])
                // The middle of an odd rest lies before it, where it is cut as where it is padded.
                let first = from > to ? (from - to) / 2 : -((to - from) / 2)
                positions = positions.flatMap { position in
                    (0..<to).map { index in
                        let source = index + first
                        let isInside = position >= 0 && source >= 0 && source < from
                        return isInside ? position + source * strides[axis] : -1
                    }
                }
            }
            let zero = Value.scalar(0).cast(to: input.type)
            return [input.gathering(positions, filling: zero, shape: output)]
        })

    private static func croppedShape(_ operands: Operands<Fact>) throws(FathomError) -> Shape {
        let (node, shape) = (operands.node, try operands.required(0).shape)
        let wanted = try operands.constant(1, "output's shape").integerValues
        let stated = try node.integers("axes") ?? Array(0..<shape.rank)
        let axes = try node.axes(stated, rank: shape.rank)
        guard wanted.count == axes.count else {
            throw node.error("its lengths \(wanted) do not fit \(shape)")
        }
        var dimensions = shape.dimensions
        for (axis, length) in zip(axes, wanted) { dimensions[axis] = length }
        return try node.shape(dimensions)
    }
}
