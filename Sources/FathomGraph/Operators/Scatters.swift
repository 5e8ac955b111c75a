import FathomCore

/// What a scatter makes of an element and what is put in its place.
private enum ScatterRule: String, CaseIterable {
    case replace = "none"
    case add, mul, max, min

    func callAsFunction(_ old: Float, _ new: Float) -> Float {
        switch self {
        case .replace: new
        case .add: old + new
        case .mul: old * new
        case .max: Swift.max(old, new)
        case .min: Swift.min(old, new)
        }
    }

    func callAsFunction(_ old: Int64, _ new: Int64) -> Int64 {
        switch self {
        case .replace: new
        case .add: old &+ new
        case .mul: old &* new
        case .max: Swift.max(old, new)
        case .min: Swift.min(old, new)
        }
    }

    init(_ node: Node) throws(FathomError) {
        let name = try node.string(
            "reduction", default: "none", allowed: Self.allCases.map(\.rawValue))
        self = Self(rawValue: name) ?? .replace
    }
}

extension Operator {
    /// Copies of the data with elements or blocks replaced at given indices.
    static let scatters: [Operator] =
        ["Scatter", "ScatterElements"].map { name in
            scatter(name, inputs: 3...3, updates: 2) { (node, data, indices) throws(FathomError) in
                let axis = try alignedAxis(node, data, indices.shape)
                return try elementPositions(node, data, indices, axis)
            }
        } + [
            scatter("ScatterND", inputs: 3...3, updates: 2) {
                (node, data, indices) throws(FathomError) in
                let depth = indices.shape.dimensions.last ?? 0
                guard depth > 0, depth <= data.rank else {
                    throw node.error("its indices \(indices.shape) do not fit \(data)")
                }
                let length = data.dimensions[depth...].reduce(1, *)
                let starts = try blockStarts(node, data, indices)
                return starts.flatMap { $0..<$0 + length }
            },
            tensorScatter,
        ]

    private static func scatter(
        _ name: String, inputs: ClosedRange<Int>, updates: Int,
        positions: @escaping @Sendable (Node, Shape, Value) throws(FathomError) -> [Int]
    ) -> Operator {
        Operator(
            name, inputs: inputs, lowering: .reference,
            infer: { operands throws(FathomError) in
                let data = try operands.required(0)
                guard try operands.required(updates).type == data.type else {
                    throw operands.node.error("its updates are of another type than its data")
                }
                return [Fact(data.shape, data.type)]
            },
            evaluate: { operands throws(FathomError) in
                let (data, updates) = (try operands.required(0), try operands.required(updates))
                let rule = try ScatterRule(operands.node)
                let places = try positions(operands.node, data.shape, try operands.required(1))
                return [try put(updates, at: places, of: data, rule, operands.node)]
            })
    }

    private static func put(
        _ updates: Value, at places: [Int], of data: Value, _ rule: ScatterRule, _ node: Node
    ) throws(FathomError) -> Value {
        guard places.count == updates.shape.count else {
            throw node.error("its updates \(updates.shape) do not fit its indices")
        }
        if let old = data.whole, let new = updates.whole {
            var values = old.values
            for (place, value) in zip(places, new.values) {
                values[place] = rule(values[place], value)
            }
            return .integers(IntegerTensor(shape: data.shape, values: values, type: data.type))
        }
        var values = data.floatValues
        for (place, value) in zip(places, updates.floatValues) {
            values[place] = rule(values[place], value)
        }
        return .numbers(Tensor(shape: data.shape, values: values), type: data.type)
    }

    /// Writes the rows of an update into a cache, from an index for each of the batch on.
    private static let tensorScatter = Operator(
        "TensorScatter", inputs: 2...3, lowering: .reference,
        infer: { operands throws(FathomError) in
            let (data, update) = (try operands.required(0), try operands.required(1))
            let axis = try operands.node.axis(
                try operands.node.integer("axis", default: -2), rank: data.shape.rank)
            var expected = data.shape.dimensions
            if update.shape.rank == expected.count { expected[axis] = update.shape[axis] }
            guard axis > 0, update.shape.dimensions == expected, update.type == data.type,
                update.shape[axis] <= data.shape[axis]
            else { throw operands.node.error("\(update.shape) does not fit \(data.shape)") }
            return [Fact(data.shape, data.type)]
        },
        evaluate: { operands throws(FathomError) in
            let (data, update) = (try operands.required(0), try operands.required(1))
            let node = operands.node
            let isCircular =
                try node.string("mode", default: "linear", allowed: ["linear", "circular"])
                == "circular"
            let axis = try node.axis(try node.integer("axis", default: -2), rank: data.shape.rank)
            let firsts = operands.optional(2)?.integerValues
            let batch = data.shape[0]
            guard firsts == nil || firsts?.count == batch else {
                throw node.error("its indices do not fit \(data.shape)")
            }
            let (length, strides) = (data.shape[axis], data.shape.strides)
            let own = update.shape.strides
            var places: [Int] = []
            for (index, position) in update.shape.positions(strides: strides).enumerated() {
                let row = index / own[axis] % update.shape[axis]
                let first = firsts?[index / own[0]] ?? 0
                guard (0..<length).contains(first), isCircular || first + row < length else {
                    throw node.error("it writes beyond the end of \(data.shape)")
                }
                places.append(position + ((first + row) % length - row) * strides[axis])
            }
            return [try put(update, at: places, of: data, .replace, node)]
        })
}
