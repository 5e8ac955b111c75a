import FathomCore
import FathomEngine
import FathomGraph

/// Measures training steps: forward, backward and Adam, on one batch of noise.
public struct TrainingBench: Sendable {
    /// The network.
    public var network: NetworkConfiguration
    /// Pictures of a batch.
    public var batch = 4
    /// Size of a picture.
    public var height = 224
    /// Size of a picture.
    public var width = 384
    /// Steps that are timed, after two that are not.
    public var steps = 6
    /// Threads.
    public var threads = 1

    /// What was measured.
    public struct Result: Codable, Sendable {
        /// The network's name.
        public var network: String
        /// Threads.
        public var threads: Int
        /// Pictures of a batch.
        public var batch: Int
        /// Pictures a second, by the median step.
        public var samplesPerSecond: Double
        /// Seconds of the median step.
        public var stepSeconds: Double
        /// Seconds of it that forward and backward take, and the optimizer.
        public var computeSeconds: Double
        /// Seconds of it that the optimizer takes.
        public var updateSeconds: Double
        /// The most memory the program had, in megabytes.
        public var peakMemoryMB: Double
        /// The loss of each step.
        public var losses: [Float]
        /// Seconds by operator of one step, the longest first.
        public var operators: [Part]

        /// An operator's share of a step.
        public struct Part: Codable, Sendable {
            /// The operator.
            public var operation: String
            /// Seconds.
            public var seconds: Double
        }
    }

    /// Measures a network at its paper's widths.
    public init(_ network: NetworkConfiguration) { self.network = network }

    /// Runs the steps.
    public func measure() throws(FathomError) -> Result {
        let shape = Shape([batch, 1, height, width])
        let built = try network.build(seed: 0)
        guard built.state.isEmpty else {
            throw FathomError(
                .usage, operation: "bench", subject: network.kind.rawValue,
                cause: "a network with a memory learns from clips",
                remedy: "Choose a network for single pictures")
        }
        let training = try TrainingGraph(
            built, shapes: ["image": [batch, 3, height, width], "target": shape, "valid": shape],
            losses: LossConfiguration([LossTerm(.l1)]),
            edges: LossEdges(built, interface: NetworkInterface()))
        let pool = WorkerPool(threads: threads)
        let session = try TrainingSession(
            training, options: SessionOptions(pool: pool))
        var random = SeededRandom(7)
        func noise(_ shape: Shape) -> Tensor {
            Tensor(shape: shape, values: (0..<shape.count).map { _ in random.unit() })
        }
        let ones = Tensor(shape: shape, values: Array(repeating: 1, count: shape.count))
        let data = [
            "image": noise([batch, 3, height, width]), "target": noise(shape), "valid": ones,
        ]
        let optimizer = Optimizer(
            OptimizerConfiguration(kind: .adam, rate: 1e-4),
            parameters: training.parameterInfo, pool: pool)
        var (times, updates, losses): ([Double], [Double], [Float]) = ([], [], [])
        for step in 0..<(steps + 2) {
            let start = SystemClock.monotonicNanoseconds
            losses.append(try session.compute(data)["loss"] ?? .nan)
            let middle = SystemClock.monotonicNanoseconds
            optimizer.update(session, rate: 1e-4, norm: 0)
            let end = SystemClock.monotonicNanoseconds
            if step >= 2 {
                times.append(Double(end - start) / 1e9)
                updates.append(Double(end - middle) / 1e9)
            }
        }
        let step = times.sorted()[times.count / 2]
        let update = updates.sorted()[updates.count / 2]
        return Result(
            network: network.kind.rawValue, threads: threads, batch: batch,
            samplesPerSecond: Double(batch) / step, stepSeconds: step,
            computeSeconds: step - update, updateSeconds: update,
            peakMemoryMB: SystemClock.peakMemoryMB, losses: losses,
            operators: Self.parts(try session.profile()))
    }

    private static func parts(_ times: [StepTime]) -> [Result.Part] {
        var sums: [String: Double] = [:]
        for time in times { sums[time.operation, default: 0] += time.seconds }
        return sums.map { Result.Part(operation: $0.key, seconds: $0.value) }
            .sorted { ($1.seconds, $0.operation) < ($0.seconds, $1.operation) }
    }
}
