import CKernels
import FathomCore
import FathomGraph

/// The C kernels that train, at one instruction set.
struct GradientKernels: @unchecked Sendable {
    // Sendable: pointers to functions, none of which change.
    let table: fathom_gradient_kernels

    init(_ instructionSet: InstructionSet) {
        table = fathom_gradient_kernels_at(instructionSet.code).pointee
    }

    /// Blocks of output channels that one part of a weight gradient has.
    static let group = Int(FATHOM_GRADIENT_GROUP)
}

/// Work that is nothing but a call of a kernel for each chunk.
struct KernelStep: Step {
    let chunks: Int
    let body: @Sendable (Int) -> Void

    init(chunks: Int, _ body: @escaping @Sendable (Int) -> Void) {
        self.chunks = chunks
        self.body = body
    }

    func run(_ chunk: Int) { body(chunk) }
}

/// A pointer into the arena that the chunks of a step write different parts of.
struct Shared<Pointee>: @unchecked Sendable {
    // Sendable: see above; the plan orders what writes and what reads.
    let value: Pointee

    init(_ value: Pointee) { self.value = value }
}
