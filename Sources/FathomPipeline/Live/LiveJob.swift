import FathomCore
import FathomDepth
import FathomEngine
import FathomMedia
import Foundation
import Logging
import Synchronization

/// Cameras and streams become depth now: a pipeline for each source, outputs for each pipeline.
public final class LiveJob: Sendable {
    /// What outputs and servers see of each source, in the order of the command line.
    public let feeds: [LiveFeed]
    /// The HLS playlist of each source, made while somebody asks for it.
    public let playlists: [HLSWindow]

    private let configuration: LiveConfiguration
    private let network: Network
    private let sources: [LiveSource]
    private let outputs: [LiveOutputs]
    private let cancellation: Cancellation
    private let started = SystemClock.monotonicNanoseconds

    /// How often the last picture of a source that is away is shown again.
    private static let secondsBetweenRepeats = 0.25
    /// How often drops and ages are written to the events.
    private static let secondsBetweenSums = 5.0
    /// How long outputs may take to write their ends.
    private static let closingSeconds = 0.5

    /// Checks everything that can be checked; nothing is opened but files and folders.
    ///
    /// - Parameter cancellation: a person's word; the job ends within a second.
    public init(
        _ names: [String], configuration: LiveConfiguration, cancellation: Cancellation,
        logger: Logger
    ) throws(FathomError) {
        guard !names.isEmpty else {
            throw FathomError(
                .usage, operation: "run", subject: "live without a source", cause: "none was named",
                remedy: "Name a camera or stream, such as: fathom live v4l2:/dev/video0")
        }
        if configuration.run.range == .clip {
            throw FathomError(
                .usage, operation: "use", subject: "--range clip",
                cause: "it reads the input twice, and a live source plays once",
                remedy: "Use --range scene")
        }
        try RunReport.checkPlace(configuration.run.jsonReport)
        self.configuration = configuration
        self.cancellation = cancellation
        var addresses: [LiveAddress] = []
        for name in names {
            addresses.append(try LiveAddress.parse(name, isRealtime: configuration.realtime))
        }
        guard addresses.count(where: { $0.kind == .standardInput }) <= 1 else {
            throw FathomError(
                .usage, operation: "use", subject: "'-' twice",
                cause: "standard input can be read only once")
        }
        network = try Network(configuration.run.model)
        let threads = configuration.run.threads ?? WorkerPool.machine.threads
        let pool = threads == WorkerPool.machine.threads ? .machine : WorkerPool(threads: threads)
        let events = try EventLog(path: configuration.events, logger: logger)
        let turns = Turns()
        var sources: [LiveSource] = []
        for (index, address) in addresses.enumerated() {
            sources.append(
                LiveSource(
                    index: index, address: address, configuration: configuration, network: network,
                    pool: pool, turns: turns, events: events, logger: logger,
                    cancellation: cancellation))
        }
        self.sources = sources
        feeds = sources.map(\.feed)
        playlists = feeds.map { HLSWindow(feed: $0, configuration: configuration) }
        var outputs: [LiveOutputs] = []
        for feed in feeds {
            outputs.append(
                try LiveOutputs(
                    feed: feed, configuration: configuration, sourceCount: sources.count,
                    network: network, threads: threads, logger: logger, cancellation: cancellation)
            )
        }
        self.outputs = outputs
    }

    /// How every source is now.
    public var statuses: [LiveStatus] { feeds.map(\.status) }

