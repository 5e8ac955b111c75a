import FathomCore
import Glibc

/// What is made of a group of numbers.
private typealias GroupFunction = @Sendable ([Double]) -> [Double]

extension Operator {
    /// Functions of all numbers along an axis together.
    static let softmaxes: [Operator] = [
        softmax("Softmax") { values in
            let exponentials = exponentials(values)
            let sum = exponentials.reduce(0, +)
            return exponentials.map { $0 / sum }
        },
        softmax("LogSoftmax") { values in
            let greatest = values.max() ?? 0
            let logarithm = log(exponentials(values).reduce(0, +))
            return values.map { $0 - greatest - logarithm }
        },
        softmax("Hardmax") { values in
            let greatest = values.max() ?? 0
            let place = values.firstIndex(of: greatest)
            return values.indices.map { $0 == place ? 1 : 0 }
        },
    ]

    private static func exponentials(_ values: [Double]) -> [Double] {
        let greatest = values.max() ?? 0
        return values.map { exp($0 - greatest) }
    }

    private static func softmax(
        _ name: String, _ function: @escaping GroupFunction
    ) -> Operator {
        Operator(
            name, inputs: 1...1, lowering: .reference,
            infer: { operands throws(FathomError) in
                let shape = try operands.floating(0)
                _ = try span(operands.node, shape, operands.operatorSet)
                return [Fact(shape)]
            },
            evaluate: { operands throws(FathomError) in
                let input = try operands.tensor(0)
                let span = try span(operands.node, input.shape, operands.operatorSet)
                var values = input.values
                for group in 0..<(values.isEmpty ? 0 : span.groups) {
                    let start = span.start(group)
                    let results = function(
                        (0..<span.length).map { Double(values[start + $0 * span.stride]) })
                    for (index, result) in results.enumerated() {
                        values[start + index * span.stride] = Float(result)
                    }
                }
                return [.floats(Tensor(shape: input.shape, values: values))]
            })
    }

    /// Before operator set 13 all axes from `axis` on form one group.
    private static func span(
        _ node: Node, _ shape: Shape, _ operatorSet: Int
    ) throws(FathomError) -> AxisSpan {
        let isOld = operatorSet < 13
        let stated = try node.integer("axis", default: isOld ? 1 : -1)
        if isOld, stated == shape.rank { return AxisSpan(shape, axes: shape.rank..<shape.rank) }
        let axis = try node.axis(stated, rank: shape.rank)
        return isOld ? AxisSpan(shape, axes: axis..<shape.rank) : AxisSpan(shape, axis: axis)
    }
}
