import ArgumentParser
import Fathom

/// In which numbers a network is computed, and by how many threads.
struct ComputeOptions: ParsableArguments {
    @Option(help: ArgumentHelp("fp32, bf16 or int8.", valueName: "precision"))
    var precision: String?
    @Option(help: ArgumentHelp("Threads (all cores).", valueName: "number"))
    var threads: Int?

    func validate() throws {
        guard threads.map({ (1...256).contains($0) }) ?? true else {
            throw ValidationError("--threads takes 1 to 256")
        }
        _ = try precisionValue()
    }

    /// The precision, if one was given.
    func precisionValue() throws -> Precision? {
        try precision.map {
            guard let value = Precision(rawValue: $0) else {
                throw ValidationError("--precision is fp32, bf16 or int8")
            }
            return value
        }
    }
}

/// How the engine runs a network, for commands that run one by itself.
struct EngineOptions: ParsableArguments {
    @OptionGroup var compute: ComputeOptions
    @Option(help: ArgumentHelp("scalar, avx2 or avx512: the highest to use.", valueName: "set"))
    var isa: String?
    @Option(
        name: .customLong("disable-pass"),
        help: ArgumentHelp("A pass to leave out; once for each.", valueName: "name"))
    var disablePass: [String] = []

    func validate() throws { _ = try instructionSet() }

    /// The instruction set, if one was given.
    func instructionSet() throws -> InstructionSet? {
        try isa.map {
            guard let value = InstructionSet(rawValue: $0) else {
                throw ValidationError("--isa is scalar, avx2 or avx512")
            }
            return value
        }
    }
}
