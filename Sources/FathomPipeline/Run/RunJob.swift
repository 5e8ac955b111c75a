import FathomCore
import FathomDepth
import FathomEngine
import FathomMedia
import FathomPicture
import Foundation
import Logging
import Synchronization

/// One recording becomes depth: opens everything, runs the stages, closes everything, gives the account.
public final class RunJob: Sendable {
    private let target: RunTarget
    private let configuration: RunConfiguration
    private let network: Network
    private let cancellation: Cancellation
    private let logger: Logger
    private let tally = RunTally()
    private let started = SystemClock.monotonicNanoseconds
    private let underWay = Mutex<(pipeline: Pipeline, expected: Double?, phase: String?)?>(nil)

    /// A job that has not begun.
    ///
    /// `cancellation` is a person's word: what is under way is still written and closed. Notes and warnings go to
    /// `logger` as they arise; warnings are in the report, too.
    public init(
        _ target: RunTarget, configuration: RunConfiguration, network: Network,
        cancellation: Cancellation, logger: Logger
    ) {
        self.target = target
        self.configuration = configuration
        self.network = network
        self.cancellation = cancellation
        self.logger = logger
    }

    /// How far the job is; any thread may ask.
    public var progress: RunProgress {
        let counts = tally.now
        var progress = RunProgress()
        progress.input = target.input.name
        progress.elapsedSeconds = elapsedSeconds
        progress.frames = counts.framesOut
        progress.mediaSeconds = counts.mediaSeconds
        if let (pipeline, expected, phase) = underWay.withLock({ $0 }) {
            progress.totalSeconds = expected
            progress.phase = phase
            progress.queues = pipeline.queueFills
            progress.limitingStage = pipeline.limitingStage
        }
        return progress
    }

    private var elapsedSeconds: Double {
        Double(SystemClock.monotonicNanoseconds - started) / 1e9
    }

    /// Does the work on threads of its own and waits for it.
    ///
    /// - Returns: the account, whatever happened, and the error that ended the work, if one did.
    public func run() -> (report: RunReport, error: FathomError?) {
        var report = RunReport()
        var failure: FathomError?
        do throws(FathomError) {
            try work(&report)
        } catch {
            failure = error
        }
        fill(&report, failure)
        return (report, failure)
    }

    // MARK: The passes

    private func work(_ report: inout RunReport) throws(FathomError) {
        let threads = configuration.threads ?? WorkerPool.machine.threads
        let pool = threads == WorkerPool.machine.threads ? .machine : WorkerPool(threads: threads)
        let clipRange: DepthRange?
        if configuration.range == .clip {
            guard target.input != .standardInput else {
                throw FathomError(
                    .usage, operation: "use", subject: "--range clip",
                    cause: "it reads the input twice, and standard input can be read only once",
                    remedy: "Use --range scene, or name a file")
            }
            clipRange = try measureRange(pool: pool, threads: threads)
            if cancellation.isCancelled { return }
        } else {
            clipRange = nil
        }
        let recording = try Recording(
            target.input, configuration: configuration, cancellation: cancellation)
        report.inputs = [recording.reportInput(width: nil, height: nil)]
        let model = try network.makeModel(configuration, pool: pool)
        if !network.cardSource.isFile { note("model \(network.name): \(network.cardSource.words)") }
        let outputs = try Outputs(
            target, recording: recording, configuration: configuration, network: network,
            card: model.card, threads: threads, tally: tally)
        for warning in outputs.video?.warnings ?? [] { tally.warn(warning) }
        if (configuration.camera ?? configuration.fov.map { "\($0)" }) != nil {
            tally.warn("--camera and --fov change nothing yet: depth keeps the model's own unit")
        }

        let pipeline = Pipeline(cancellation: Cancellation(parent: cancellation))
        let frames = ReadingStages.add(
            to: pipeline, recording, configuration: configuration, threads: threads, tally: tally,
            note: { [self] in note($0) },
            copy: { (packet) throws(FathomError) in try outputs.video?.copy(packet) })
        let branches = outputs.branches
        pipeline.addStage("depth", from: frames, finishing: branches) {
            [self] (meter) throws(FathomError) in
            var sequence = DepthSequence(
                range: configuration.range, smoothing: configuration.smoothing,
                clipRange: clipRange)
            var index = 0
            let beginning = recording.beginning.seconds
            while let picture = frames.receive() {
                let frame = try meter.measure { () throws(FathomError) -> DepthFrame in
                    let map = try picture.withPicture { (view) throws(FathomError) in
                        try model.estimate(view, sampleAspectRatio: picture.sampleAspectRatio)
                    }
                    return DepthFrame(
                        index: index, source: picture,
                        depth: sequence.next(map, at: picture.timestamp.seconds))
                }
                index += 1
                tally.note(frame, at: picture.timestamp.seconds - beginning)
                if index == 1 {
                    noteModel(model)
                    if let error = model.precisionError {
                        note("depth in \(model.precision.rawValue) \(error) (first frame)")
                    }
                }
                var isWanted = false
                for branch in branches where branch.send(frame) { isWanted = true }
                guard isWanted else { return }
            }
        }
        outputs.addStages(to: pipeline, note: { [self] in note($0) })
        underWay.withLock { $0 = (pipeline, recording.expectedSeconds, nil) }
        defer { account(pipeline, recording, &report) }
        do throws(FathomError) {
            try pipeline.run()
            if cancellation.isCancelled && tally.now.framesOut == 0 {
                throw FathomError(
                    .interrupted, operation: "run", subject: target.input.name,
                    cause: "it was interrupted before the first frame was written")
            }
            guard tally.now.framesOut > 0 || cancellation.isCancelled else {
                throw nothingChosen(recording)
            }
            try outputs.finish()
        } catch {
            throw outputs.abandon(after: error)
        }
    }

