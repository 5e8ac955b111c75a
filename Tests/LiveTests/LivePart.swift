import Foundation
import Synchronization
import TestSupport

/// A real server, camera or network of `Tests/LiveParts`, for as long as a test holds it.
final class LivePart: Sendable {
    /// A line that a part says: `WORD key=value …`.
    struct Line: Sendable {
        var word: String
        var values: [String: String]

        init(_ text: String) {
            let fields = text.split(separator: " ")
            word = fields.first.map(String.init) ?? ""
            values = [:]
            for field in fields.dropFirst() {
                let pair = field.split(separator: "=", maxSplits: 1)
                values[String(pair[0])] = pair.count > 1 ? String(pair[1]) : ""
            }
        }

        subscript(key: String) -> String { values[key] ?? "" }
    }

    /// What went wrong with a part.
    struct Failure: Error, CustomStringConvertible { var description: String }

    private static let folder = Program.packageRoot.appendingPathComponent("Tests/LiveParts").path
    private let script: String
    private let process: ChildProcess
    private let commands: Int32
    private let said: Said

    private final class Said: Sendable {
        let state = Mutex<(lines: [Line], rest: Data, ended: Bool)>(([], Data(), false))

        func take(_ data: Data?) {
            state.withLock { state in
                guard let data else {
                    state.ended = true
                    return
                }
                state.rest += data
                while let end = state.rest.firstIndex(of: 10) {
                    let text = String(
                        decoding: state.rest[state.rest.startIndex..<end], as: UTF8.self)
                    state.lines.append(Line(text))
                    state.rest = Data(state.rest[state.rest.index(after: end)...])
                }
            }
        }
    }

    /// Starts a script and waits until it is ready.
    ///
    /// With `output` its standard output goes there, and its events come on standard error.
    init(
        _ script: String, _ arguments: [String] = [], output: Int32? = nil,
        isReadyWithin seconds: Double = 30
    ) throws {
        self.script = script
        signal(SIGPIPE, SIG_IGN)
        let input = try PipeEnds()
        let lines = try PipeEnds()
        let isShell = script.hasSuffix(".sh")
        process = try ChildProcess(
            isShell ? "/bin/bash" : "/usr/bin/python3", ["\(Self.folder)/\(script)"] + arguments,
            environment: ["FATHOM_PART_TIED": "1", "PYTHONDONTWRITEBYTECODE": "1"],
            input: input.reading, output: output ?? lines.writing,
            errors: output == nil ? STDERR_FILENO : lines.writing)
        close(input.reading)
        close(lines.writing)
        commands = input.writing
        let said = Said()
        self.said = said
        drain(lines.reading) { said.take($0) }
        _ = try wait(for: "READY", within: seconds)
    }

    deinit {
        stop()
        close(commands)
    }

    /// Everything that it has said so far.
    var lines: [Line] { said.state.withLock { $0.lines } }

    /// How it can be reached, by the names of its READY line.
    subscript(key: String) -> String { lines.first { $0.word == "READY" }?[key] ?? "" }

    var url: String { self["url"] }

    /// The number of lines so far, to wait for something newer.
    var now: Int { said.state.withLock { $0.lines.count } }

    /// Waits for a line that it says after a moment of `now`.
    @discardableResult
    func wait(
        for word: String, after moment: Int = 0, within seconds: Double = 20,
        where matches: (Line) -> Bool = { _ in true }
    ) throws -> Line {
        let found = Deadline(seconds).wait {
            said.state.withLock { said in
                said.ended
                    || said.lines.dropFirst(moment).contains { $0.word == word && matches($0) }
            }
        }
        let line = lines.dropFirst(moment).first { $0.word == word && matches($0) }
        guard found, let line else {
            let said = lines.map { "\($0.word) \($0.values)" }.joined(separator: "; ")
            throw Failure(description: "\(script) does not say \(word); it says: \(said)")
        }
        return line
    }

    /// Tells it to do something, and waits until it is done.
    func tell(_ command: String) throws {
        let moment = now
        let line = Array("\(command)\n".utf8)
        guard write(commands, line, line.count) == line.count else {
            throw Failure(description: "\(script) takes no commands any more")
        }
        let word = command.split(separator: " ").first.map(String.init)
        try wait(for: "DONE", after: moment) { $0["command"] == word }
    }

    /// SIGKILL, SIGSTOP or SIGCONT.
    func send(_ signal: Int32) {
        process.send(signal)
        if signal == SIGKILL { _ = Deadline(10).wait { !process.isRunning } }
    }

    /// Ends it as a person would; its exit status, negative for the signal that ended it.
    @discardableResult
    func stop() -> Int32 {
        process.send(SIGCONT)
        process.send(SIGTERM)
        if !Deadline(10).wait({ !process.isRunning }) {
            process.send(SIGKILL)
            _ = Deadline(10).wait { !process.isRunning }
        }
        return process.status ?? -SIGKILL
    }
}

/// Some seconds from now on.
struct Deadline {
    private let end: Date

    init(_ seconds: Double) { end = Date().addingTimeInterval(seconds) }

    var hasPassed: Bool { Date() >= end }

    /// Waits until something is so; whether it came to that in time.
    func wait(_ condition: () -> Bool) -> Bool {
        while !hasPassed {
            if condition() { return true }
            usleep(5000)
        }
        return condition()
    }
}
