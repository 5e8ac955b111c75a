import FathomCore

extension Operator {
    /// Extremes by index, the greatest few, running sums and distinct elements.
    static let orderings: [Operator] = [
        extreme("ArgMax", isMaximum: true), extreme("ArgMin", isMaximum: false), top, unique,
        running("CumSum", start: 0, floats: { $0 + $1 }, whole: { $0 &+ $1 }),
        running("CumProd", start: 1, floats: { $0 * $1 }, whole: { $0 &* $1 }),
    ]

    /// Whether an element comes before another one in the order of magnitude.
    private static func isLess(_ value: Value) -> (Int, Int) -> Bool {
        if let whole = value.whole {
            return { whole.values[$0].isLess(than: whole.values[$1], whole.type) }
        }
        let values = value.floatValues
        return { values[$0] < values[$1] }
    }

    private static func extreme(_ name: String, isMaximum: Bool) -> Operator {
        Operator(
            name, inputs: 1...1, lowering: .reference,
            infer: { operands throws(FathomError) in
                let (node, shape) = (operands.node, try operands.required(0).shape)
                let axis = try node.axis(try node.integer("axis", default: 0), rank: shape.rank)
                guard shape[axis] > 0 else { throw node.error("\(shape) has no element to choose") }
                var dimensions = shape.dimensions
                dimensions[axis] = 1
                if try !node.flag("keepdims", default: true) { dimensions.remove(at: axis) }
                return [Fact(try node.shape(dimensions), .int64)]
            },
            evaluate: { operands throws(FathomError) in
                let (node, input) = (operands.node, try operands.required(0))
                let axis = try node.axis(
                    try node.integer("axis", default: 0), rank: input.shape.rank)
                let takesLast = try node.flag("select_last_index")
                let span = AxisSpan(input.shape, axis: axis)
                let isLess = isLess(input)
                var indices: [Int] = []
                for group in 0..<span.groups {
                    let start = span.start(group)
                    var best = 0
                    for index in 1..<max(span.length, 1) {
                        let (new, old) = (start + index * span.stride, start + best * span.stride)
                        let isBetter = isMaximum ? isLess(old, new) : isLess(new, old)
                        let isWorse = isMaximum ? isLess(new, old) : isLess(old, new)
                        if isBetter || takesLast && !isWorse { best = index }
                    }
                    indices.append(best)
                }
                var dimensions = input.shape.dimensions
                dimensions[axis] = 1
                if try !node.flag("keepdims", default: true) { dimensions.remove(at: axis) }
                return [Value.list(indices).reshaped(to: try node.shape(dimensions))]
            })
    }

    // MARK: TopK

    private static let top = Operator(
        "TopK", inputs: 1...2, outputs: 1...2, lowering: .reference,
        infer: { operands throws(FathomError) in
            let input = try operands.required(0)
            let shape = try topShape(operands)
            return [Fact(shape, input.type), Fact(shape, .int64)]
        },
        evaluate: { operands throws(FathomError) in
            let (node, input) = (operands.node, try operands.required(0))
            let shape = try topShape(operands.facts)
            let axis = try node.axis(try node.integer("axis", default: -1), rank: shape.rank)
            let isLargest = try node.flag("largest", default: true)
            let (from, to) = (AxisSpan(input.shape, axis: axis), AxisSpan(shape, axis: axis))
            let isLess = isLess(input)
            var positions = [Int](repeating: 0, count: shape.count)
            var indices = positions
            for group in 0..<(shape.count > 0 ? from.groups : 0) {
                let start = from.start(group)
                let order = (0..<from.length).sorted { a, b in
                    let (x, y) = (start + a * from.stride, start + b * from.stride)
                    if isLess(x, y) { return !isLargest }
                    if isLess(y, x) { return isLargest }
                    return a < b
                }
                for rank in 0..<to.length {
                    let place = to.start(group) + rank * to.stride
                    positions[place] = start + order[rank] * from.stride
                    indices[place] = order[rank]
                }
            }
            return [
                input.gathering(positions, shape: shape),
                Value.list(indices).reshaped(to: shape),
            ]
        })

    /// How many are wanted was an attribute up to operator set 9.
    private static func topShape(_ operands: Operands<Fact>) throws(FathomError) -> Shape {
        let (node, shape) = (operands.node, try operands.required(0).shape)
        let axis = try node.axis(try node.integer("axis", default: -1), rank: shape.rank)
        var count = try node.integer("k", default: -1)
        if let stated = try operands.optionalConstant(1, "number of elements") {
            count = stated.integerValues.first ?? -1
        }
        guard count >= 0, count <= shape[axis] else {
            throw node.error("it wants \(count) elements of an axis of \(shape[axis])")
        }
        var dimensions = shape.dimensions
        dimensions[axis] = count
        return try node.shape(dimensions)
    }

