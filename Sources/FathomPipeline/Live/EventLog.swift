import FathomCore
import Foundation
import Logging
import Synchronization

/// What happens to a live source or to one of its outputs.
public enum LiveEvent: String, Sendable {
    /// The source plays for the first time.
    case connected
    /// The source went away.
    case lost
    /// The source plays again.
    case recovered
    /// An attempt to open the source or an output failed; told once for each cause.
    case failed
    /// Frames were dropped since the last such event.
    case dropped
    /// The age of the frames of the last seconds.
    case age
    /// An output could not keep up and lost something.
    case slowOutput = "slow-output"
    /// The source is not used any more.
    case ended
}

/// Writes events as JSON lines (`--events`), and those that a person should see to the log, as they happen.
public final class EventLog: Sendable {
    /// A value of an event.
    public enum Value: Sendable {
        /// Text.
        case text(String)
        /// A whole number.
        case whole(Int)
        /// A number; what is not finite is written as null.
        case number(Double)
    }

    private let file: Mutex<FileHandle?>
    private let logger: Logger

    /// Opens the file, if there is one, and puts new lines behind those it has.
    public init(path: String?, logger: Logger) throws(FathomError) {
        self.logger = logger
        guard let path else {
            file = Mutex(nil)
            return
        }
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else {
            throw FathomError(
                operation: "write", subject: "the events to \(path)",
                cause: String(cString: strerror(errno)), remedy: "Choose another file")
        }
        file = Mutex(FileHandle(fileDescriptor: descriptor, closeOnDealloc: true))
    }

    /// Writes one event at this moment.
    ///
    /// `sentence` is for a person; events without one, such as ages, are in the file only.
    public func note(
        _ event: LiveEvent, source: String, _ values: [(key: String, value: Value)] = [],
        sentence: String? = nil
    ) {
        if let sentence {
            logger.log(
                level: [.lost, .failed, .slowOutput].contains(event) ? .warning : .notice,
                "\(sentence)")
        }
        file.withLock { file in
            guard let file else { return }
            let pairs =
                [
                    ("time", .text(Self.now)), ("source", .text(source)),
                    ("event", .text(event.rawValue)),
                ] + values
            let line = pairs.map { "\(Self.quoted($0.0)):\(Self.json($0.1))" }
            // A disk that is full costs events, not the pictures.
            try? file.write(contentsOf: Data("{\(line.joined(separator: ","))}\n".utf8))
        }
    }

    private static var now: String {
        Date().formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }

    private static func json(_ value: Value) -> String {
        switch value {
        case .text(let text): quoted(text)
        case .whole(let number): String(number)
        case .number(let number):
            number.isFinite ? String((number * 1000).rounded() / 1000) : "null"
        }
    }

    private static func quoted(_ text: String) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        guard let data = try? encoder.encode(text) else { return "\"\"" }
        return String(decoding: data, as: UTF8.self)
    }
}
