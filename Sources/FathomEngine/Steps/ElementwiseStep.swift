import CKernels
import FathomCore
import FathomGraph

/// A function applied to every number of a buffer; a chunk is a run of numbers.
struct ElementwiseStep: Step, @unchecked Sendable {
    // Sendable: chunks write parts of the arena that do not overlap.
    private let kernel: UnaryKernel
    private let table: Kernels
    private let input: UnsafePointer<Float>
    private let output: UnsafeMutablePointer<Float>
    private let count: Int
    let chunks: Int

    /// Numbers of a chunk.
    static let length = 16384

    init(
        _ kernel: UnaryKernel, _ table: Kernels, input: UnsafePointer<Float>,
        output: UnsafeMutablePointer<Float>, count: Int
    ) {
        self.kernel = kernel
        self.table = table
        self.input = input
        self.output = output
        self.count = count
        chunks = (count + Self.length - 1) / Self.length
    }

    func run(_ chunk: Int) {
        let first = chunk * Self.length
        table.table.unary(
            kernel.function, kernel.a, kernel.b, input + first, output + first,
            min(Self.length, count - first))
    }
}

extension Planner {
    /// Plans a function of one number, in whatever layout the operand has.
    mutating func lowerUnary(_ operands: Operands<Fact>) throws(FathomError) -> Bool {
        let node = operands.node
        guard let kernel = try UnaryKernel(operands) else { return false }
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
                ElementwiseStep(
                    kernel, kernels, input: memory.readable(input),
                    output: memory.writable(output), count: count)
            })
        return true
    }
}
