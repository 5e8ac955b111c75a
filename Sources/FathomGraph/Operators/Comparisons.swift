import FathomCore

/// A relation of two numbers, from whether they are equal and whether the first is less; both false for NaN.
private typealias Relation = @Sendable (_ isEqual: Bool, _ isLess: Bool, _ isGreater: Bool) -> Bool

extension Operator {
    /// Relations of two operands, and functions of truths.
    static let comparisons: [Operator] = [
        comparison("Equal") { equal, _, _ in equal },
        comparison("Less") { _, less, _ in less },
        comparison("Greater") { _, _, greater in greater },
        comparison("LessOrEqual") { equal, less, _ in equal || less },
        comparison("GreaterOrEqual") { equal, _, greater in equal || greater },
        logic("And") { $0 & $1 }, logic("Or") { $0 | $1 }, logic("Xor") { $0 ^ $1 },
        Operator(
            "Not", inputs: 1...1, lowering: .reference,
            infer: { operands throws(FathomError) in
                [Fact(try operands.required(0).shape, .bool)]
            },
            evaluate: { operands throws(FathomError) in
                let input = try operands.required(0)
                return [.truths(input.integerValues.map { $0 == 0 }, shape: input.shape)]
            }),
    ]

    private static func comparison(_ name: String, _ relation: @escaping Relation) -> Operator {
        Operator(
            name, inputs: 2...2, lowering: .reference,
            infer: { operands throws(FathomError) in
                [Fact(try Pair.fact(operands).shape, .bool)]
            },
            evaluate: { operands throws(FathomError) in
                let pair = try Pair(
                    operands.required(0), operands.required(1), operands.node)
                let truths: [Bool]
                if let left = pair.left.whole, let right = pair.right.whole {
                    truths = zip(left.values, right.values).map { a, b in
                        relation(
                            a == b, a.isLess(than: b, left.type), b.isLess(than: a, left.type))
                    }
                } else {
                    truths = zip(pair.left.floatValues, pair.right.floatValues).map { a, b in
                        relation(a == b, a < b, a > b)
                    }
                }
                return [.truths(truths, shape: pair.shape)]
            })
    }

    private static func logic(
        _ name: String, _ function: @escaping @Sendable (Int64, Int64) -> Int64
    ) -> Operator {
        wholeFunction(name) { (_) throws(FathomError) in { a, b, _ in function(a, b) } }
    }

    /// Functions of the bits of whole numbers.
    static let bitwise: [Operator] = [
        logic("BitwiseAnd") { $0 & $1 }, logic("BitwiseOr") { $0 | $1 },
        logic("BitwiseXor") { $0 ^ $1 },
        wholeFunction("BitShift") { (node) throws(FathomError) in
            let direction = try node.string("direction", default: "", allowed: ["LEFT", "RIGHT"])
            let isLeft = direction == "LEFT"
            return { a, b, type in
                let (bits, count) = (UInt64(bitPattern: a), UInt64(bitPattern: b))
                return Int64(bitPattern: isLeft ? bits << count : bits >> count)
            }
        },
        Operator(
            "BitwiseNot", inputs: 1...1, lowering: .reference,
            infer: { operands throws(FathomError) in
                let input = try operands.required(0)
                return [Fact(input.shape, input.type)]
            },
            evaluate: { operands throws(FathomError) in
                guard let input = try operands.required(0).whole else {
                    throw operands.node.error("its operand is not of whole numbers")
                }
                return [
                    .integers(
                        IntegerTensor(
                            shape: input.shape, values: input.values.map { ~$0 },
                            type: input.type))
                ]
            }),
    ]

    private static func wholeFunction(
        _ name: String,
        _ make:
            @escaping @Sendable (Node) throws(FathomError) ->
            @Sendable (Int64, Int64, ElementType)
            -> Int64
    ) -> Operator {
        Operator(
            name, inputs: 2...2, lowering: .reference,
            infer: { operands throws(FathomError) in
                let fact = try Pair.fact(operands)
                guard !fact.type.isFloatingPoint else {
                    throw operands.node.error("its operands are not whole numbers")
                }
                return [fact]
            },
            evaluate: { operands throws(FathomError) in
                let function = try make(operands.node)
                let pair = try Pair(
                    operands.required(0), operands.required(1), operands.node)
                guard let left = pair.left.whole, let right = pair.right.whole else {
                    throw operands.node.error("its operands are not whole numbers")
                }
                let values = zip(left.values, right.values).map { function($0, $1, left.type) }
                return [
                    .integers(IntegerTensor(shape: pair.shape, values: values, type: left.type))
                ]
            })
    }
}
