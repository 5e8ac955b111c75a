import FathomCore
import Glibc

/// A function of one number, computed in double precision.
private typealias ElementFunction = @Sendable (Double) -> Double

extension Operator {
    /// Functions of one number that have no settings.
    static let elementFunctions: [Operator] =
        [
            // Trigonometry, in radians.
            element("Sin") { sin($0) }, element("Cos") { cos($0) }, element("Tan") { tan($0) },
            element("Asin") { asin($0) }, element("Acos") { acos($0) },
            element("Atan") { atan($0) }, element("Sinh") { sinh($0) },
            element("Cosh") { cosh($0) }, element("Asinh") { asinh($0) },
            element("Acosh") { acosh($0) }, element("Atanh") { atanh($0) },
            element("Log") { log($0) }, element("Erf") { erf($0) },
            element("Reciprocal") { 1 / $0 },
            element("Ceil") { $0.rounded(.up) }, element("Floor") { $0.rounded(.down) },
            element("Round") { $0.rounded(.toNearestOrEven) },
            element("Sign") { $0 > 0 ? 1 : $0 < 0 ? -1 : $0 },
            element("Softsign") { $0 / (1 + abs($0)) },
            // x · tanh(softplus x)
            element("Mish") { $0 * tanh($0 > 30 ? $0 : log1p(exp($0))) },
        ] + [
            test("IsNaN") { (_) throws(FathomError) in { $0.isNaN } },
            test("IsInf") { (node) throws(FathomError) in
                let above = try node.flag("detect_positive", default: true)
                let below = try node.flag("detect_negative", default: true)
                return { $0 == .infinity && above || $0 == -.infinity && below }
            },
        ]

    /// Functions of one number with settings.
    static let parametricFunctions: [Operator] = [
        element("Celu") { (node) throws(FathomError) in
            let alpha = Double(try node.float("alpha", default: 1))
            return { max(0, $0) + min(0, alpha * expm1($0 / alpha)) }
        },
        element("Selu") { (node) throws(FathomError) in
            let alpha = Double(try node.float("alpha", default: 1.673_263_2))
            let gamma = Double(try node.float("gamma", default: 1.050_701))
            return { $0 > 0 ? gamma * $0 : gamma * alpha * expm1($0) }
        },
        element("ThresholdedRelu") { (node) throws(FathomError) in
            let alpha = Double(try node.float("alpha", default: 1))
            return { $0 > alpha ? $0 : 0 }
        },
        element("Shrink") { (node) throws(FathomError) in
            let limit = Double(try node.float("lambd", default: 0.5))
            let bias = Double(try node.float("bias", default: 0))
            return { $0 < -limit ? $0 + bias : $0 > limit ? $0 - bias : 0 }
        },
        element("Swish") { (node) throws(FathomError) in
            let alpha = Double(try node.float("alpha", default: 1))
            return { $0 / (1 + exp(-alpha * $0)) }
        },
        element("Gelu") { (node) throws(FathomError) in
            let form = try node.string(
                "approximate", default: "none", allowed: ["none", "tanh"])
            guard form == "tanh" else { return { 0.5 * $0 * (1 + erf($0 / 2.0.squareRoot())) } }
            let factor = (2 / Double.pi).squareRoot()
            return { 0.5 * $0 * (1 + tanh(factor * ($0 + 0.044715 * $0 * $0 * $0))) }
        },
    ]

    private static func element(
        _ name: String, _ function: @escaping ElementFunction
    ) -> Operator {
        element(name) { (_) throws(FathomError) in function }
    }

    private static func element(
        _ name: String,
        _ make: @escaping @Sendable (Node) throws(FathomError) -> ElementFunction
    ) -> Operator {
        Operator(
            name, inputs: 1...1, lowering: .reference,
            infer: { operands throws(FathomError) in
                let input = try operands.required(0)
                return [Fact(input.shape, input.type)]
            },
            evaluate: { operands throws(FathomError) in
                let function = try make(operands.node)
                let input = try operands.required(0)
                let values = input.floatValues.map { Float(function(Double($0))) }
                let result = Value.floats(Tensor(shape: input.shape, values: values))
                return [input.type.isFloatingPoint ? result : result.cast(to: input.type)]
            })
    }

    private static func test(
        _ name: String,
        _ make: @escaping @Sendable (Node) throws(FathomError) -> @Sendable (Float) -> Bool
    ) -> Operator {
        Operator(
            name, inputs: 1...1, lowering: .reference,
            infer: { operands throws(FathomError) in
                [Fact(try operands.floating(0), .bool)]
            },
            evaluate: { operands throws(FathomError) in
                let test = try make(operands.node)
                let input = try operands.tensor(0)
                return [.truths(input.values.map(test), shape: input.shape)]
            })
    }
}
