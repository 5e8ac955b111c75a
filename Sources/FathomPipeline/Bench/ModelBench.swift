import FathomCore
import FathomDepth
import FathomEngine
import FathomGraph

/// One network by itself, on a fixed input: what `fathom bench model` measures.
public struct ModelBench: Sendable {
    /// A name or an ONNX file; nil for the default network.
    public var model: String?
    /// The input's size, such as "384x224", where the file leaves it free; nil for the card's.
    public var size: String?
    /// Threads; nil for all cores.
    public var threads: Int?
    /// The arithmetic.
    public var precision = Precision.fp32
    /// The highest instruction set to use.
    public var instructionSet = InstructionSet.current
    /// Passes to leave out.
    public var disabledPasses: Set<String> = []
    /// Where the trace of one run goes (`ChromeTrace`); nil for none.
    public var traceFile: String?

    /// A bench of a network, by name or file.
    public init(model: String? = nil) { self.model = model }

    /// A network that is ready to run, its inputs filled.
    struct Loaded {
        let name: String
        let session: Session
        let pool: WorkerPool
        /// Inputs and outputs in the graph's order.
        let inputs: [String]
        let outputs: [String]
        /// From opening the file to being able to run.
        let seconds: Double
        /// Multiplications with an addition, node by node in order of execution.
        let costs: [GraphSummary.NodeCost]
        /// The arithmetic: what was asked for, or what a quantized file says itself.
        let precision: Precision
    }

    /// How the session is made.
    func options(_ pool: WorkerPool) -> SessionOptions {
        SessionOptions(
            pool: pool, instructionSet: instructionSet, disabledPasses: disabledPasses,
            precision: precision)
    }

    /// Reads the file, plans, and fills the inputs; what is only needed for that is let go of.
    ///
    /// - Parameter withCosts: whether to count the arithmetic, which is not part of the time it takes to load.
    func load(withCosts: Bool) throws(FathomError) -> Loaded {
        let pool = threads.map { WorkerPool(threads: max(1, min($0, 256))) } ?? .machine
        let start = SystemClock.monotonicNanoseconds
        let network = try Network(model)
        let card = try ModelCard(
            metadata: network.graph.metadata, subject: "model \(network.name)",
            defaultName: network.name)
        let shapes = try InputShapes(size: size, card: card).shapes(of: network.graph)
        let session = try Session(
            network.graph, inputShapes: shapes,
            options: options(pool))
        let seconds = Double(SystemClock.monotonicNanoseconds - start) / 1e9
        let inputs = network.graph.inputs.map(\.name)
        // Whole numbers stay 0, which is an index wherever one is wanted.
        for (place, name) in inputs.enumerated()
        where session.inputTypes[name]?.isFloatingPoint == true {
            session.withInput(name) { FixedInput.fill($0, input: place) }
        }
        return Loaded(
            name: network.name, session: session, pool: pool, inputs: inputs,
            outputs: network.graph.outputs.map(\.name), seconds: seconds,
            costs: withCosts
                ? try GraphSummary.costs(network.graph, inputShapes: shapes) : [],
            precision: options(pool).effectivePrecision(of: network.graph))
    }
}

/// The input that every program which is compared gets: numbers from 0 to 1 that look random.
enum FixedInput {
    /// Element i of input n is (h >> 8) / 2²⁴, h the finalizer of MurmurHash3 applied to i + 0x9E3779B9 · (n + 1).
    static func fill(_ elements: UnsafeMutableBufferPointer<Float>, input: Int) {
        let seed = 0x9E37_79B9 &* (UInt32(truncatingIfNeeded: input) &+ 1)
        for index in elements.indices {
            var hash = UInt32(truncatingIfNeeded: index) &+ seed
            hash ^= hash >> 16
            hash = hash &* 0x85EB_CA6B
            hash ^= hash >> 13
            hash = hash &* 0xC2B2_AE35
            hash ^= hash >> 16
            elements[index] = Float(hash >> 8) * 0x1p-24
        }
    }
}
