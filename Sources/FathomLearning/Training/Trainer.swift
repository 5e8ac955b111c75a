import FathomCore

/// Trains: batches, gradients, steps, validations, checkpoints, until the end or an interruption.
///
/// A training that was stopped at any moment and resumed from its last checkpoint ends with the same weights, to the
/// bit, as one that was not.
public final class Trainer {
    private let plan: TrainingPlan
    private let step: any TrainingStep
    private let batches: any BatchSource
    private let folder: RunFolder
    private let optimizer: Optimizer
    private let average: WeightAverage?
    private let best: BestResult
    private let cancellation: Cancellation
    private var pace = TrainingPace()
    private var done = 0
    private var newest: [String: Double] = [:]
    private var lastCheckpoint = SystemClock.monotonicNanoseconds

    /// What judges the weights now and then.
    public var validation: (any Validation)?
    /// What changes batches before they are learnt from.
    public var transform: (any BatchTransform)?
    /// Writes a network with the given weights to a file.
    public var export: ((NetworkWeights, String) throws(FathomError) -> Void)?
    /// Gets the progress after each step.
    public var report: (TrainingProgress) -> Void = { _ in }

    /// A training at its start.
    ///
    /// - Parameters:
    ///   - plan: the numbers.
    ///   - step: computes gradients; its weights are where training starts.
    ///   - parameters: what the step's parameters are, in its order.
    ///   - batches: what is learnt from.
    ///   - folder: where everything goes.
    ///   - pool: the threads that move the weights.
    ///   - cancellation: ends the training after the step under way, with a checkpoint.
    public init(
        _ plan: TrainingPlan, step: any TrainingStep, parameters: [ParameterInfo],
        batches: any BatchSource, folder: RunFolder, pool: WorkerPool = .machine,
        cancellation: Cancellation = Cancellation()
    ) {
        self.plan = plan
        self.step = step
        self.batches = batches
        self.folder = folder
        self.cancellation = cancellation
        optimizer = Optimizer(plan.optimizer, parameters: parameters, pool: pool)
        average = plan.ema.map { WeightAverage(step, decay: $0, pool: pool) }
        best = BestResult(patience: plan.patience)
    }

    /// Trains to the end.
    ///
    /// - Throws: when a batch cannot be read, a file cannot be written, or the loss or a gradient is no longer a
    ///   number: then the batch is saved in the run's folder, and the last checkpoint stays.
    public func run() throws(FathomError) -> TrainingSummary {
        if let state = try folder.lastCheckpoint() { try restore(state) }
        try batches.seek(to: done * plan.optimizer.accumulate)
        let log = try RunLog(folder: folder, resumedAt: done)
        var end = TrainingSummary.End.finished
        if best.isExhausted { end = .stoppedEarly }
        tell(phase: nil)
        while done < plan.steps, end == .finished {
            if cancellation.isCancelled {
                end = .interrupted
                break
            }
            if let pause = plan.pauseAt, done >= pause {
                end = .paused
                break
            }
            try takeStep(log)
            if let every = plan.validateEvery, done % every == 0 || done == plan.steps {
                try validate(log)
                if best.isExhausted { end = .stoppedEarly }
            }
            let seconds = Double(SystemClock.monotonicNanoseconds - lastCheckpoint) / 1e9
            if seconds >= 60 * plan.checkpointMinutes { try checkpoint() }
            tell(phase: nil)
        }
        try checkpoint()
        if best.step == nil, end == .finished, let export {
            try export(weights, folder.bestModel)
        }
        return TrainingSummary(
            end: end, step: done, bestStep: best.step, bestMetrics: best.metrics, loss: pace.loss,
            samplesPerSecond: pace.samplesPerSecond)
    }

    /// The weights that are judged and shipped: the averaged ones where there are any.
    private var weights: NetworkWeights {
        if let average, average.updates > 0 { return average.weights }
        var weights: NetworkWeights = [:]
        for name in step.parameterNames {
            weights[name] = step.withParameter(name) { Tensor(shape: [$0.count], values: $0) }
        }
        for name in step.statisticNames {
            weights[name] = step.withStatistic(name) { Tensor(shape: [$0.count], values: $0) }
        }
        return weights
    }

