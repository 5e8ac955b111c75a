import FathomCore

extension Operator {
    /// The gradient of an operator that only moves numbers: each goes back, and those that meet are added.
    package static let movementGradient = "fathom.MovementGradient"
    /// The gradient of `AveragePool`'s operand.
    package static let averagePoolGradient = "fathom.AveragePoolGradient"
    /// The gradient of `MaxPool`'s operand: inputs gradient, operand.
    package static let maxPoolGradient = "fathom.MaxPoolGradient"
    /// The gradient of `Resize`'s operand.
    package static let resizeGradient = "fathom.ResizeGradient"
    /// The gradients of `GridSample`'s picture and grid: inputs gradient, picture, grid.
    package static let gridSampleGradient = "fathom.GridSampleGradient"

    /// The gradients of what reads numbers elsewhere.
    static let samplerGradients: [Operator] = [
        backward(movementGradient, inputs: 1...5, forward: "Slice") {
            operands, gradient, shape throws(FathomError) in
            guard let movement = Rearrangement.results(of: operands)?.first,
                movement.shape.count == gradient.count
            else { throw operands.node.error("it does more than move its operand") }
            var sums = [Double](repeating: 0, count: shape.count)
            for (position, value) in zip(movement.positions, gradient) where position >= 0 {
                sums[position] += Double(value)
            }
            return sums.map { Float($0) }
        },
        backward(averagePoolGradient, inputs: 1...1, forward: "AveragePool") {
            operands, gradient, shape throws(FathomError) in
            try Pool(operands).backward(gradient, operand: nil, shape: shape)
        },
        backward(resizeGradient, inputs: 1...4, forward: "Resize") {
            operands, gradient, shape throws(FathomError) in
            let resize = try Resize(operands)
            guard resize.isWeightedSum else {
                throw operands.node.unsupported("a gradient for what lies outside")
            }
            var values = gradient.map(Double.init)
            var lengths = resize.outputShape.dimensions
            for (axis, table) in resize.tables.enumerated() {
                values = table.backward(values, lengths: lengths, axis: axis)
                lengths[axis] = table.input
            }
            return values.map { Float($0) }
        },
        Operator(
            maxPoolGradient, inputs: 2...2, lowering: .reference, export: madeByGradients,
            infer: { operands throws(FathomError) in
                _ = try pool(operands)
                return [Fact(try operands.floating(1))]
            },
            evaluate: { operands throws(FathomError) in
                let x = try operands.tensor(1)
                let values = try pool(operands.facts).backward(
                    try operands.tensor(0).values, operand: x.values, shape: x.shape)
                return [.floats(Tensor(shape: x.shape, values: values))]
            }),
        Operator(
            gridSampleGradient, inputs: 3...3, outputs: 2...2, lowering: .reference,
            export: madeByGradients,
            infer: { operands throws(FathomError) in
                let sample = try gridSample(operands)
                guard try operands.floating(0) == sample.shape else {
                    throw operands.node.error("its gradient does not fit")
                }
                return [Fact(try operands.floating(1)), Fact(try operands.floating(2))]
            },
            evaluate: { operands throws(FathomError) in
                try gridSample(operands.facts).backward(
                    operands.tensor(0), operands.tensor(1), operands.tensor(2)
                ).map { .floats($0) }
            }),
    ]

    private static func pool(_ operands: Operands<Fact>) throws(FathomError) -> Pool {
        var node = operands.node
        node.operation = "MaxPool"
        let pool = try Pool(
            Operands(node, [operands.inputs[1]], operatorSet: operands.operatorSet))
        guard try operands.floating(0) == pool.outputShape else {
            throw operands.node.error("its gradient does not fit")
        }
        return pool
    }

    private static func gridSample(_ operands: Operands<Fact>) throws(FathomError) -> GridSample {
        try GridSample(
            Operands(
                operands.node, Array(operands.inputs.dropFirst()),
                operatorSet: operands.operatorSet))
    }

    /// An operator whose first input is a gradient and whose others are those of the operator that is differentiated.
    private static func backward(
        _ name: String, inputs: ClosedRange<Int>, forward: String,
        _ rule: @escaping @Sendable (Operands<Fact>, [Float], Shape) throws(FathomError) -> [Float]
    ) -> Operator {
        Operator(
            name, inputs: inputs, lowering: .reference, export: madeByGradients,
            infer: { operands throws(FathomError) in
                let original = try ForwardNode.operands(operands, default: forward)
                guard let entry = Operator.table[original.node.operation],
                    let result = try entry.infer(original).first,
                    try operands.floating(0) == result.shape
                else { throw operands.node.error("its gradient does not fit its operand") }
                return [Fact(try original.required(0).shape)]
            },
            evaluate: { operands throws(FathomError) in
                let original = try ForwardNode.operands(operands.facts, default: forward)
                let shape = try original.required(0).shape
                let values = try rule(original, try operands.tensor(0).values, shape)
                return [.floats(Tensor(shape: shape, values: values))]
            })
    }
}

extension Rearrangement {
    /// Where each element comes from, −1 where it is filled.
    package var positions: [Int] {
        switch rule {
        case .strided(let offset, let strides): shape.positions(offset: offset, strides: strides)
        case .listed(let positions): positions.map(Int.init)
        }
    }
}

extension ResizeTable {
    /// The transposed map along an axis of a row-major tensor.
    fileprivate func backward(_ values: [Double], lengths: [Int], axis: Int) -> [Double] {
        let inner = lengths[(axis + 1)...].reduce(1, *)
        let outer = lengths[..<axis].reduce(1, *)
        var sums = [Double](repeating: 0, count: outer * input * inner)
        for block in 0..<outer {
            for place in 0..<output {
                for tap in 0..<taps {
                    let weight = Double(weights[place * taps + tap])
                    let target = (block * input + Int(positions[place * taps + tap])) * inner
                    let source = (block * output + place) * inner
                    for i in 0..<inner { sums[target + i] += weight * values[source + i] }
                }
            }
        }
        return sums
    }
}
