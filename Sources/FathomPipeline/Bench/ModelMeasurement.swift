import FathomCore
import FathomEngine
import FathomGraph

/// What `fathom bench model` found out.
public struct ModelMeasurement: Sendable, Codable {
    /// Time of a part of the network.
    public struct Part: Sendable, Codable {
        /// The operator, or the node with its operator.
        public var name: String
        /// How many steps it has.
        public var steps: Int
        /// Milliseconds: the median of the profiled runs.
        public var ms: Double
        /// Share of the whole run, 0 to 1.
        public var share: Double
        /// Billions of floating-point operations a second; nil where only convolutions' and products' are counted.
        public var gflops: Double?
    }

    /// The network's name.
    public var model: String
    /// Shapes of the inputs.
    public var inputs: [String: [Int]]
    /// Shapes of the outputs.
    public var outputs: [String: [Int]]
    /// The arithmetic.
    public var precision: String
    /// How far the outputs are from those in fp32; nil where they are computed so.
    public var precisionError: PrecisionError?
    /// Threads at work.
    public var threads: Int
    /// The instruction set in use.
    public var instructionSet: String
    /// The OpenBLAS in use and the core that it works for.
    public var openblas: String
    /// Runs timed.
    public var runs: Int
    /// Median of the milliseconds a run.
    public var p50Ms: Double
    /// 95th percentile.
    public var p95Ms: Double
    /// The fastest run.
    public var bestMs: Double
    /// Billions of multiplications with an addition in a run.
    public var gmacs: Double
    /// Billions of floating-point operations a second at the median: two for each multiplication with an addition.
    public var gflops: Double
    /// What all threads can do at most in 32-bit floating point, measured just before.
    public var peakGflops: Double
    /// `gflops` by `peakGflops`; above 1 where an algorithm leaves operations out or numbers are narrower.
    public var shareOfPeak: Double
    /// Seconds from opening the file to being able to run.
    public var loadSeconds: Double
    /// Peak resident memory of the process.
    public var peakMemoryMB: Double
    /// Time by operator, the slowest first.
    public var operators: [Part]
    /// Time by node, the slowest first.
    public var nodes: [Part]
}

extension ModelBench {
    /// Seconds over which runs are timed, and how many there are at least and at most.
    private static let seconds = 1.5
    private static let runs = 10...2000
    /// Runs before those that count, and runs of the profile.
    private static let warmUps = 3
    private static let profiles = 5

    /// Measures, and traces one more run where that is asked for.
    public func measure() throws(FathomError) -> ModelMeasurement {
        let loaded = try load(withCosts: true)
        let session = loaded.session
        for _ in 0..<Self.warmUps { try session.execute() }
        let memory = SystemClock.peakMemoryMB
        let error =
            loaded.precision == .fp32
            ? nil
            : try PrecisionError(
                of: session, graph: try Network(model).graph, options: options(loaded.pool))
        let peak = PeakArithmetic.measure(pool: loaded.pool, instructionSet: instructionSet)
        var times: [Double] = []
        let begin = SystemClock.monotonicNanoseconds
        while times.count < Self.runs.lowerBound
            || (times.count < Self.runs.upperBound
                && Double(SystemClock.monotonicNanoseconds - begin) < Self.seconds * 1e9)
        {
            let start = SystemClock.monotonicNanoseconds
            try session.execute()
            times.append(Double(SystemClock.monotonicNanoseconds - start) / 1e6)
        }
        times.sort()
        var profiles: [[StepTime]] = []
        for _ in 0..<Self.profiles { profiles.append(try session.profile()) }
        if let traceFile { try ChromeTrace.write(session.trace(), to: traceFile) }
        let operations = 2 * Double(loaded.costs.reduce(0) { $0 + $1.multiplyAdds })
        let median = times[times.count / 2]
        let profile = StepProfile(profiles, costs: loaded.costs)
        return ModelMeasurement(
            model: loaded.name, inputs: session.inputShapes.mapValues(\.dimensions),
            outputs: session.outputShapes.mapValues(\.dimensions),
            precision: loaded.precision.rawValue,
            precisionError: error, threads: loaded.pool.threads,
            instructionSet: instructionSet.rawValue,
            openblas: OpenBLAS.version, runs: times.count, p50Ms: median,
            p95Ms: times[min(times.count - 1, times.count * 95 / 100)], bestMs: times[0],
            gmacs: operations / 2e9, gflops: operations / median / 1e6, peakGflops: peak / 1e9,
            shareOfPeak: peak > 0 ? operations / median * 1e3 / peak : 0,
            loadSeconds: loaded.seconds, peakMemoryMB: memory, operators: profile.byOperator,
            nodes: profile.byNode)
    }
}

/// The times of steps put together with the arithmetic of the nodes they compute.
private struct StepProfile {
    private struct Item {
        let node: String
        let operation: String
        let ms: Double
        var operations: Double
    }

    private var items: [Item]
    private var total: Double { items.reduce(0) { $0 + $1.ms } }

    init(_ profiles: [[StepTime]], costs: [GraphSummary.NodeCost]) {
        items = (profiles.first ?? []).indices.map { place in
            let times = profiles.map { $0[place].seconds }.sorted()
            return Item(
                node: profiles[0][place].node, operation: profiles[0][place].operation,
                ms: times[times.count / 2] * 1e3, operations: 0)
        }
        // A step may compute several nodes and name them all; a node that none names belongs to a later step.
        var places: [String: Int] = [:]
        for (place, item) in items.enumerated() where item.operation != "reorder" {
            for node in [item.node] + item.node.split(separator: ", ").map(String.init) {
                places[node] = place
            }
        }
        var waiting = 0.0
        for cost in costs {
            waiting += 2 * Double(cost.multiplyAdds)
            guard let place = places[cost.node] else { continue }
            items[place].operations += waiting
            waiting = 0
        }
    }

    var byOperator: [ModelMeasurement.Part] {
        Dictionary(grouping: items, by: \.operation).map { part($0, $1) }
            .sorted { ($1.ms, $0.name) < ($0.ms, $1.name) }
    }

    var byNode: [ModelMeasurement.Part] {
        items.map { part("\($0.node) (\($0.operation))", [$0]) }
            .sorted { ($1.ms, $0.name) < ($0.ms, $1.name) }
    }

    private func part(_ name: String, _ items: [Item]) -> ModelMeasurement.Part {
        let ms = items.reduce(0) { $0 + $1.ms }
        let operations = items.reduce(0) { $0 + $1.operations }
        return ModelMeasurement.Part(
            name: name, steps: items.count, ms: ms, share: total > 0 ? ms / total : 0,
            gflops: operations > 0 && ms > 0 ? operations / ms / 1e6 : nil)
    }
}