    private func takeStep(_ log: RunLog) throws(FathomError) {
        let start = SystemClock.monotonicNanoseconds
        var waiting = 0.0
        var results: [String: Double] = [:]
        let count = plan.optimizer.accumulate
        for part in 0..<count {
            let number = done * count + part
            let asked = SystemClock.monotonicNanoseconds
            var batch = try batches.next()
            waiting += Double(SystemClock.monotonicNanoseconds - asked) / 1e9
            if let transform { batch = try transform.apply(batch, number: number, step: step) }
            if let dump = plan.dumpFolder {
                try BatchFiles.write(batch, to: "\(dump)/batch-\(RunFolder.digits(number))")
            }
            let losses = try step.compute(batch)
            for (name, value) in losses {
                results[name, default: 0] += Double(value) / Double(count)
            }
            try check(Double(losses["loss"] ?? .nan), "the loss", batch)
            if count > 1 { optimizer.accumulate(step) }
            if part == count - 1 {
                let norm = optimizer.gradientNorm(step)
                try check(norm, "the norm of the gradients", batch)
                results["gradientNorm"] = norm
            }
        }
        let rate =
            plan.optimizer.rate * plan.schedule.factor(step: done, of: plan.steps)
        optimizer.update(step, rate: rate, norm: results["gradientNorm"] ?? 0)
        average?.update(step)
        done += 1
        let seconds = Double(SystemClock.monotonicNanoseconds - start) / 1e9
        pace.take(
            loss: results["loss"] ?? 0, samples: count * batches.batchSize, seconds: seconds,
            waiting: waiting)
        try log.step(
            done, epoch: Double(done * count) / Double(max(batches.batchesPerEpoch, 1)),
            rate: rate, results: results, samplesPerSecond: pace.samplesPerSecond)
    }

    /// Stops at what is no number, and keeps the batch that made it.
    private func check(
        _ value: Double, _ what: String, _ batch: [String: Tensor]
    ) throws(FathomError) {
        guard !value.isFinite else { return }
        let place = "\(folder.path)/broken-step-\(RunFolder.digits(done + 1))"
        try BatchFiles.write(batch, to: place)
        throw FathomError(
            operation: "train", subject: "step \(done + 1)",
            cause:
                "\(what) is \(value.isNaN ? "not a number" : "infinite"), and the batch is saved in \(place)",
            remedy: "Look for wrong depths in it, lower optimizer.rate or set optimizer.clip: 1")
    }

    private func validate(_ log: RunLog) throws(FathomError) {
        guard let validation else { return }
        tell(phase: "validating")
        let weights = weights
        let result = try validation.judge(weights)
        newest = result.metrics
        let isBest = best.take(result.metrics, step: done)
        try log.validation(done, result, isBest: isBest)
        guard isBest else { return }
        if let export { try export(weights, folder.bestModel) }
        try CheckpointFile.write(state, to: folder.bestCheckpointPath)
    }

    private func tell(phase: String?) {
        let left = Double((plan.pauseAt.map { min($0, plan.steps) } ?? plan.steps) - done)
        let samples = Double(plan.optimizer.accumulate * batches.batchSize)
        let speed = pace.samplesPerSecond
        report(
            TrainingProgress(
                step: done, steps: plan.steps, loss: pace.loss, samplesPerSecond: speed,
                waitingShare: pace.waitingShare,
                remainingSeconds: speed > 0 ? left * samples / speed : nil, validation: newest,
                phase: phase))
    }

    private func checkpoint() throws(FathomError) {
        try CheckpointFile.write(state, to: folder.lastCheckpointPath)
        lastCheckpoint = SystemClock.monotonicNanoseconds
    }

    private var state: TensorState {
        var state = TensorState()
        state.numbers["step"] = done
        for name in step.parameterNames {
            state.tensors["parameter/\(name)"] = step.withParameter(name) {
                Tensor(shape: [$0.count], values: $0)
            }
        }
        for name in step.statisticNames {
            state.tensors["statistic/\(name)"] = step.withStatistic(name) {
                Tensor(shape: [$0.count], values: $0)
            }
        }
        optimizer.save(into: &state)
        average?.save(into: &state)
        best.save(into: &state)
        pace.save(into: &state)
        return state
    }

    private func restore(_ state: TensorState) throws(FathomError) {
        let steps = try state.number("step")
        for name in step.parameterNames {
            let count = step.withParameter(name) { $0.count }
            let saved = try state.tensor("parameter/\(name)", count: count)
            step.withParameter(name) { target in
                saved.withUnsafeBuffer { _ = target.update(from: $0) }
            }
        }
        for name in step.statisticNames {
            let count = step.withStatistic(name) { $0.count }
            let saved = try state.tensor("statistic/\(name)", count: count)
            step.withStatistic(name) { target in
                saved.withUnsafeBuffer { _ = target.update(from: $0) }
            }
        }
        try optimizer.restore(from: state)
        try average?.restore(from: state)
        try best.restore(from: state)
        pace.restore(from: state)
        newest = best.metrics
        done = steps
    }
}
