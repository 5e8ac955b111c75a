import Foundation
import Synchronization
import TestSupport

/// The built `fathom live` at work: its events, its end, its report.
final class LiveProgram: Sendable {
    /// A line of `--events`.
    struct Event: Sendable {
        /// Keys and values; numbers are written as in the file.
        var values: [String: String]

        init?(_ line: Substring) {
            guard let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)),
                let pairs = object as? [String: Any]
            else { return nil }
            values = pairs.mapValues { "\($0)" }
        }

        subscript(key: String) -> String { values[key] ?? "" }
        var name: String { self["event"] }
        /// Whether it is about the source itself, not about one of its outputs.
        var isOfSource: Bool { values["output"] == nil }
    }

    /// How it ended.
    struct End {
        /// The exit code; negative: the signal that ended it.
        var status: Int32
        /// Standard error.
        var errors: String
        /// Seconds from being asked to the end.
        var seconds: Double
        var report: Report
    }

    /// What a test reads of the report.
    struct Report: Decodable {
        struct Source: Decodable {
            var framesIn: Int
            var framesOut: Int
            var framesDropped: Int
            var ageMs: Ages
            var reconnects: Int
        }
        struct Ages: Decodable {
            var p50: Double
            var p95: Double
            var p99: Double
            var max: Double
        }
        struct Output: Decodable {
            var path: String
            var kind: String
        }

        var framesIn = 0
        var framesOut = 0
        var framesDropped = 0
        var sources: [Source]? = []
        var outputs: [Output] = []
        var result = ""
        var error: String?
        var warnings: [String] = []

        var source: Source {
            (sources ?? []).first
                ?? Source(
                    framesIn: 0, framesOut: 0, framesDropped: 0,
                    ageMs: Ages(p50: 0, p95: 0, p99: 0, max: 0), reconnects: 0)
        }
    }

    /// A folder of this run's own.
    let folder: TemporaryFolder
    private let process: ChildProcess
    private let said: Said

    private final class Said: Sendable {
        let state = Mutex<(data: Data, ended: Bool)>((Data(), false))
    }

    /// Starts it on sources. The network's input is small unless `--size` says otherwise; `space` is a network namespace.
    init(
        _ sources: [String], _ options: [String] = [], input: Int32 = -1, space: String? = nil
    ) throws {
        folder = try TemporaryFolder()
        var arguments = ["live"] + sources
        arguments += ["--events", folder.path("events.jsonl")]
        arguments += ["--json-report", folder.path("report.json")] + options
        if !options.contains("--size") { arguments += ["--size", "64"] }
        var program = Program.path().path
        if let space {
            arguments = ["netns", "exec", space, program] + arguments
            program = "/bin/ip"
        }
        let errors = try PipeEnds()
        process = try ChildProcess(
            program, arguments, folder: folder.url.path, input: input, errors: errors.writing)
        close(errors.writing)
        let said = Said()
        self.said = said
        drain(errors.reading) { data in
            said.state.withLock { state in
                if let data { state.data += data } else { state.ended = true }
            }
        }
    }

    convenience init(_ source: String, _ options: [String] = [], space: String? = nil) throws {
        try self.init([source], options, space: space)
    }

    deinit {
        process.send(SIGKILL)
        _ = Deadline(5).wait { !process.isRunning }
    }

    func path(_ name: String) -> String { folder.path(name) }

    var isRunning: Bool { process.isRunning }
    var saidErrors: String { said.state.withLock { String(decoding: $0.data, as: UTF8.self) } }

    // MARK: Events

    /// All events so far.
    var events: [Event] {
        guard let text = try? String(contentsOfFile: path("events.jsonl"), encoding: .utf8) else {
            return []
        }
        return text.split(separator: "\n").compactMap(Event.init)
    }

    /// How many events there were of a name, about sources.
    func count(_ name: String) -> Int { events.count { $0.name == name && $0.isOfSource } }

    /// Waits for the `count`th event of a name.
    @discardableResult
    func wait(
        for name: String, count: Int = 1, within seconds: Double = 30,
        where matches: (Event) -> Bool = { $0.isOfSource }
    ) throws -> Event {
        var found: [Event] = []
        _ = Deadline(seconds).wait {
            found = events.filter { $0.name == name && matches($0) }
            return found.count >= count || !process.isRunning
        }
        found = events.filter { $0.name == name && matches($0) }
        guard found.count >= count else {
            let seen = events.map { "\($0.values)" }.joined(separator: "\n")
            throw LivePart.Failure(
                description: "no event \(name) (number \(count)); events:\n\(seen)\n\(saidErrors)")
        }
        return found[count - 1]
    }

    // MARK: End

    /// Waits until it ends by itself.
    func end(within seconds: Double = 60) throws -> End {
        let start = Date()
        guard Deadline(seconds).wait({ !process.isRunning }), let status = process.status else {
            process.send(SIGKILL)
            throw LivePart.Failure(description: "it does not end: \(saidErrors)")
        }
        let seconds = Date().timeIntervalSince(start)
        _ = Deadline(5).wait { said.state.withLock { $0.ended } }
        var report = Report()
        if let data = FileManager.default.contents(atPath: path("report.json")) {
            report = try JSONDecoder().decode(Report.self, from: data)
        }
        return End(status: status, errors: saidErrors, seconds: seconds, report: report)
    }

    /// Ctrl-C, and its end.
    func interrupt() throws -> End {
        process.send(SIGINT)
        return try end(within: 20)
    }

    /// Any signal.
    func send(_ signal: Int32) { process.send(signal) }
}
