import FathomCore

/// Training batches in an order that the seed decides, prefetched by threads of its own.
///
/// A batch is a function of its number alone, so that a resumed training gets the same ones.
public protocol BatchSource: AnyObject {
    /// Samples in a batch.
    var batchSize: Int { get }
    /// Batches that go once through the training split.
    var batchesPerEpoch: Int { get }
    /// Goes to a batch by its number from the training's start on; the first is 0, where a source begins.
    func seek(to batch: Int) throws(FathomError)
    /// The next batch: `image`, `target`, `valid` and what else was asked for.
    func next() throws(FathomError) -> [String: Tensor]
}

/// Weights by the names of parameters and running statistics, each flat.
public typealias NetworkWeights = [String: Tensor]

/// Judges weights on validation samples.
public protocol Validation: AnyObject {
    /// Metrics by name, such as `loss`, `absRel` and `delta1`, and pictures of the fixed samples.
    func judge(_ weights: NetworkWeights) throws(FathomError) -> ValidationResult
}

/// What a validation found.
public struct ValidationResult: Sendable {
    /// Metrics by name, finite or not.
    public var metrics: [String: Double]
    /// The fixed samples as the network sees them now.
    public var pictures: [ValidationPicture]

    /// Puts a result together.
    public init(metrics: [String: Double], pictures: [ValidationPicture] = []) {
        self.metrics = metrics
        self.pictures = pictures
    }
}

/// Changes a batch before it is learnt from, such as adversarial training does.
public protocol BatchTransform: AnyObject {
    /// The batch to learn from.
    /// - Parameters:
    ///   - batch: as the source gave it.
    ///   - number: its number from the training's start on; what is random depends on it and the seed alone.
    ///   - step: computes gradients by the weights as they are.
    func apply(
        _ batch: [String: Tensor], number: Int, step: any TrainingStep
    ) throws(FathomError) -> [String: Tensor]
}

/// How far a training is; what a program shows.
public struct TrainingProgress: Sendable {
    /// Steps done.
    public var step: Int
    /// Steps in all.
    public var steps: Int
    /// The mean loss of late, over some fifty steps; nil before the first.
    public var loss: Double?
    /// Training samples a second since the program was started, pauses for validation left out.
    public var samplesPerSecond: Double
    /// The share of the time that was spent waiting for batches.
    public var waitingShare: Double
    /// Seconds left at this pace.
    public var remainingSeconds: Double?
    /// The newest validation's metrics.
    public var validation: [String: Double]
    /// What is being done other than training, such as `validating`.
    public var phase: String?
}

/// How a training ended.
public struct TrainingSummary: Sendable {
    /// Why it ended.
    public enum End: String, Sendable {
        /// All steps were done.
        case finished
        /// The validation got no better for as long as the configuration allows.
        case stoppedEarly = "stopped-early"
        /// The person asked for the end.
        case interrupted
        /// It stopped at a step that was asked for, to be resumed.
        case paused
    }

    /// Why it ended.
    public var end: End
    /// Steps done from the training's start on.
    public var step: Int
    /// The step whose weights were the best on the validation samples; nil without a validation.
    public var bestStep: Int?
    /// Those weights' metrics.
    public var bestMetrics: [String: Double]
    /// The mean loss at the end.
    public var loss: Double?
    /// Samples a second.
    public var samplesPerSecond: Double

    /// Tells how a training ended.
    public init(
        end: End, step: Int, bestStep: Int?, bestMetrics: [String: Double], loss: Double?,
        samplesPerSecond: Double
    ) {
        self.end = end
        self.step = step
        self.bestStep = bestStep
        self.bestMetrics = bestMetrics
        self.loss = loss
        self.samplesPerSecond = samplesPerSecond
    }
}
