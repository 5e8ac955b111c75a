import Fathom
import Foundation
import Logging
import Synchronization

/// One `fathom run` as a person sees it: progress while it works, a summary at the end, the exit code.
struct RunSession {
    let inputs: [String]
    let configuration: RunConfiguration

    func run() throws {
        let cancellation = Cancellation()
        Interrupts.watch(cancellation)
        let line = ProgressLine()
        let isQuiet = configuration.quiet
        let logger = Logger(label: "fathom") { _ in
            TerminalLog(isQuiet: isQuiet, before: { line.clear() })
        }
        let batch = try RunBatch(
            inputs: inputs, configuration: configuration, cancellation: cancellation,
            logger: logger)
        let result = Mutex<Result<RunReport, FathomError>?>(nil)
        let worker = JoinedThread(name: "run") {
            let outcome = Result { () throws(FathomError) -> RunReport in
                try batch.run { report, error in
                    line.clear()
                    if !isQuiet {
                        Summary.show(report, error, isPartOfMany: batch.targets.count > 1)
                    }
                }
            }
            result.withLock { $0 = outcome }
        }
        while result.withLock({ $0 == nil }) {
            usleep(100_000)
            if !isQuiet, let progress = batch.progress, result.withLock({ $0 == nil }) {
                line.show(progress)
            }
        }
        worker.join()
        line.clear()
        guard let outcome = result.withLock({ $0 }) else { return }
        let report = try outcome.get()
        if report.result == .interrupted { Foundation.exit(FathomError.Code.interrupted.rawValue) }
        if configuration.strict && report.isDamaged {
            Terminal.error(
                "fathom: the input is damaged: \(report.framesDamaged) frames, \(report.decodeErrors) decode errors"
            )
            Foundation.exit(FathomError.Code.damaged.rawValue)
        }
    }
}

/// Notes and warnings from the libraries, one line each on standard error.
struct TerminalLog: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level
    let before: @Sendable () -> Void

    init(isQuiet: Bool, before: @escaping @Sendable () -> Void) {
        logLevel = isQuiet ? .error : .notice
        self.before = before
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        before()
        let prefix = event.level >= .warning ? "warning: " : ""
        Terminal.error("\(prefix)\(event.message)")
    }
}
