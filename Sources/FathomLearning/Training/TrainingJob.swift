import FathomCore
import FathomEngine
import FathomPipeline
import Foundation

/// `fathom train`: from a configuration to a run folder.
public struct TrainingJob {
    /// The configuration with all that flags changed.
    public var document: ConfigurationDocument
    /// What to do with a run that is in the output folder.
    public var existing = RunFolder.Existing.refuse
    /// An ONNX file whose weights training begins with.
    public var initial: String?
    /// A folder into which every batch goes.
    public var dumpFolder: String?
    /// A step at which to stop, to be resumed later.
    public var pauseAt: Int?
    /// Threads that compute; nil: as many as the machine has cores.
    public var threads: Int?
    /// Ends the training after the step under way.
    public var cancellation = Cancellation()
    /// Gets the progress after each step.
    public var report: (TrainingProgress) -> Void = { _ in }

    /// Training by a configuration.
    public init(_ document: ConfigurationDocument) { self.document = document }

    /// Keys of a configuration that may be another when a run is resumed.
    private static let changeable = [
        "steps", "epochs", "checkpointMinutes", "output", "validation",
    ]

    /// Trains.
    public func run() throws(FathomError) -> TrainingSummary {
        let configuration = try TrainingConfiguration(try document.section())
        let folder = RunFolder(path: configuration.output)
        if folder.hasRun, existing == .resume, folder.hasCheckpoint { try checkSame(folder) }
        if folder.hasRun, existing == .refuse { try folder.prepare(.refuse) }
        let assembly = try TrainingAssembly(configuration)
        try assembly.data.verify(.train)
        if configuration.validation != nil { try assembly.data.verify(.validation) }
        let pool = threads.map { WorkerPool(threads: $0) } ?? .machine
        var options = SessionOptions()
        options.pool = pool
        let step = try assembly.step(initial: initial, options: options)
        let batches = try assembly.batches(threads: max(1, min(pool.threads, 8)))
        let trainer = Trainer(
            try plan(configuration, batches), step: step, parameters: assembly.parameters,
            batches: batches, folder: folder, pool: pool, cancellation: cancellation)
        if let judging = configuration.validation {
            trainer.validation = try NetworkValidation(assembly, judging, options: options)
        }
        if let adversarial = configuration.adversarial {
            trainer.transform = AdversarialBatches(
                adversarial, session: step, interface: assembly.interface, seed: configuration.seed)
        }
        trainer.export = { (weights, path) throws(FathomError) in
            try AtomicFile.write(path, assembly.onnxBytes(weights))
        }
        trainer.report = report
        try folder.prepare(existing)
        try writeFacts(configuration, folder, threads: pool.threads)
        let summary = try trainer.run()
        // Without depth there is nothing to judge by: the loss and the pictures have to tell.
        let isJudged = configuration.validation != nil && configuration.data.truth != .none
        if isJudged, summary.end != .interrupted, summary.end != .paused {
            try judge(folder, options: options)
        }
        return summary
    }

    /// The page that shows how the best weights do on the validation samples.
    private func judge(_ folder: RunFolder, options: SessionOptions) throws(FathomError) {
        var evaluation = EvaluationJob(dataset: folder.configuration)
        evaluation.judged = folder.bestModel
        evaluation.split = .validation
        evaluation.pool = options.pool
        evaluation.report = folder.report
        _ = try evaluation.run()
    }

    private func plan(
        _ configuration: TrainingConfiguration, _ batches: any BatchSource
    ) throws(FathomError) -> TrainingPlan {
        let accumulate = configuration.optimizer.accumulate
        let steps: Int =
            switch configuration.length {
            case .steps(let steps): steps
            case .epochs(let epochs):
                max(1, Int(min(epochs * Double(batches.batchesPerEpoch) / Double(accumulate), 1e9)))
            }
        var plan = TrainingPlan(steps: steps, optimizer: configuration.optimizer)
        plan.schedule = configuration.schedule
        plan.ema = configuration.ema
        plan.validateEvery = configuration.validation?.every
        plan.patience = configuration.validation?.patience
        plan.checkpointMinutes = configuration.checkpointMinutes
        plan.pauseAt = pauseAt
        plan.dumpFolder = dumpFolder
        return plan
    }

    /// A resumed run must be the one that was begun.
    private func checkSame(_ folder: RunFolder) throws(FathomError) {
        let begun = try ConfigurationDocument(file: folder.configuration)
        let different = document.differences(from: begun).filter { !Self.changeable.contains($0) }
        guard let key = different.first else { return }
        throw FathomError(
            .usage, operation: "resume", subject: "the run in \(folder.path)",
            cause: "its '\(key)' was another when it began",
            remedy: "Take \(folder.configuration), or start anew with --overwrite")
    }

    private func writeFacts(
        _ configuration: TrainingConfiguration, _ folder: RunFolder, threads: Int
    ) throws(FathomError) {
        let revision = GitRevision.read(from: FileManager.default.currentDirectoryPath)
        let head =
            "# fathom \(FathomVersion.current), seed \(configuration.seed), git \(revision ?? "none")\n"
        try AtomicFile.write(folder.configuration, head + (try document.yaml()))
        let facts: [String: Any] = [
            "name": configuration.name, "seed": configuration.seed,
            "version": FathomVersion.current,
            "gitRevision": revision ?? NSNull(), "threads": threads,
            "started": Date().formatted(.iso8601), "initial": initial ?? NSNull(),
        ]
        do {
            let data = try JSONSerialization.data(
                withJSONObject: facts,
                options: [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes])
            try AtomicFile.write(folder.facts, Array(data))
        } catch let error as FathomError {
            throw error
        } catch {
            throw FathomError(operation: "write", subject: folder.facts, cause: "\(error)")
        }
    }
}
