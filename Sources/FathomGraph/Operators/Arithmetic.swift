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

    /// The value for whole numbers, wrapping; nil for a division by zero.
    func callAsFunction(_ a: Int64, _ b: Int64) -> Int64? {
        switch self {
        case .add: return a &+ b
        case .subtract: return a &- b
        case .multiply: return a &* b
        case .divide: return b == 0 ? nil : a.dividedReportingOverflow(by: b).partialValue
        case .minimum: return min(a, b)
        case .maximum: return max(a, b)
        case .power:
            var result: Int64 = 1
            for _ in 0..<max(0, min(b, 64)) { result = result &* a }
            return result
        }
    }
}

extension Operator {
    /// Functions of two numbers; `Min` and `Max` of any number of them.
    static let arithmetic: [Operator] = BinaryFunction.allCases.map { function in
        let variadic = function == .minimum || function == .maximum
        return Operator(
            function.rawValue, inputs: variadic ? 1...64 : 2...2, lowering: .binary,
            infer: { operands throws(FathomError) in
                let first = try operands.required(0)
                var shapes: [Shape] = []
                for index in operands.inputs.indices {
                    let fact = try operands.required(index)
                    guard function == .power || fact.type == first.type else {
                        throw operands.node.error("its operands are of different types")
                    }
                    shapes.append(fact.shape)
                }
                guard let broadcast = Broadcast(shapes) else {
                    let words = shapes.map(\.description).joined(separator: " and ")
                    throw operands.node.error("\(words) do not fit each other")
                }
                return [Fact(broadcast.shape, first.type)]
            },
            evaluate: { operands throws(FathomError) in
                var result = try operands.required(0)
                for index in operands.inputs.indices.dropFirst() {
                    result = try function.apply(
                        result, operands.required(index), operands.node)
                }
                return [result]
            })
    }
}

extension BinaryFunction {
    fileprivate func apply(_ a: Value, _ b: Value, _ node: Node) throws(FathomError) -> Value {
        guard let broadcast = Broadcast([a.shape, b.shape]) else {
            throw node.error("\(a.shape) and \(b.shape) do not fit each other")
        }
        let left = a.gathering(broadcast.positions(of: a.shape), shape: broadcast.shape)
        let right = b.gathering(broadcast.positions(of: b.shape), shape: broadcast.shape)
        if case .integers(let x) = left, case .integers(let y) = right {
            var values: [Int64] = []
            for (p, q) in zip(x.values, y.values) {
                guard let value = self(p, q) else { throw node.error("it divides by zero") }
                values.append(value)
            }
            return .integers(
                IntegerTensor(shape: broadcast.shape, values: values, type: x.type))
        }
        let values = zip(left.floatValues, right.floatValues).map { self($0, $1) }
        return .floats(Tensor(shape: broadcast.shape, values: values))
    }
}