    private func nothingChosen(_ recording: Recording) -> FathomError {
        let length = recording.demuxer.info.duration.map {
            "It is \(MediaTime.short(seconds: $0)) long"
        }
        return FathomError(
            operation: "find frames in", subject: target.input.name,
            cause: "no frame lies in the time that --start and --duration ask for",
            remedy: length ?? "Begin earlier")
    }

    /// The first pass of `--range clip`: every frame's depth into a histogram of constant size.
    private func measureRange(pool: WorkerPool, threads: Int) throws(FathomError) -> DepthRange {
        let recording = try Recording(
            target.input, configuration: configuration, cancellation: cancellation)
        let model = try network.makeModel(configuration, pool: pool)
        let pipeline = Pipeline(cancellation: Cancellation(parent: cancellation))
        let frames = ReadingStages.add(
            to: pipeline, recording, configuration: configuration, threads: threads,
            tally: RunTally())
        let histogram = Mutex(ClipHistogram())
        pipeline.addStage("depth", from: frames) { [self] (meter) throws(FathomError) in
            var sequence = DepthSequence(range: .frame, smoothing: configuration.smoothing)
            while let picture = frames.receive() {
                try meter.measure { () throws(FathomError) in
                    let map = try picture.withPicture { (view) throws(FathomError) in
                        try model.estimate(view, sampleAspectRatio: picture.sampleAspectRatio)
                    }
                    let frame = sequence.next(map, at: picture.timestamp.seconds)
                    histogram.withLock { $0.add(frame.map) }
                }
            }
        }
        underWay.withLock {
            $0 = (pipeline, recording.expectedSeconds, "measuring the range")
        }
        try pipeline.run()
        return histogram.withLock { $0.range }
    }

    // MARK: The account

    private func noteModel(_ model: DepthModel) {
        tally.update { counts in
            counts.inputWidth = model.inputWidth ?? 0
            counts.inputHeight = model.inputHeight ?? 0
        }
    }

    private let notes = Mutex<Set<String>>([])

    private func note(_ text: String) {
        if notes.withLock({ $0.insert(text).inserted }) { logger.notice("\(text)") }
    }

    private func account(
        _ pipeline: Pipeline, _ recording: Recording, _ report: inout RunReport
    ) {
        let counts = tally.now
        report.inputs = [
            recording.reportInput(width: counts.sourceWidth, height: counts.sourceHeight)
        ]
        report.stages = Dictionary(
            pipeline.reports.map { ($0.name, $0.report) }, uniquingKeysWith: { first, _ in first })
        report.limitingStage = pipeline.limitingStage
    }

    private func fill(_ report: inout RunReport, _ failure: FathomError?) {
        let counts = tally.now
        if report.inputs.isEmpty {
            report.inputs = [
                RunReport.Input(
                    path: target.input.name, container: "", codec: "", width: 0, height: 0)
            ]
        }
        report.outputs = counts.outputs
        report.framesIn = counts.framesIn
        report.framesOut = counts.framesOut
        report.framesSkipped = counts.framesSkipped
        report.framesDamaged = counts.framesDamaged
        report.decodeErrors = counts.decodeErrors
        report.seconds = elapsedSeconds
        report.fps = elapsedSeconds > 0 ? Double(counts.framesOut) / elapsedSeconds : 0
        report.realTimeFactor = elapsedSeconds > 0 ? counts.mediaSeconds / elapsedSeconds : 0
        report.peakMemoryMB = SystemClock.peakMemoryMB
        report.model = RunReport.Model(
            name: network.name, sha256: (try? network.sha256()) ?? "",
            precision: SessionOptions(precision: configuration.precision)
                .effectivePrecision(of: network.graph).rawValue, inputWidth: counts.inputWidth,
            inputHeight: counts.inputHeight)
        report.range = RunReport.Range(
            mode: configuration.range.name, minimum: counts.rangeMinimum.map(Double.init),
            maximum: counts.rangeMaximum.map(Double.init))
        report.sceneCuts = counts.sceneCuts
        report.warnings = counts.warnings
        for (flag, number) in counts.flagged.sorted(by: { $0.key < $1.key })
        where flag == "non-finite" {
            report.warnings.append("\(number) frames have values that are not finite")
        }
        if let failure {
            report.result = failure.code == .interrupted ? .interrupted : .failed
            report.error = failure.description
        } else if cancellation.isCancelled {
            report.result = .interrupted
        }
    }
}
