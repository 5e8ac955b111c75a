import FathomCore
import Glibc

/// A function of two numbers, applied element by element after broadcasting.
public enum BinaryFunction: String, Hashable, Sendable, CaseIterable {
    /// a + b
    case add = "Add"
    /// a − b
    case subtract = "Sub"
    /// a · b
    case multiply = "Mul"
    /// a / b
    case divide = "Div"
    /// The lesser.
    case minimum = "Min"
    /// The greater.
    case maximum = "Max"
    /// aᵇ
    case power = "Pow"

    /// The function's value.
    public func callAsFunction(_ a: Float, _ b: Float) -> Float {
        switch self {
        case .add: a + b
        case .subtract: a - b
        case .multiply: a * b
        case .divide: a / b
        case .minimum: min(a, b)
        case .maximum: max(a, b)
        case .power: powf(a, b)
        }
    }

    /// The value for whole numbers of a type, wrapping; nil for a division by zero.
    func callAsFunction(_ a: Int64, _ b: Int64, _ type: ElementType) -> Int64? {
        switch self {
        case .add: return a &+ b
        case .subtract: return a &- b
        case .multiply: return a &* b
        case .divide where type == .uint64:
            let (x, y) = (UInt64(bitPattern: a), UInt64(bitPattern: b))
            return y == 0 ? nil : Int64(bitPattern: x / y)
        case .divide: return b == 0 ? nil : a.dividedReportingOverflow(by: b).partialValue
        case .minimum: return b.isLess(than: a, type) ? b : a
        case .maximum: return a.isLess(than: b, type) ? b : a
        case .power:
            if b < 0 { return a == 1 ? 1 : a == -1 ? (b & 1 == 0 ? 1 : -1) : 0 }
            var (result, square, rest) = (Int64(1), a, b)
            while rest > 0 {
                if rest & 1 == 1 { result = result &* square }
                square = square &* square
                rest >>= 1
            }
            return result
        }
    }
}

extension Operator {
    /// Functions of two numbers; `Min` and `Max` of any number of them.
    static let arithmetic: [Operator] = BinaryFunction.allCases.map { function in
        let variadic = function == .minimum || function == .maximum
        return Operator(
            function.rawValue, inputs: variadic ? 1...1024 : 2...2, lowering: .binary,
            infer: { operands throws(FathomError) in
                let first = try operands.required(0)
                var shapes: [Shape] = []
                for index in operands.inputs.indices {
                    let fact = try operands.required(index)
                    guard function == .power || fact.type == first.type else {
                        throw operands.node.error("its operands are of different types")
                    }
                    shapes.append(
                        try function.aligned(
                            fact.shape, to: first.shape, operands.node, operands.operatorSet))
                }
                return [Fact(try Pair.shape(shapes, operands.node), first.type)]
            },
            evaluate: { operands throws(FathomError) in
                let first = try operands.required(0)
                var result = first
                for index in operands.inputs.indices.dropFirst() {
                    let value = try operands.required(index)
                    let shape = try function.aligned(
                        value.shape, to: first.shape, operands.node, operands.operatorSet)
                    result = try function.apply(
                        result, value.reshaped(to: shape), operands.node)
                }
                return [result]
            })
    }
}

extension BinaryFunction {
    fileprivate func apply(_ a: Value, _ b: Value, _ node: Node) throws(FathomError) -> Value {
        let pair = try Pair(a, b, node)
        if let x = pair.left.whole, let y = pair.right.whole {
            var values: [Int64] = []
            values.reserveCapacity(pair.shape.count)
            for (p, q) in zip(x.values, y.values) {
                guard let value = self(p, q, x.type) else { throw node.error("it divides by zero") }
                values.append(value)
            }
            return .integers(IntegerTensor(shape: pair.shape, values: values, type: x.type))
        }
        let values = zip(pair.left.floatValues, pair.right.floatValues).map { self($0, $1) }
        let result = Value.floats(Tensor(shape: pair.shape, values: values))
        return a.type.isFloatingPoint ? result : result.cast(to: a.type)
    }

    /// The second operand as it meets the first: up to operator set 6 its axes began at a stated one.
    fileprivate func aligned(
        _ shape: Shape, to first: Shape, _ node: Node, _ operatorSet: Int
    ) throws(FathomError) -> Shape {
        guard operatorSet < 7, case .integer(let stated)? = node.attributes["axis"], shape != first
        else { return shape }
        let start = try node.axis(stated, rank: first.rank)
        guard start + shape.rank <= first.rank else {
            throw node.error("\(shape) does not fit \(first) from axis \(stated) on")
        }
        let rest = first.rank - start - shape.rank
        return try node.shape(shape.dimensions + Array(repeating: 1, count: rest))
    }
}
