import Fathom
import Foundation
import Logging
import Synchronization

/// A whole `fathom run` inside the test's own process: what it did and what it said.
public struct RecordingRun: Sendable {
    /// The account of the first input.
    public var report: RunReport
    /// What ended it, if something did.
    public var error: FathomError?
    /// What a person was told on the way.
    public var notes: [String]

    /// Runs an input with settings as a configuration file has them.
    ///
    /// Unless told otherwise the network is small, and so is what the encoder does for its pictures.
    public init(
        _ input: String, to output: String? = nil, _ settings: KeyValuePairs<String, String> = [:]
    ) throws {
        var configuration = RunConfiguration()
        try configuration.set("size", "64")
        if let output {
            try configuration.set("output", output)
            if ["mp4", "mov"].contains((output as NSString).pathExtension) {
                try configuration.set("preset", "ultrafast")
            }
        }
        for (key, value) in settings { try configuration.set(key, value) }
        let said = Said()
        let batch = try RunBatch(
            inputs: [input], configuration: configuration, cancellation: Cancellation(),
            logger: Logger(label: "test") { _ in said })
        var finished: (RunReport, FathomError?)?
        do throws(FathomError) {
            report = try batch.run { finished = finished ?? ($0, $1) }
        } catch {
            self.error = error
            report = finished?.0 ?? RunReport()
        }
        notes = said.kept.lines.withLock { $0 }
    }

    /// Runs an input and throws what ended it.
    @discardableResult
    public static func finished(
        _ input: String, to output: String? = nil, _ settings: KeyValuePairs<String, String> = [:]
    ) throws -> RecordingRun {
        let run = try RecordingRun(input, to: output, settings)
        if let error = run.error { throw error }
        return run
    }

    /// Whether every decoded frame is accounted for.
    public var hasLostNothing: Bool {
        report.framesIn == report.framesOut + report.framesSkipped + report.framesDropped
            && report.framesDropped == 0
    }

    private final class Lines: Sendable {
        let lines = Mutex<[String]>([])
    }

    private struct Said: LogHandler {
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace
        let kept = Lines()

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            kept.lines.withLock { $0.append("\(event.message)") }
        }
    }
}
