import CKernels
import FathomCore
import FathomGraph

/// The C kernels at one instruction set.
struct Kernels: @unchecked Sendable {
    // Sendable: pointers to functions and a number, none of which change.
    let table: fathom_network_kernels

    init(_ instructionSet: InstructionSet) {
        table = fathom_network_kernels_at(instructionSet.code).pointee
    }

    /// Channels side by side in a pixel of a blocked picture.
    static let block = Int(FATHOM_BLOCK)

    /// Blocks that hold so many channels.
    static func blocks(_ channels: Int) -> Int { (channels + block - 1) / block }
}

/// How the numbers of a tensor lie in the arena.
enum Layout: Hashable, Sendable {
    /// Row-major, as the graph sees it.
    case planar
    /// N×⌈C/8⌉×H×W×8: eight neighbouring channels side by side in a pixel.
    case blocked
    /// One byte a number: see `QuantizedPicture`.
    case quantized
}

/// Where a step finds an operand.
enum Place: Sendable {
    /// A buffer of the plan, by number.
    case buffer(Int)
    /// What a buffer holds from some number on.
    case part(Int, offset: Int)
    /// Weights and other constants.
    case constant(Tensor)

    /// The buffer it lies in, if it is not constant.
    var buffer: Int? {
        switch self {
        case .buffer(let number), .part(let number, _): number
        case .constant: nil
        }
    }
}

/// The edges of a session that are not floating point, by number. They are few and small: indices, masks, sizes.
final class BoxedValues: @unchecked Sendable {
    // Sendable: written by one step at a time, each of one chunk, and by the session's one caller.
    var values: [Value?]

    init(count: Int) { values = Array(repeating: nil, count: count) }
}

/// Finds the memory of places once the arena exists.
struct Memory {
    let base: UnsafeMutablePointer<Float>
    let offsets: [Int]
    let boxes: BoxedValues

    func writable(_ buffer: Int) -> UnsafeMutablePointer<Float> { base + offsets[buffer] }

    /// Memory of a place; that of a constant lives as long as the plan, which holds the tensor.
    func readable(_ place: Place) -> UnsafePointer<Float> {
        switch place {
        case .buffer(let number): return UnsafePointer(writable(number))
        case .part(let number, let offset): return UnsafePointer(writable(number) + offset)
        case .constant(let tensor):
            return tensor.withUnsafeBuffer { $0.baseAddress } ?? UnsafePointer(base)
        }
    }
}

/// A piece of work with its operands' addresses, cut into chunks that may run in any order on any thread.
protocol Step: Sendable {
    /// How many chunks.
    var chunks: Int { get }
    /// Does one.
    func run(_ chunk: Int)
    /// Why the last run failed, if it did.
    var failure: FathomError? { get }
}

extension Step {
    var failure: FathomError? { nil }
}

/// A step before it has addresses.
struct PlannedStep: Sendable {
    /// The node it belongs to.
    let node: String
    /// The operator, or what the engine does on its own account.
    let operation: String
    /// What it reads.
    let reads: [Place]
    /// The buffers it writes.
    let writes: [Int]
    /// The result may take the place of an operand of the same size that is not needed later.
    let worksInPlace: Bool
    /// Makes the step for an arena.
    let bind: @Sendable (Memory) -> any Step
}