    // MARK: Running sums and products

    private static func running(
        _ name: String, start: Int64, floats: @escaping @Sendable (Double, Double) -> Double,
        whole: @escaping @Sendable (Int64, Int64) -> Int64
    ) -> Operator {
        Operator(
            name, inputs: 2...2, lowering: .reference,
            infer: { operands throws(FathomError) in
                let input = try operands.required(0)
                return [Fact(input.shape, input.type)]
            },
            evaluate: { operands throws(FathomError) in
                let (node, input) = (operands.node, try operands.required(0))
                guard let stated = try operands.required(1).integerValues.first else {
                    throw node.error("its axis is missing")
                }
                let span = AxisSpan(
                    input.shape, axis: try node.axis(stated, rank: input.shape.rank))
                let isExclusive = try node.flag("exclusive")
                let isReversed = try node.flag("reverse")
                func accumulate<T>(_ values: [T], _ start: T, _ combine: (T, T) -> T) -> [T] {
                    var results = values
                    for group in 0..<(values.isEmpty ? 0 : span.groups) {
                        var total = start
                        for index in 0..<span.length {
                            let step = isReversed ? span.length - 1 - index : index
                            let place = span.start(group) + step * span.stride
                            let next = combine(total, values[place])
                            results[place] = isExclusive ? total : next
                            total = next
                        }
                    }
                    return results
                }
                if let tensor = input.whole {
                    return [
                        .integers(
                            IntegerTensor(
                                shape: input.shape, values: accumulate(tensor.values, start, whole),
                                type: input.type))
                    ]
                }
                let values = accumulate(input.floatValues.map(Double.init), Double(start), floats)
                return [.floats(Tensor(shape: input.shape, values: values.map { Float($0) }))]
            })
    }

    // MARK: Unique

    private static let unique = Operator(
        "Unique", inputs: 1...1, outputs: 1...4, lowering: .reference,
        infer: { operands throws(FathomError) in
            let distinct = try distinct(operands.node, operands.constant(0, "output's shape"))
            return [Fact(distinct.shape, try operands.required(0).type)]
                + distinct.indices.map { Fact([$0.count], .int64) }
        },
        evaluate: { operands throws(FathomError) in
            let input = try operands.required(0)
            let distinct = try distinct(operands.node, input)
            return [input.gathering(distinct.positions, shape: distinct.shape)]
                + distinct.indices.map { Value.list($0) }
        })

    /// The distinct slices along an axis, or elements: where they are, and per slice the index of its first
    /// appearance, of its place among the distinct ones, and how often each appears.
    private static func distinct(
        _ node: Node, _ input: Value
    ) throws(FathomError) -> (shape: Shape, positions: [Int], indices: [[Int]]) {
        let isFlat = node.attributes["axis"] == nil
        let shape: Shape = isFlat ? [input.shape.count] : input.shape
        let axis = try node.axis(try node.integer("axis", default: 0), rank: shape.rank)
        let span = AxisSpan(shape, axis: axis)
        let values = input.floatValues
        let slices = (0..<span.length).map { index in
            (0..<(values.isEmpty ? 0 : span.groups)).map { span.start($0) + index * span.stride }
        }
        var firsts: [[Float]: Int] = [:]
        for (index, slice) in slices.enumerated() {
            let key = slice.map { values[$0] }
            if firsts[key] == nil { firsts[key] = index }
        }
        var order = firsts.values.sorted()
        if try node.flag("sorted", default: true) {
            order.sort { a, b in
                slices[a].lexicographicallyPrecedes(slices[b]) { values[$0] < values[$1] }
            }
        }
        let ranks = Dictionary(uniqueKeysWithValues: order.enumerated().map { ($1, $0) })
        let inverse = slices.map { slice in
            firsts[slice.map { values[$0] }].flatMap { ranks[$0] } ?? 0
        }
        var counts = [Int](repeating: 0, count: order.count)
        for rank in inverse { counts[rank] += 1 }
        var dimensions = shape.dimensions
        dimensions[axis] = order.count
        let output = try node.shape(dimensions)
        let target = AxisSpan(output, axis: axis)
        var positions = [Int](repeating: 0, count: output.count)
        for (rank, index) in order.enumerated() {
            for (group, position) in slices[index].enumerated() {
                positions[target.start(group) + rank * target.stride] = position
            }
        }
        return (output, positions, [order, inverse, counts])
    }
}
