import FathomCore
import Glibc

extension Operator {
    /// `BatchNormalization` as it is after training, and `Softmax`.
    static let normalizations: [Operator] = [
        Operator(
            "BatchNormalization", inputs: 5...5, lowering: .reference,
            infer: { operands throws(FathomError) in
                let node = operands.node
                let input = try operands.required(0)
                guard input.type == .float, input.shape.rank >= 2 else {
                    throw node.error("its input has no channels")
                }
                guard try node.integer("training_mode", default: 0) == 0 else {
                    throw node.error("it is set to training")
                }
                for index in 1...4 {
                    let fact = try operands.required(index)
                    guard fact.shape == [input.shape[1]], fact.type == .float else {
                        throw node.error("its parameters do not fit its input \(input.shape)")
                    }
                }
                return [Fact(input.shape)]
            },
            evaluate: { operands throws(FathomError) in
                let input = try operands.tensor(0)
                let scale = try operands.tensor(1).values
                let shift = try operands.tensor(2).values
                let mean = try operands.tensor(3).values
                let variance = try operands.tensor(4).values
                let epsilon = try operands.node.float("epsilon", default: 1e-5)
                let channels = input.shape[1]
                let plane = input.shape.dimensions.dropFirst(2).reduce(1, *)
                let values = input.values.enumerated().map { index, x in
                    let c = index / max(plane, 1) % channels
                    return (x - mean[c]) / (variance[c] + epsilon).squareRoot() * scale[c]
                        + shift[c]
                }
                return [.floats(Tensor(shape: input.shape, values: values))]
            }),
        Operator(
            "Softmax", inputs: 1...1, lowering: .reference,
            infer: { operands throws(FathomError) in
                let input = try operands.required(0)
                guard input.type == .float else {
                    throw operands.node.error("its operand is not floating point")
                }
                _ = try softmaxSpan(operands.node, input.shape, operands.operatorSet)
                return [Fact(input.shape)]
            },
            evaluate: { operands throws(FathomError) in
                let input = try operands.tensor(0)
                let (outer, length, inner) = try softmaxSpan(
                    operands.node, input.shape, operands.operatorSet)
                var values = input.values
                for group in 0..<(outer * inner) {
                    let start = group / inner * length * inner + group % inner
                    let places = (0..<length).map { start + $0 * inner }
                    let greatest = places.map { values[$0] }.max() ?? 0
                    var sum = 0.0
                    for place in places {
                        values[place] = expf(values[place] - greatest)
                        sum += Double(values[place])
                    }
                    for place in places { values[place] = Float(Double(values[place]) / sum) }
                }
                return [.floats(Tensor(shape: input.shape, values: values))]
            }),
    ]

    /// How many groups, numbers a group, and numbers from one of a group to the next. Before operator set 13 all
    /// axes from `axis` on form one group.
    private static func softmaxSpan(
        _ node: Node, _ shape: Shape, _ operatorSet: Int
    ) throws(FathomError) -> (Int, Int, Int) {
        let isOld = operatorSet < 13
        let stated = try node.integer("axis", default: isOld ? 1 : -1)
        let axis = try node.axis(stated, rank: shape.rank)
        let outer = shape.dimensions[..<axis].reduce(1, *)
        if isOld { return (outer, shape.dimensions[axis...].reduce(1, *), 1) }
        return (outer, shape[axis], shape.dimensions[(axis + 1)...].reduce(1, *))
    }
}
