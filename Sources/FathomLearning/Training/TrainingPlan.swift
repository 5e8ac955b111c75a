import FathomCore

/// The numbers that a training goes by.
public struct TrainingPlan: Sendable {
    /// Steps in all.
    public var steps: Int
    /// How weights follow gradients.
    public var optimizer: OptimizerConfiguration
    /// How the rate moves.
    public var schedule = Schedule()
    /// The decay of the averaged weights; nil: none are kept.
    public var ema: Double?
    /// Steps from one validation to the next; there is one at the end, too. nil: none.
    public var validateEvery: Int?
    /// Validations without a better one after which it stops.
    public var patience: Int?
    /// Minutes from one checkpoint to the next.
    public var checkpointMinutes = 5.0
    /// A step at which to stop, to be resumed later.
    public var pauseAt: Int?
    /// A folder into which every batch goes as `batch-NNNNNN/NAME.npy`.
    public var dumpFolder: String?

    /// A plan of so many steps.
    public init(steps: Int, optimizer: OptimizerConfiguration) {
        self.steps = steps
        self.optimizer = optimizer
    }
}
