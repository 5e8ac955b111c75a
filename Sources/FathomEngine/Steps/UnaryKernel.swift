import CKernels
import FathomCore
import FathomGraph

/// A function of one number as the kernels know it.
struct UnaryKernel: Sendable {
    let function: fathom_unary
    let a: Float
    let b: Float

    /// The kernel for a node's function, nil where there is none.
    init?(_ operands: Operands<Fact>) throws(FathomError) {
        let node = operands.node
        (a, b) =
            switch node.operation {
            case "Swish": (node.number("alpha", 1), 0)
            case "Selu": (node.number("alpha", 1.673_263_2), node.number("gamma", 1.050_701))
            case "Celu": (node.number("alpha", 1), 0)
            case "ThresholdedRelu": (node.number("alpha", 1), 0)
            case "Shrink": (node.number("lambd", 0.5), node.number("bias", 0))
            default: try Self.limits(operands)
            }
        if node.operation == "Gelu", case .string("tanh")? = node.attributes["approximate"] {
            function = FATHOM_GELU_TANH
        } else if let known = Self.functions[node.operation] {
            function = known
        } else {
            return nil
        }
    }

    private static let functions: [String: fathom_unary] = [
        "Clip": FATHOM_CLIP,
        "Relu": FATHOM_CLIP,
        "LeakyRelu": FATHOM_LEAKY_RELU,
        "Sigmoid": FATHOM_SIGMOID,
        "Tanh": FATHOM_TANH,
        "Elu": FATHOM_ELU,
        "HardSigmoid": FATHOM_HARD_SIGMOID,
        "HardSwish": FATHOM_HARD_SWISH,
        "Softplus": FATHOM_SOFTPLUS,
        "Sqrt": FATHOM_SQUARE_ROOT,
        "Exp": FATHOM_EXPONENTIAL,
        "Abs": FATHOM_MAGNITUDE,
        "Neg": FATHOM_NEGATION,
        "Erf": FATHOM_ERF,
        "Gelu": FATHOM_GELU,
        "Swish": FATHOM_SWISH,
        "Mish": FATHOM_MISH,
        "Log": FATHOM_LOGARITHM,
        "Reciprocal": FATHOM_RECIPROCAL,
        "Floor": FATHOM_FLOOR,
        "Ceil": FATHOM_CEILING,
        "Round": FATHOM_ROUND,
        "Sign": FATHOM_SIGN,
        "Softsign": FATHOM_SOFTSIGN,
        "Selu": FATHOM_SELU,
        "Celu": FATHOM_CELU,
        "ThresholdedRelu": FATHOM_THRESHOLDED_RELU,
        "Shrink": FATHOM_SHRINK,
        "Sin": FATHOM_SINE,
        "Cos": FATHOM_COSINE,
    ]

    /// The settings of functions that the graph knows by its own type.
    private static func limits(
        _ operands: Operands<Fact>
    ) throws(FathomError) -> (Float, Float) {
        guard Operator.table[operands.node.operation]?.lowering == .unary else { return (0, 0) }
        switch try UnaryFunction(operands) {
        case .clip(let low, let high): return (low, high)
        case .leakyRelu(let alpha), .elu(let alpha): return (alpha, 0)
        case .hardSigmoid(let alpha, let beta): return (alpha, beta)
        default: return (0, 0)
        }
    }
}
