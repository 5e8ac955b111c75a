import FathomCore
import Logging
import Synchronization

/// Everything that one `fathom run` does: every input, one after the other, with one account.
public final class RunBatch: Sendable {
    /// The inputs with their outputs.
    public let targets: [RunTarget]
    private let configuration: RunConfiguration
    private let network: Network
    private let cancellation: Cancellation
    private let logger: Logger
    private let current = Mutex<RunJob?>(nil)

    /// Checks arguments and loads the network; nothing is opened yet.
    public init(
        inputs: [String], configuration: RunConfiguration, cancellation: Cancellation,
        logger: Logger
    ) throws(FathomError) {
        targets = try RunTarget.plan(inputs: inputs, configuration: configuration)
        try RunReport.checkPlace(configuration.jsonReport)
        self.configuration = configuration
        self.cancellation = cancellation
        self.logger = logger
        network = try Network(configuration.model)
    }

    /// How far the input under way is; any thread may ask.
    public var progress: RunProgress? { current.withLock { $0 }?.progress }

    /// Runs every input; one that fails doesn't keep the others from being done.
    ///
    /// `finished` is told of each input's end.
    public func run(
        finished: (RunReport, FathomError?) -> Void = { _, _ in }
    ) throws(FathomError) -> RunReport {
        var whole: RunReport?
        var failure: FathomError?
        for target in targets where !cancellation.isCancelled {
            let job = RunJob(
                target, configuration: configuration, network: network, cancellation: cancellation,
                logger: logger)
            current.withLock { $0 = job }
            let (report, error) = job.run()
            finished(report, error)
            if failure == nil { failure = error }
            whole?.append(report)
            whole = whole ?? report
        }
        let report = whole ?? RunReport()
        if let path = configuration.jsonReport { try report.write(to: path) }
        if let failure { throw failure }
        return report
    }
}
