import FathomCore

/// The smoothed loss, and how fast training goes.
struct TrainingPace {
    private static let decay = 0.98
    private var sum = 0.0
    private var weight = 0.0
    private var samples = 0
    private var trainingSeconds = 0.0
    private var waitingSeconds = 0.0

    /// The mean loss of the latest steps, older ones with falling shares.
    var loss: Double? { weight > 0 ? sum / weight : nil }
    /// Samples a second.
    var samplesPerSecond: Double { trainingSeconds > 0 ? Double(samples) / trainingSeconds : 0 }
    /// The share of the time in which nothing was there to learn from.
    var waitingShare: Double { trainingSeconds > 0 ? waitingSeconds / trainingSeconds : 0 }

    /// Takes in a step.
    mutating func take(loss: Double, samples: Int, seconds: Double, waiting: Double) {
        sum = Self.decay * sum + (1 - Self.decay) * loss
        weight = Self.decay * weight + (1 - Self.decay)
        self.samples += samples
        trainingSeconds += seconds
        waitingSeconds += waiting
    }

    /// Adds the smoothed loss, so that a resumed run shows the same one.
    func save(into state: inout TensorState) {
        state.values["pace.sum"] = sum
        state.values["pace.weight"] = weight
    }

    /// Takes the smoothed loss from what `save` gave.
    mutating func restore(from state: TensorState) {
        sum = state.values["pace.sum"] ?? 0
        weight = state.values["pace.weight"] ?? 0
    }
}
