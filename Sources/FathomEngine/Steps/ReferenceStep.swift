import FathomCore
import FathomGraph

/// An operator without a kernel: its reference evaluation, on copies. Slow, and it allocates.
final class ReferenceStep: Step, @unchecked Sendable {
    // Sendable: there is one chunk, so one thread at a time runs it.
    private let operands: Operands<Fact>
    private let entry: Operator
    private let sources: [UnsafePointer<Float>?]
    private let targets: [UnsafeMutablePointer<Float>?]
    private(set) var failure: FathomError?
    let chunks = 1

    init(
        _ operands: Operands<Fact>, _ entry: Operator, sources: [UnsafePointer<Float>?],
        targets: [UnsafeMutablePointer<Float>?]
    ) {
        self.operands = operands
        self.entry = entry
        self.sources = sources
        self.targets = targets
    }

    func run(_ chunk: Int) {
        let values = zip(operands.inputs, sources).map { fact, source -> Value? in
            guard let fact else { return nil }
            if let constant = fact.constant { return constant }
            let buffer = UnsafeBufferPointer(start: source, count: fact.shape.count)
            return .floats(Tensor(shape: fact.shape, values: buffer))
        }
        do {
            let results = try entry.evaluate(
                Operands(operands.node, values, operatorSet: operands.operatorSet))
            for (result, target) in zip(results, targets) {
                guard let target, let tensor = result.tensor else { continue }
                tensor.withUnsafeBuffer { source in
                    guard let start = source.baseAddress else { return }
                    target.update(from: start, count: source.count)
                }
            }
            failure = nil
        } catch {
            failure = error
        }
    }
}

extension Planner {
    /// The most elements of an operand or result of an operator without a kernel.
    private static let largestReferenceCount = 1 << 26

    /// Plans an operator's reference evaluation.
    mutating func lowerReference(
        _ operands: Operands<Fact>, _ entry: Operator
    ) throws(FathomError) {
        let node = operands.node
        for name in node.inputs + node.outputs where !name.isEmpty {
            guard try shape(name).count <= Self.largestReferenceCount else {
                throw error(
                    "node '\(node.name)' (\(node.operation)) has no kernel and works on \(try shape(name)), which is too large"
                )
            }
        }
        var sources: [Place?] = []
        for (name, fact) in zip(node.inputs, operands.inputs) {
            sources.append(
                try name.isEmpty || fact?.constant != nil ? nil : operand(name, .planar))
        }
        var targets: [Int?] = []
        for name in node.outputs {
            guard name.isEmpty || facts[name]?.type == .float else {
                throw error(
                    "node '\(node.name)' (\(node.operation)) computes whole numbers from the data, which is not supported"
                )
            }
            targets.append(try name.isEmpty ? nil : result(name, .planar))
        }
        append(
            PlannedStep(
                node: node.name, operation: node.operation, reads: sources.compactMap { $0 },
                writes: targets.compactMap { $0 }, worksInPlace: false
            ) { [sources, targets] memory in
                ReferenceStep(
                    operands, entry, sources: sources.map { $0.map(memory.readable) },
                    targets: targets.map { $0.map(memory.writable) })
            })
    }

    /// Plans a view: another name for the same numbers, row-major.
    mutating func lowerView(_ operands: Operands<Fact>) throws(FathomError) -> Bool {
        guard operands.node.outputs.count == 1 else { return false }
        let place = try operand(operands.node.inputs[0], .planar)
        alias(operands.node.outputs[0], .planar, place)
        return true
    }
}
