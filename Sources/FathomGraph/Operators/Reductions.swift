import FathomCore

/// Which axes a reduction takes together.
private struct Reduction {
    let axes: Set<Int>
    let shape: Shape
    /// For each element of the input, the element of the output that it goes into.
    let targets: () -> [Int]

    init(_ operands: Operands<Fact>) throws(FathomError) {
        let node = operands.node
        let input = try operands.required(0)
        guard input.type == .float else { throw node.error("its operand is not floating point") }
        var stated = try Operator.axes(operands) ?? []
        if stated.isEmpty, try node.integer("noop_with_empty_axes", default: 0) == 0 {
            stated = Array(0..<input.shape.rank)
        }
        var axes: Set<Int> = []
        for axis in stated { axes.insert(try node.axis(axis, rank: input.shape.rank)) }
        let keeps = try node.integer("keepdims", default: 1) != 0
        let kept = Shape(
            input.shape.dimensions.enumerated().map { axes.contains($0) ? 1 : $1 })
        shape =
            keeps
            ? kept : Shape(kept.dimensions.indices.filter { !axes.contains($0) }.map { kept[$0] })
        self.axes = axes
        let strides = kept.strides.enumerated().map { axes.contains($0) ? 0 : $1 }
        targets = { input.shape.positions(strides: strides) }
    }
}

extension Operator {
    /// Sums, means and extremes along axes.
    static let reductions: [Operator] = ["ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin"].map {
        name in
        Operator(
            name, inputs: 1...2, lowering: .reference,
            infer: { operands throws(FathomError) in [Fact(try Reduction(operands).shape)] },
            evaluate: { operands throws(FathomError) in
                let reduction = try Reduction(operands.facts)
                let input = try operands.tensor(0)
                let start: Double =
                    name == "ReduceMax" ? -.infinity : name == "ReduceMin" ? .infinity : 0
                var results = [Double](repeating: start, count: reduction.shape.count)
                for (value, target) in zip(input.values, reduction.targets()) {
                    switch name {
                    case "ReduceMax": results[target] = max(results[target], Double(value))
                    case "ReduceMin": results[target] = min(results[target], Double(value))
                    default: results[target] += Double(value)
                    }
                }
                let divisor =
                    name == "ReduceMean"
                    ? Double(input.count) / Double(max(reduction.shape.count, 1)) : 1
                let values = results.map { Float($0 / divisor) }
                return [.floats(Tensor(shape: reduction.shape, values: values))]
            })
    }
}
