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
    /// Names and shapes of the outputs.
    public let outputShapes: [String: Shape]
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
        guard options.precision == .fp32 else {
            throw FathomError(
                .usage, operation: "run", subject: "model \(graph.name)",
                cause: "the precision \(options.precision.rawValue) is not built yet",
                remedy: "Use fp32")
        }
        let rewritten = try GraphPass.apply(
            to: graph, inputShapes: inputShapes, disabled: options.disabledPasses)
        let plan = try Plan(
            rewritten, inputShapes: inputShapes, instructionSet: options.instructionSet)
        self.init(plan, pool: options.pool)
    }

    /// Allocates the memory of a plan.
    public init(_ plan: Plan, pool: WorkerPool) {
        self.plan = plan
        self.pool = pool
        // Left as it comes: a plan for large pictures must not touch pages before it uses them.
        let count = max(plan.arena.count, 1)
        let base = UnsafeMutableRawPointer.allocate(
            byteCount: count * MemoryLayout<Float>.stride, alignment: Tensor.alignment
        ).bindMemory(to: Float.self, capacity: count)
        for input in plan.inputs.values {
            (base + plan.arena.offsets[input.buffer]).initialize(
                repeating: 0, count: input.shape.count)
        }
        let memory = Memory(base: base, offsets: plan.arena.offsets)
        self.memory = memory
        steps = plan.steps.map { planned in
            let step = planned.bind(memory)
            return BoundStep(step: step, body: { step.run($0) })
        }
        inputShapes = plan.inputs.mapValues(\.shape)
        outputShapes = plan.outputs.mapValues(\.shape)
    }

    deinit { memory.base.deallocate() }

    /// Fills an input in place, row-major (a picture: N×C×H×W). What it holds stays until it is filled anew.
    public func withInput<R>(
        _ name: String, _ body: (UnsafeMutableBufferPointer<Float>) -> R
    ) -> R {
        guard let input = plan.inputs[name] else {
            preconditionFailure("the model has no input '\(name)'")
        }
        return body(
            UnsafeMutableBufferPointer(
                start: memory.writable(input.buffer), count: input.shape.count))
    }

    /// Computes the outputs from what the inputs hold.
    public func execute() throws(FathomError) {
        for step in steps { try run(step) }
    }

    /// Reads an output in place, row-major; valid until the next `execute`.
    public func withOutput<R>(
        _ name: String, _ body: (UnsafeBufferPointer<Float>, Shape) -> R
    ) -> R {
        guard let output = plan.outputs[name] else {
            preconditionFailure("the model has no output '\(name)'")
        }
        return body(
            UnsafeBufferPointer(
                start: memory.readable(output.place), count: output.shape.count), output.shape)
    }

    /// Fills all inputs, computes, and copies all outputs; checks names and shapes.
    public func run(_ inputs: [String: Tensor]) throws(FathomError) -> [String: Tensor] {
        for (name, shape) in inputShapes {
            guard let tensor = inputs[name], tensor.shape == shape else {
                let given = inputs[name].map { "\($0.shape)" } ?? "missing"
                throw FathomError(
                    operation: "run", subject: "model \(plan.name)",
                    cause: "the input '\(name)' is \(given) where the plan has \(shape)")
            }
            withInput(name) { target in
                tensor.withUnsafeBuffer { _ = target.update(from: $0) }
            }
        }
        try execute()
        return outputShapes.keys.reduce(into: [:]) { results, name in
            results[name] = withOutput(name) { Tensor(shape: $1, values: $0) }
        }
    }

    private func run(_ bound: BoundStep) throws(FathomError) {
        pool.run(chunks: bound.step.chunks, kept: bound.body)
        if let failure = bound.step.failure { throw failure }
    }
}
