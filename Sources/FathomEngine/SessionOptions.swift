import CKernels
import FathomCore
import FathomGraph

/// The numbers a network computes with.
public enum Precision: String, Hashable, Sendable, CaseIterable {
    /// 32-bit floating point.
    case fp32
    /// 16-bit brain floating point.
    case bf16
    /// 8-bit whole numbers.
    case int8
}

/// Instruction sets in rising order.
public enum InstructionSet: String, Hashable, Sendable, CaseIterable {
    /// Whatever any processor of the kind has.
    case scalar
    /// 256-bit vectors with fused multiply-add.
    case avx2
    /// 512-bit vectors.
    case avx512

    var code: fathom_isa {
        switch self {
        case .scalar: FATHOM_ISA_SCALAR
        case .avx2: FATHOM_ISA_AVX2
        case .avx512: FATHOM_ISA_AVX512
        }
    }

    private init(_ code: fathom_isa) {
        switch code {
        case FATHOM_ISA_AVX512: self = .avx512
        case FATHOM_ISA_AVX2: self = .avx2
        default: self = .scalar
        }
    }

    /// What kernels use unless told otherwise: the machine's highest, capped by `FATHOM_ISA` in the environment.
    public static var current: InstructionSet { InstructionSet(fathom_isa_current()) }

    /// Every set that this machine has, whatever the cap.
    public static var available: [InstructionSet] {
        allCases.filter { $0.code.rawValue <= fathom_isa_available().rawValue }
    }
}

/// How a session is made.
public struct SessionOptions: Sendable {
    /// Whose threads do the work.
    public var pool: WorkerPool
    /// The highest instruction set to use.
    public var instructionSet: InstructionSet
    /// Names of passes (`GraphPass.name`) and of the engine's choices (`Plan.choices`) to leave out.
    public var disabledPasses: Set<String>
    /// The numbers to compute with. A quantized file is computed in int8 where it says so, whatever the precision; one
    /// that is not quantized cannot be computed in int8.
    public var precision: Precision

    /// Makes options.
    public init(
        pool: WorkerPool = .machine, instructionSet: InstructionSet = .current,
        disabledPasses: Set<String> = [], precision: Precision = .fp32
    ) {
        self.pool = pool
        self.instructionSet = instructionSet
        self.disabledPasses = disabledPasses
        self.precision = precision
    }
}
