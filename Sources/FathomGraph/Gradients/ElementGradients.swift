import FathomCore
import Glibc

extension Gradient {
    /// A function of one number: the factor by which its gradient is multiplied, from the operand x and the result y.
    private typealias Slope =
        @Sendable (inout GraphBuilder, Node, _ x: String, _ y: String)
        throws(FathomError) -> String

    private static func slope(_ slope: @escaping Slope) -> GradientRule {
        { d, node, arrived throws(FathomError) in
            guard let gradient = arrived[0] else { return [nil] }
            let factor = try slope(&d.builder, node, node.inputs[0], node.outputs[0])
            return [d.builder.multiply(gradient, factor)]
        }
    }

    /// 1 where x exceeds the number, ½ where it is the number, else 0.
    private static func above(_ b: inout GraphBuilder, _ x: String, _ number: Float) -> String {
        b.node(Operator.step, [x, b.constant(number)])
    }

    /// Functions of one number.
    static let elements: [String: GradientRule] = [
        "Relu": { d, node, arrived throws(FathomError) in
            [arrived[0].map { clipped(&d, $0, node, 0, .infinity) }]
        },
        "Clip": { d, node, arrived throws(FathomError) in
            guard case .clip(let low, let high) = try UnaryFunction(d.operands(node)) else {
                throw node.error("its limits are unknown")
            }
            return [arrived[0].map { clipped(&d, $0, node, low, high) }]
        },
        "Neg": { d, _, arrived throws(FathomError) in
            [arrived[0].map { d.builder.node("Neg", [$0]) }]
        },
        "Identity": { _, _, arrived throws(FathomError) in [arrived[0]] },
        "Dropout": { _, _, arrived throws(FathomError) in [arrived[0]] },
        "Cast": { _, _, arrived throws(FathomError) in [arrived[0]] },
        "Abs": slope { b, _, x, _ throws(FathomError) in b.node("Sign", [x]) },
        "Sqrt": slope { b, _, _, y throws(FathomError) in
            b.divide(b.constant(0.5), y)
        },
        "Exp": slope { _, _, _, y throws(FathomError) in y },
        "Log": slope { b, _, x, _ throws(FathomError) in b.node("Reciprocal", [x]) },
        "Reciprocal": slope { b, _, _, y throws(FathomError) in
            b.node("Neg", [b.multiply(y, y)])
        },
        "Sigmoid": slope { b, _, _, y throws(FathomError) in
            b.multiply(y, b.subtract(b.constant(1), y))
        },
        "Tanh": slope { b, _, _, y throws(FathomError) in
            b.subtract(b.constant(1), b.multiply(y, y))
        },
        "Softplus": slope { b, _, x, _ throws(FathomError) in b.node("Sigmoid", [x]) },
        "Sin": slope { b, _, x, _ throws(FathomError) in b.node("Cos", [x]) },
        "Cos": slope { b, _, x, _ throws(FathomError) in
            b.node("Neg", [b.node("Sin", [x])])
        },
        "Erf": slope { b, _, x, _ throws(FathomError) in
            let bell = b.node("Exp", [b.node("Neg", [b.multiply(x, x)])])
            return b.multiply(bell, Float(2 / Double.pi.squareRoot()))
        },
        "LeakyRelu": slope { b, node, x, _ throws(FathomError) in
            let alpha = try node.float("alpha", default: 0.01)
            return b.add(b.multiply(above(&b, x, 0), 1 - alpha), alpha)
        },
        // Above 0 it is 1; below, y + α.
        "Elu": slope { b, node, x, y throws(FathomError) in
            let alpha = try node.float("alpha", default: 1)
            let below = b.add(b.node("Min", [y, b.constant(0)]), alpha)
            return b.add(below, b.multiply(above(&b, x, 0), 1 - alpha))
        },
        "HardSigmoid": { d, node, arrived throws(FathomError) in
            guard let gradient = arrived[0] else { return [nil] }
            let alpha = try node.float("alpha", default: 0.2)
            return [clipped(&d, d.builder.multiply(gradient, alpha), node, 0, 1)]
        },
        // Between −3 and 3 it is (2x + 3) / 6, beyond them 0 and 1.
        "HardSwish": slope { b, _, x, _ throws(FathomError) in
            let high = above(&b, x, 3)
            let middle = b.subtract(above(&b, x, -3), high)
            return b.add(high, b.multiply(middle, b.add(b.multiply(x, 1 / 3), 0.5)))
        },
    ]