    /// Plays until the person ends it, `--duration` is over, or no source is left.
    ///
    /// - Returns: the account, whatever happened, and the error that ended the work, if one did.
    public func run() -> (report: RunReport, error: FathomError?) {
        for output in outputs { output.start() }
        for source in sources { source.start() }
        let end = configuration.run.duration.map { started + UInt64(max(0, $0.seconds) * 1e9) }
        var nextSums = started
        while !cancellation.isCancelled, !sources.allSatisfy(\.hasEnded) {
            let now = SystemClock.monotonicNanoseconds
            if let end, now >= end { break }
            for source in sources { source.keepAlive() }
            if now >= nextSums {
                for source in sources { source.account.tellSums() }
                nextSums = now + UInt64(Self.secondsBetweenSums * 1e9)
            }
            pause(shortlyBefore: end)
        }
        let wasInterrupted = cancellation.isCancelled
        onAll(sources.count) { [sources] index in sources[index].stop() }
        let written = Mutex<[Int: [RunReport.Output]]>([:])
        onAll(outputs.count) { [outputs, playlists] index in
            playlists[index].finish()
            let files = outputs[index].finish(within: Self.closingSeconds)
            written.withLock { $0[index] = files }
        }
        let files = written.withLock { files in files.sorted { $0.key < $1.key }.flatMap(\.value) }
        // One source that failed doesn't make a failure of the others.
        let failures = sources.compactMap(\.failure)
        let failure = failures.count == sources.count ? failures.first : nil
        return (report(files, failure, wasInterrupted: wasInterrupted), failure)
    }

    private func pause(shortlyBefore end: UInt64?) {
        let now = SystemClock.monotonicNanoseconds
        let rest = end.map { $0 > now ? Double($0 - now) / 1e9 : 0 } ?? .infinity
        // In short steps, so that an interruption is noticed.
        let steps = Int(Self.secondsBetweenRepeats / 0.05)
        for _ in 0..<steps where !cancellation.isCancelled {
            FathomCore.pause(seconds: min(0.05, rest))
            if sources.allSatisfy(\.hasEnded) || rest < Self.secondsBetweenRepeats { return }
        }
    }

    /// Does something for all side by side: one that takes its time doesn't hold up the others.
    private func onAll(_ count: Int, _ work: @escaping @Sendable (Int) -> Void) {
        let threads = (0..<count).map { index in
            JoinedThread(name: "close") { work(index) }
        }
        for thread in threads { thread.join() }
    }

    // MARK: The account

    private func report(
        _ files: [RunReport.Output], _ failure: FathomError?, wasInterrupted: Bool
    ) -> RunReport {
        var report = RunReport()
        report.command = "live"
        let statuses = statuses
        report.inputs = statuses.map { status in
            RunReport.Input(
                path: status.name, container: "", codec: status.codec, width: status.width,
                height: status.height, frameRate: nil, duration: nil)
        }
        report.outputs = files
        report.sources = statuses.map(RunReport.Source.init)
        report.framesIn = statuses.reduce(0) { $0 + $1.framesIn }
        report.framesOut = statuses.reduce(0) { $0 + $1.framesOut }
        report.framesDropped = statuses.reduce(0) { $0 + $1.framesDropped }
        report.framesDamaged = statuses.reduce(0) { $0 + $1.framesDamaged }
        report.decodeErrors = statuses.reduce(0) { $0 + $1.decodeErrors }
        report.seconds = Double(SystemClock.monotonicNanoseconds - started) / 1e9
        report.fps = report.seconds > 0 ? Double(report.framesOut) / report.seconds : 0
        report.realTimeFactor = 1
        report.peakMemoryMB = SystemClock.peakMemoryMB
        for source in sources {
            for (name, stage) in source.stageReports {
                report.stages[name] = report.stages[name].map { $0.adding(stage) } ?? stage
            }
        }
        report.limitingStage =
            report.stages.max { $0.value.busySeconds < $1.value.busySeconds }?.key
        report.model = RunReport.Model(
            name: network.name, sha256: (try? network.sha256()) ?? "",
            precision: SessionOptions(precision: configuration.run.precision)
                .effectivePrecision(of: network.graph).rawValue,
            inputWidth: statuses.first?.networkWidth ?? 0,
            inputHeight: statuses.first?.networkHeight ?? 0)
        report.range = RunReport.Range(
            mode: configuration.run.range.name, minimum: nil, maximum: nil)
        report.warnings = statuses.flatMap { status in
            ([status.trouble] + status.outputs.map(\.trouble)).compactMap { $0 }
        }
        report.error = failure?.description
        report.result = failure != nil ? .failed : wasInterrupted ? .interrupted : .finished
        return report
    }
}
