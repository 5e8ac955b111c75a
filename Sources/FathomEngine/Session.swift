import FathomCore
import FathomGraph

/// A network ready to run on inputs of fixed shapes: its steps and the one piece of memory they work in.
///
/// Nothing is allocated while it runs, except by operators that have no kernel. One thread at a time may use it;
/// the results do not depend on how many threads its pool has.
public final class Session: @unchecked Sendable {
    // Sendable: its memory is used by one caller at a time, as the documentation demands.

    /// Names and shapes of the inputs.
    public let inputShapes: [String: Shape]
    /// Names of the inputs, and the kind of each one's elements.
    public let inputTypes: [String: ElementType]
    /// Names and shapes of the outputs.
    public let outputShapes: [String: Shape]
    /// Names of the outputs, and the kind of each one's elements.
    public let outputTypes: [String: ElementType]
    let plan: Plan
    let pool: WorkerPool
    private let memory: Memory
    let steps: [BoundStep]

    /// A step with what its chunks call, made once so that a run allocates nothing.
    struct BoundStep {
        let step: any Step
        let body: @Sendable (Int) -> Void
    }

    /// Runs the passes over a graph, plans it for the given shapes and allocates its memory.
    ///
    /// Inputs whose shape the file states wholly may be left out of `inputShapes`.
    public convenience init(
        _ graph: Graph, inputShapes: [String: Shape], options: SessionOptions = SessionOptions()
    ) throws(FathomError) {
        guard options.precision != .int8 || graph.isQuantized else {
            throw FathomError(
                .usage, operation: "run", subject: "model \(graph.name)",
                cause: "it is not quantized, so it cannot be computed in int8",
                remedy: "Make a quantized file of it with 'fathom model quantize'")
        }
        let rewritten = try GraphPass.apply(
            to: graph, inputShapes: inputShapes,
            disabled: options.disabledPasses, besides: Plan.choices)
        let plan = try Plan(
            rewritten, inputShapes: inputShapes, instructionSet: options.instructionSet,
            disabled: options.disabledPasses, precision: options.precision)
        self.init(
            plan, pool: options.pool,
            outputTypes: Dictionary(
                graph.outputs.map { ($0.name, $0.type) }, uniquingKeysWith: { $1 }))
    }

    /// Allocates the memory of a plan. Floating-point outputs are of the plan's types unless others are given.
    public init(
        _ plan: Plan, pool: WorkerPool, outputTypes: [String: ElementType] = [:]
    ) {
        self.plan = plan
        self.outputTypes = plan.outputs.reduce(into: [:]) { types, output in
            let stated = outputTypes[output.key] ?? output.value.type
            types[output.key] = stated.isFloatingPoint ? stated : output.value.type
        }
        self.pool = pool
        // Left as it comes: a plan for large pictures must not touch pages before it uses them.
        let count = max(plan.arena.count, 1)
        let base = UnsafeMutableRawPointer.allocate(
            byteCount: count * MemoryLayout<Float>.stride, alignment: Tensor.alignment
        ).bindMemory(to: Float.self, capacity: count)
        let memory = Memory(
            base: base, offsets: plan.arena.offsets, boxes: BoxedValues(count: plan.boxes))
        for input in plan.inputs.values {
            switch input.store {
            case .floats(.buffer(let number)):
                memory.writable(number).initialize(repeating: 0, count: input.shape.count)
            case .box(let number):
                memory.boxes.values[number] = .integers(
                    IntegerTensor(
                        shape: input.shape, values: Array(repeating: 0, count: input.shape.count),
                        type: input.type))
            case .floats, .constant: break
            }
        }
        self.memory = memory
        steps = plan.steps.map { planned in
            let step = planned.bind(memory)
            return BoundStep(step: step, body: { step.run($0) })
        }
        inputShapes = plan.inputs.mapValues(\.shape)
        inputTypes = plan.inputs.mapValues(\.type)
        outputShapes = plan.outputs.mapValues(\.shape)
    }

    deinit { memory.base.deallocate() }

    /// Fills a floating-point input in place, row-major (a picture: N×C×H×W). What it holds stays until it is
    /// filled anew.
    public func withInput<R>(
        _ name: String, _ body: (UnsafeMutableBufferPointer<Float>) -> R
    ) -> R {
        guard let input = plan.inputs[name], case .floats(.buffer(let number)) = input.store else {
            preconditionFailure("the model has no floating-point input '\(name)'")
        }
        return body(
            UnsafeMutableBufferPointer(start: memory.writable(number), count: input.shape.count))
    }

    /// Computes the outputs from what the inputs hold.
    public func execute() throws(FathomError) {
        for step in steps { try run(step) }
    }

    /// Reads a floating-point output in place, row-major; valid until the next `execute`.
    public func withOutput<R>(
        _ name: String, _ body: (UnsafeBufferPointer<Float>, Shape) -> R
    ) -> R {
        guard let output = plan.outputs[name], case .floats(let place) = output.store else {
            preconditionFailure("the model has no floating-point output '\(name)'")
        }
        return body(
            UnsafeBufferPointer(start: memory.readable(place), count: output.shape.count),
            output.shape)
    }

    /// Fills all inputs, computes, and copies all outputs; checks names, shapes and types.
    public func run(_ inputs: [String: Value]) throws(FathomError) -> [String: Value] {
        for (name, edge) in plan.inputs {
            guard let value = inputs[name], value.shape == edge.shape,
                value.type == edge.type
                    || (value.type.isFloatingPoint && edge.type.isFloatingPoint)
            else {
                let given = inputs[name].map { "\($0.type.rawValue) \($0.shape)" } ?? "missing"
                throw FathomError(
                    operation: "run", subject: "model \(plan.name)",
                    cause:
                        "the input '\(name)' is \(given) where the plan has \(edge.type.rawValue) \(edge.shape)"
                )
            }
            if case .box(let number) = edge.store {
                memory.boxes.values[number] = value
            } else if let tensor = value.cast(to: edge.type).tensor {
                withInput(name) { target in
                    tensor.withUnsafeBuffer { _ = target.update(from: $0) }
                }
            }
        }
        try execute()
        return plan.outputs.reduce(into: [:]) { results, output in
            switch output.value.store {
            case .floats:
                let values = withOutput(output.key) { Value.floats(Tensor(shape: $1, values: $0)) }
                results[output.key] = values.cast(to: outputTypes[output.key] ?? .float)
            case .box(let number): results[output.key] = memory.boxes.values[number]
            case .constant(let value): results[output.key] = value
            }
        }
    }

    /// As `run` for a network all of whose inputs are floating point; leaves out outputs that are not.
    public func run(_ inputs: [String: Tensor]) throws(FathomError) -> [String: Tensor] {
        try run(inputs.mapValues(Value.floats)).compactMapValues(\.tensor)
    }

    private func run(_ bound: BoundStep) throws(FathomError) {
        pool.run(chunks: bound.step.chunks, kept: bound.body)
        if let failure = bound.step.failure { throw failure }
    }
}