    /// The gradient where the result lies strictly within the limits, else 0. It reads the result, not the operand, so
    /// that a convolution may have the limits made part of it.
    private static func clipped(
        _ d: inout Differentiation, _ gradient: String, _ node: Node, _ low: Float, _ high: Float
    ) -> String {
        d.builder.node(
            Operator.clipGradient, [gradient, node.outputs[0]],
            ["minimum": .float(low), "maximum": .float(high)])
    }

    /// A function of two numbers: the gradients of both operands, before the sum over what was broadcast.
    private typealias Slopes =
        @Sendable (
            inout GraphBuilder, Node, _ gradient: String, _ operand: Int
        ) throws(FathomError) -> String

    private static func slopes(_ slopes: @escaping Slopes) -> GradientRule {
        { d, node, arrived throws(FathomError) in
            guard let gradient = arrived[0] else { return node.inputs.map { _ in nil } }
            let result = try d.shape(node.outputs[0], node)
            var gradients: [String?] = []
            for (index, input) in node.inputs.enumerated() {
                guard d.wants(input) else {
                    gradients.append(nil)
                    continue
                }
                let whole = try slopes(&d.builder, node, gradient, index)
                gradients.append(d.summed(whole, from: result, to: try d.shape(input, node)))
            }
            return gradients
        }
    }

    /// Functions of two numbers, and the choice between them.
    static let pairs: [String: GradientRule] = [
        "Add": slopes { _, _, gradient, _ throws(FathomError) in gradient },
        "Sum": slopes { _, _, gradient, _ throws(FathomError) in gradient },
        "Sub": slopes { b, _, gradient, operand throws(FathomError) in
            operand == 0 ? gradient : b.node("Neg", [gradient])
        },
        "Mul": slopes { b, node, gradient, operand throws(FathomError) in
            b.multiply(gradient, node.inputs[1 - operand])
        },
        "Div": slopes { b, node, gradient, operand throws(FathomError) in
            let quotient = b.divide(gradient, node.inputs[1])
            if operand == 0 { return quotient }
            return b.node("Neg", [b.multiply(quotient, node.outputs[0])])
        },
        "Pow": slopes { b, node, gradient, operand throws(FathomError) in
            guard operand == 0 else { throw node.error("its exponent has no gradient") }
            let power = node.inputs[1]
            let less = b.node("Pow", [node.inputs[0], b.subtract(power, b.constant(1))])
            return b.multiply(gradient, b.multiply(power, less))
        },
        "Max": slopes { b, node, gradient, operand throws(FathomError) in
            try chosen(&b, node, gradient, operand, greatest: true)
        },
        "Min": slopes { b, node, gradient, operand throws(FathomError) in
            try chosen(&b, node, gradient, operand, greatest: false)
        },
        "Where": { d, node, arrived throws(FathomError) in
            guard let gradient = arrived[0] else { return [nil, nil, nil] }
            let result = try d.shape(node.outputs[0], node)
            let zero = d.builder.constant(0)
            func part(_ index: Int, _ operands: [String]) throws(FathomError) -> String? {
                guard d.wants(node.inputs[index]) else { return nil }
                let part = d.builder.node("Where", [node.inputs[0]] + operands)
                return d.summed(part, from: result, to: try d.shape(node.inputs[index], node))
            }
            return [nil, try part(1, [gradient, zero]), try part(2, [zero, gradient])]
        },
    ]

    /// What flows to the operand that was taken; equal parts to those that are equal, as in PyTorch.
    private static func chosen(
        _ b: inout GraphBuilder, _ node: Node, _ gradient: String, _ operand: Int, greatest: Bool
    ) throws(FathomError) -> String {
        func step(_ own: String, _ other: String) -> String {
            b.node(Operator.step, greatest ? [own, other] : [other, own])
        }
        switch node.inputs.count {
        case 1: return gradient
        case 2:
            return b.multiply(gradient, step(node.inputs[operand], node.inputs[1 - operand]))
        default:
            // Nothing exceeds the result, so each is ½ where its operand was taken, else 0.
            let taken = node.inputs.map { step($0, node.outputs[0]) }
            let all = b.node("Sum", taken)
            return b.multiply(gradient, b.divide(taken[operand], all))
        }
    }
}
