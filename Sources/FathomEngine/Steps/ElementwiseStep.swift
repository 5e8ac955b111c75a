import CKernels
import FathomCore
import FathomGraph

/// A function applied to every number of a buffer; a chunk is a run of numbers.
struct ElementwiseStep: Step, @unchecked Sendable {
    // Sendable: chunks write parts of the arena that do not overlap.

    /// What a chunk does: first number and count.
    typealias Body = @Sendable (_ first: Int, _ count: Int) -> Void

    /// Numbers of a chunk.
    private static let length = 16384
    private let count: Int
    private let body: Body

    init(count: Int, body: @escaping Body) {
        self.count = count
        self.body = body
    }

    var chunks: Int { (count + Self.length - 1) / Self.length }

    func run(_ chunk: Int) {
        let first = chunk * Self.length
        body(first, min(Self.length, count - first))
    }
}

/// Addresses of a step's operands, to be captured by its chunks.
private struct Addresses: @unchecked Sendable {
    let left: UnsafePointer<Float>
    let right: UnsafePointer<Float>
    let output: UnsafeMutablePointer<Float>
}

extension UnaryFunction {
    /// The kernel's name for the function, and its settings.
    var kernel: (fathom_unary, Float, Float) {
        switch self {
        case .clip(let low, let high): (FATHOM_CLIP, low, high)
        case .leakyRelu(let alpha): (FATHOM_LEAKY_RELU, alpha, 0)
        case .sigmoid: (FATHOM_SIGMOID, 0, 0)
        case .tanh: (FATHOM_TANH, 0, 0)
        case .elu(let alpha): (FATHOM_ELU, alpha, 0)
        case .hardSigmoid(let alpha, let beta): (FATHOM_HARD_SIGMOID, alpha, beta)
        case .hardSwish: (FATHOM_HARD_SWISH, 0, 0)
        case .softplus: (FATHOM_SOFTPLUS, 0, 0)
        case .squareRoot: (FATHOM_SQUARE_ROOT, 0, 0)
        case .exponential: (FATHOM_EXPONENTIAL, 0, 0)
        case .magnitude: (FATHOM_MAGNITUDE, 0, 0)
        case .negation: (FATHOM_NEGATION, 0, 0)
        case .silu: (FATHOM_SILU, 0, 0)
        }
    }
}

extension BinaryFunction {
    /// The kernel's name for the function, nil where there is no kernel.
    fileprivate var kernel: fathom_binary? {
        switch self {
        case .add: FATHOM_ADD
        case .subtract: FATHOM_SUBTRACT
        case .multiply: FATHOM_MULTIPLY
        case .divide: FATHOM_DIVIDE
        case .minimum: FATHOM_MINIMUM
        case .maximum: FATHOM_MAXIMUM
        case .power: nil
        }
    }
}

extension Planner {
    /// Plans a function of one number, in whatever layout the operand has.
    mutating func lowerUnary(_ operands: Operands<Fact>) throws(FathomError) -> Bool {
        let node = operands.node
        let (function, a, b) = try UnaryFunction(operands).kernel
        let layout = layout(node.inputs[0])
        let input = try operand(node.inputs[0], layout)
        let output = try result(node.outputs[0], layout)
        let count = buffers[output].count
        let kernels = kernels
        append(
            PlannedStep(
                node: node.name, operation: node.operation, reads: [input], writes: [output],
                worksInPlace: true
            ) { memory in
                let address = memory.readable(input)
                let addresses = Addresses(
                    left: address, right: address, output: memory.writable(output))
                return ElementwiseStep(count: count) { first, count in
                    kernels.table.unary(
                        function, a, b, addresses.left + first, addresses.output + first, count)
                }
            })
        return true
    }

    /// Plans a function of two operands of the same shape, or of one and a single constant number.
    mutating func lowerBinary(_ operands: Operands<Fact>) throws(FathomError) -> Bool {
        let node = operands.node
        guard let function = BinaryFunction(rawValue: node.operation)?.kernel,
            node.inputs.count == 2
        else { return false }
        let shapes = [try shape(node.inputs[0]), try shape(node.inputs[1])]
        let output = try shape(node.outputs[0])
        let singles = node.inputs.map { facts[$0]?.constant?.shape.count == 1 }
        let layout: Layout
        var names = node.inputs
        let isSwapped = singles[0] && !singles[1]
        if isSwapped { names.swapAt(0, 1) }
        let isSingle = singles[0] != singles[1]
        if isSingle {
            guard shapes[isSwapped ? 1 : 0] == output else { return false }
            layout = self.layout(names[0])
        } else {
            guard shapes[0] == shapes[1], !singles[0] else { return false }
            // Blocked where either is: the other is reordered, or constant and then planar.
            let isConstant = names.contains { facts[$0]?.constant != nil }
            let isBlocked = names.contains { self.layout($0) == .blocked }
            layout = isBlocked && !isConstant ? .blocked : .planar
        }
        let left = try operand(names[0], layout)
        let right = try operand(names[1], isSingle ? .planar : layout)
        let target = try result(node.outputs[0], layout)
        let count = buffers[target].count
        let kernels = kernels
        append(
            PlannedStep(
                node: node.name, operation: node.operation, reads: [left, right],
                writes: [target], worksInPlace: true
            ) { memory in
                let addresses = Addresses(
                    left: memory.readable(left), right: memory.readable(right),
                    output: memory.writable(target))
                return ElementwiseStep(count: count) { first, count in
                    kernels.table.binary(
                        function, isSwapped ? 1 : 0, addresses.left + first,
                        addresses.right + (isSingle ? 0 : first), isSingle ? 1 : count,
                        addresses.output + first, count)
                }
            })
        return true
    }
}
