import FathomCore
import FathomGraph

/// An operator without a kernel: its reference evaluation, on copies. Slow, and it allocates.
final class ReferenceStep: Step, @unchecked Sendable {
    // Sendable: there is one chunk, so one thread at a time runs it.

    /// Where an operand is, and how it looks.
    enum Source {
        case absent
        case constant(Value)
        case floats(UnsafePointer<Float>, Shape)
        case box(Int)
    }

    /// Where a result goes.
    enum Target {
        case nowhere
        case floats(UnsafeMutablePointer<Float>, Shape)
        case box(Int, Shape)
    }

    private let operands: Operands<Fact>
    private let entry: Operator
    private let sources: [Source]
    private let targets: [Target]
    private let boxes: BoxedValues
    private(set) var failure: FathomError?
    let chunks = 1

    init(
        _ operands: Operands<Fact>, _ entry: Operator, sources: [Source], targets: [Target],
        boxes: BoxedValues
    ) {
        self.operands = operands
        self.entry = entry
        self.sources = sources
        self.targets = targets
        self.boxes = boxes
    }

    func run(_ chunk: Int) {
        let values = sources.map { source -> Value? in
            switch source {
            case .absent: nil
            case .constant(let value): value
            case .floats(let start, let shape):
                .floats(
                    Tensor(
                        shape: shape,
                        values: UnsafeBufferPointer(start: start, count: shape.count)))
            case .box(let number): boxes.values[number]
            }
        }
        do throws(FathomError) {
            let results = try entry.evaluate(
                Operands(operands.node, values, operatorSet: operands.operatorSet))
            for (result, target) in zip(results, targets) { try store(result, target) }
            failure = nil
        } catch {
            failure = error
        }
    }

    private func store(_ result: Value, _ target: Target) throws(FathomError) {
        switch (target, result) {
        case (.nowhere, _): break
        // Typed ones are rounded more than a session rounds.
        case (.floats(let start, let shape), .floats(let tensor)) where tensor.shape == shape,
            (.floats(let start, let shape), .typed(let tensor, _)) where tensor.shape == shape:
            tensor.withUnsafeBuffer { source in
                guard let first = source.baseAddress else { return }
                start.update(from: first, count: source.count)
            }
        case (.box(let number, let shape), _) where result.shape == shape:
            boxes.values[number] = result
        default:
            throw FathomError(
                operation: "run", subject: "node '\(operands.node.name)'",
                cause: "its result is \(result.type.rawValue) \(result.shape), not as planned")
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
        var sources: [PlannedEdge.Store?] = []
        for (name, fact) in zip(node.inputs, operands.inputs) {
            guard !name.isEmpty, let fact else {
                sources.append(nil)
                continue
            }
            if let constant = fact.constant {
                sources.append(.constant(constant))
            } else {
                sources.append(
                    fact.type == .float ? .floats(try operand(name, .planar)) : .box(box(name)))
            }
        }
        var targets: [(store: PlannedEdge.Store, shape: Shape)?] = []
        for name in node.outputs {
            guard !name.isEmpty else {
                targets.append(nil)
                continue
            }
            let isFloat = facts[name]?.type == .float
            targets.append(
                (
                    isFloat ? .floats(.buffer(try result(name, .planar))) : .box(box(name)),
                    try shape(name)
                ))
        }
        append(
            PlannedStep(
                node: node.name, operation: node.operation,
                reads: sources.compactMap {
                    if case .floats(let place)? = $0 { place } else { nil }
                },
                writes: targets.compactMap {
                    if case .floats(.buffer(let number))? = $0?.store { number } else { nil }
                }, worksInPlace: false
            ) { [sources, targets] memory in
                ReferenceStep(
                    operands, entry,
                    sources: zip(sources, operands.inputs).map { source, fact in
                        switch source {
                        case .floats(let place)?:
                            .floats(memory.readable(place), fact?.shape ?? [])
                        case .box(let number)?: .box(number)
                        case .constant(let value)?: .constant(value)
                        case nil: .absent
                        }
                    },
                    targets: targets.map { target in
                        switch target?.store {
                        case .floats(.buffer(let number))?:
                            .floats(memory.writable(number), target?.shape ?? [])
                        case .box(let number)?: .box(number, target?.shape ?? [])
                        default: .nowhere
                        }
                    }, boxes: memory.boxes)
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
