import FathomCore
import Glibc

/// A function of one number, applied to every element.
public enum UnaryFunction: Hashable, Sendable {
    /// min(max(x, low), high); `Clip` and `Relu`.
    case clip(Float, Float)
    /// x < 0 ? αx : x
    case leakyRelu(Float)
    /// 1 / (1 + e⁻ˣ)
    case sigmoid
    /// tanh x
    case tanh
    /// x < 0 ? α(eˣ − 1) : x
    case elu(Float)
    /// min(max(αx + β, 0), 1)
    case hardSigmoid(Float, Float)
    /// x · min(max(x/6 + ½, 0), 1)
    case hardSwish
    /// ln(1 + eˣ)
    case softplus
    /// √x
    case squareRoot
    /// eˣ
    case exponential
    /// |x|
    case magnitude
    /// −x
    case negation

    /// The function's value.
    public func callAsFunction(_ x: Float) -> Float {
        switch self {
        case .clip(let low, let high): min(max(x, low), high)
        case .leakyRelu(let alpha): x < 0 ? alpha * x : x
        case .sigmoid: 1 / (1 + expf(-x))
        case .tanh: tanhf(x)
        case .elu(let alpha): x < 0 ? alpha * expm1f(x) : x
        case .hardSigmoid(let alpha, let beta): min(max(alpha * x + beta, 0), 1)
        case .hardSwish: x * min(max(x / 6 + 0.5, 0), 1)
        case .softplus: x > 20 ? x : log1pf(expf(x))
        case .squareRoot: x.squareRoot()
        case .exponential: expf(x)
        case .magnitude: abs(x)
        case .negation: -x
        }
    }

    /// The function that a node of one of these operators applies.
    public init(_ operands: Operands<Fact>) throws(FathomError) {
        let node = operands.node
        switch node.operation {
        case "Clip": self = try Self.clip(operands)
        case "Relu": self = .clip(0, .infinity)
        case "LeakyRelu": self = .leakyRelu(try node.float("alpha", default: 0.01))
        case "Sigmoid": self = .sigmoid
        case "Tanh": self = .tanh
        case "Elu": self = .elu(try node.float("alpha", default: 1))
        case "HardSigmoid":
            self = .hardSigmoid(
                try node.float("alpha", default: 0.2), try node.float("beta", default: 0.5))
        case "HardSwish": self = .hardSwish
        case "Softplus": self = .softplus
        case "Sqrt": self = .squareRoot
        case "Exp": self = .exponential
        case "Abs": self = .magnitude
        case "Neg": self = .negation
        default: throw node.error("it is not a function of one number")
        }
    }

    /// Limits are attributes up to operator set 10, then inputs.
    private static func clip(_ operands: Operands<Fact>) throws(FathomError) -> UnaryFunction {
        func limit(_ index: Int, _ name: String, _ fallback: Float) throws(FathomError) -> Float {
            guard let value = try operands.optionalConstant(index, "limit") else {
                return try operands.node.float(name, default: fallback)
            }
            guard value.shape.count == 1 else {
                throw operands.node.error("its limit is not one number")
            }
            return value.floatValues[0]
        }
        return .clip(try limit(1, "min", -.infinity), try limit(2, "max", .infinity))
    }
}

extension Operator {
    /// Functions of one number.
    static let activations: [Operator] =
        [
            "Relu", "LeakyRelu", "Sigmoid", "Tanh", "Elu", "HardSigmoid", "HardSwish", "Softplus",
            "Sqrt", "Exp", "Abs", "Neg",
        ].map { unary($0, inputs: 1...1) } + [unary("Clip", inputs: 1...3)]

    private static func unary(_ name: String, inputs: ClosedRange<Int>) -> Operator {
        Operator(
            name, inputs: inputs, lowering: .unary,
            infer: { operands throws(FathomError) in
                let input = try operands.required(0)
                return [Fact(input.shape, input.type)]
            },
            evaluate: { operands throws(FathomError) in
                let input = try operands.required(0)
                if let whole = input.whole {
                    return [.integers(try wholeFunction(operands, whole))]
                }
                let function = try UnaryFunction(operands.facts)
                let values = input.floatValues.map { function($0) }
                return [.floats(Tensor(shape: input.shape, values: values))]
            })
    }

    /// `Abs`, `Neg`, `Relu` and `Clip` of whole numbers.
    private static func wholeFunction(
        _ operands: Operands<Value>, _ input: IntegerTensor
    ) throws(FathomError) -> IntegerTensor {
        let values: [Int64]
        switch operands.node.operation {
        case "Abs": values = input.values.map { $0 < 0 && !input.type.isUnsigned ? 0 &- $0 : $0 }
        case "Neg": values = input.values.map { 0 &- $0 }
        case "Relu": values = input.type.isUnsigned ? input.values : input.values.map { max($0, 0) }
        case "Clip":
            func limit(_ index: Int) throws(FathomError) -> Int64? {
                guard let value = operands.optional(index) else { return nil }
                guard let whole = value.whole, whole.values.count == 1 else {
                    throw operands.node.error("its limit is not one whole number")
                }
                return whole.values[0]
            }
            let (low, high) = (try limit(1), try limit(2))
            values = input.values.map { element in
                var value = element
                if let low, value.isLess(than: low, input.type) { value = low }
                if let high, high.isLess(than: value, input.type) { value = high }
                return value
            }
        default: throw operands.node.error("its operand is not floating point")
        }
        return IntegerTensor(shape: input.shape, values: values, type: input.type)
    }
}
