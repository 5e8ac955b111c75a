import FathomCore
import Glibc

extension Operator {
    /// Choices and remainders, element by element; sums and means of any number of operands.
    static let selections: [Operator] = [
        Operator(
            "Where", inputs: 3...3, lowering: .reference, typed: true,
            infer: { operands throws(FathomError) in
                let facts = [
                    try operands.required(0), try operands.required(1), try operands.required(2),
                ]
                guard facts[1].type == facts[2].type else {
                    throw operands.node.error("its choices are of different types")
                }
                return [Fact(try Pair.shape(facts.map(\.shape), operands.node), facts[1].type)]
            },
            evaluate: { operands throws(FathomError) in
                let (yes, no) = (try operands.required(1), try operands.required(2))
                let condition = try operands.required(0)
                let shape = try Pair.shape([condition.shape, yes.shape, no.shape], operands.node)
                let choices = condition.expanded(to: shape).integerValues
                let (a, b) = (yes.expanded(to: shape), no.expanded(to: shape))
                if let a = a.whole, let b = b.whole {
                    let values = choices.indices.map {
                        choices[$0] != 0 ? a.values[$0] : b.values[$0]
                    }
                    return [.integers(IntegerTensor(shape: shape, values: values, type: a.type))]
                }
                let (x, y) = (a.floatValues, b.floatValues)
                let values = choices.indices.map { choices[$0] != 0 ? x[$0] : y[$0] }
                return [.numbers(Tensor(shape: shape, values: values), type: yes.type)]
            }),
        Operator(
            "PRelu", inputs: 2...2, lowering: .reference,
            infer: { operands throws(FathomError) in
                let input = try operands.required(0)
                let slope = try slope(operands.node, input.shape, operands.required(1).shape)
                guard try Pair.shape([input.shape, slope], operands.node) == input.shape else {
                    throw operands.node.error("its slopes do not fit \(input.shape)")
                }
                return [Fact(input.shape, input.type)]
            },
            evaluate: { operands throws(FathomError) in
                let (input, slopes) = (try operands.required(0), try operands.required(1))
                let shape = try slope(operands.node, input.shape, slopes.shape)
                let factors = slopes.reshaped(to: shape).expanded(to: input.shape)
                let values = zip(input.floatValues, factors.floatValues).map {
                    $0 < 0 ? $0 * $1 : $0
                }
                let result = Value.floats(Tensor(shape: input.shape, values: values))
                return [input.type.isFloatingPoint ? result : result.cast(to: input.type)]
            }),
        Operator(
            "Mod", inputs: 2...2, lowering: .reference,
            infer: { operands throws(FathomError) in [try Pair.fact(operands)] },
            evaluate: { operands throws(FathomError) in
                let node = operands.node
                let pair = try Pair(operands.required(0), operands.required(1), node)
                let isTruncated = try node.flag("fmod")
                guard let left = pair.left.whole, let right = pair.right.whole else {
                    let values = zip(pair.left.floatValues, pair.right.floatValues).map { a, b in
                        isTruncated ? fmodf(a, b) : a - b * (a / b).rounded(.down)
                    }
                    return [.floats(Tensor(shape: pair.shape, values: values))]
                }
                var values: [Int64] = []
                for (a, b) in zip(left.values, right.values) {
                    guard b != 0 else { throw node.error("it divides by zero") }
                    values.append(a.remainder(b, left.type, isTruncated: isTruncated))
                }
                return [
                    .integers(IntegerTensor(shape: pair.shape, values: values, type: left.type))
                ]
            }),
        sum("Sum") { _ in 1 }, sum("Mean") { 1 / Double($0) },
    ]

    /// The slopes' shape; up to operator set 6 a list of them was one a channel.
    private static func slope(
        _ node: Node, _ input: Shape, _ slopes: Shape
    ) throws(FathomError) -> Shape {
        guard Broadcast([input, slopes])?.shape != input, slopes.rank == 1, input.rank > 1,
            slopes[0] == input[1]
        else { return slopes }
        return try node.shape(slopes.dimensions + Array(repeating: 1, count: input.rank - 2))
    }

    private static func sum(
        _ name: String, _ factor: @escaping @Sendable (Int) -> Double
    ) -> Operator {
        Operator(
            name, inputs: 1...1024, lowering: .reference,
            infer: { operands throws(FathomError) in [try Pair.fact(operands)] },
            evaluate: { operands throws(FathomError) in
                let values = operands.inputs.compactMap { $0 }
                let shape = try Pair.shape(values.map(\.shape), operands.node)
                var sums = [Double](repeating: 0, count: shape.count)
                for value in values {
                    for (index, element) in value.expanded(to: shape).floatValues.enumerated() {
                        sums[index] += Double(element)
                    }
                }
                let scale = factor(values.count)
                return [.floats(Tensor(shape: shape, values: sums.map { Float($0 * scale) }))]
            })
    }
}

extension Int64 {
    /// The remainder of a division by a number that is not 0: with the sign of this number if truncated, else with
    /// that of the divisor.
    fileprivate func remainder(
        _ divisor: Int64, _ type: ElementType, isTruncated: Bool
    ) -> Int64 {
        if type == .uint64 {
            return Int64(bitPattern: UInt64(bitPattern: self) % UInt64(bitPattern: divisor))
        }
        let rest = remainderReportingOverflow(dividingBy: divisor).partialValue
        return !isTruncated && rest != 0 && (rest < 0) != (divisor < 0) ? rest &+ divisor : rest
    }
}
