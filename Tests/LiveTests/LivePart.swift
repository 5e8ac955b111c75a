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
    // Not sent to while it is changed: it is set up before anybody else sees it.
    private nonisolated(unsafe) let process = Process()
    private let commands = Pipe()
    private let said = Mutex<(lines: [Line], ended: Bool)>(([], false))

    /// Starts a script and waits until it is ready. `errorsAreLines`: its events come on standard error.
    init(
        _ script: String, _ arguments: [String] = [], output: FileHandle? = nil,
        isReadyWithin seconds: Double = 30
    ) throws {
        self.script = script
        let isShell = script.hasSuffix(".sh")
        process.executableURL = URL(fileURLWithPath: isShell ? "/bin/bash" : "/usr/bin/python3")
        process.arguments = ["\(Self.folder)/\(script)"] + arguments
        process.environment = ProcessInfo.processInfo.environment.merging([
            "FATHOM_PART_TIED": "1", "PYTHONDONTWRITEBYTECODE": "1",
        ]) { $1 }
        let lines = Pipe()
        process.standardInput = commands
        if let output {
            process.standardOutput = output
            process.standardError = lines
        } else {
            process.standardOutput = lines
        }
        signal(SIGPIPE, SIG_IGN)
        try process.run()
        listen(to: lines.fileHandleForReading)
        _ = try wait(for: "READY", within: seconds)
    }

    deinit { stop() }

    private func listen(to handle: FileHandle) {
        Thread.detachNewThread { [weak self] in
            var rest = Data()
            while true {
                let more = handle.availableData
                if more.isEmpty { break }
                rest += more
                while let end = rest.firstIndex(of: 10) {
                    let line = Line(String(decoding: rest[rest.startIndex..<end], as: UTF8.self))
                    rest = Data(rest[rest.index(after: end)...])
                    self?.said.withLock { $0.lines.append(line) }
                }
            }
            self?.said.withLock { $0.ended = true }
        }
    }

    /// Everything that it has said so far.
    var lines: [Line] { said.withLock { $0.lines } }

    /// How it can be reached, by the names of its READY line.
    subscript(key: String) -> String { lines.first { $0.word == "READY" }?[key] ?? "" }

    var url: String { self["url"] }

    /// The number of lines so far, to wait for something newer.
    var now: Int { said.withLock { $0.lines.count } }

    /// Waits for a line that it says after a moment of `now`.
    @discardableResult
    func wait(
        for word: String, after moment: Int = 0, within seconds: Double = 20,
        where matches: (Line) -> Bool = { _ in true }
    ) throws -> Line {
        let found = Deadline(seconds).wait {
            said.withLock { said in
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
        try commands.fileHandleForWriting.write(contentsOf: Data("\(command)\n".utf8))
        let word = command.split(separator: " ").first.map(String.init)
        try wait(for: "DONE", after: moment) { $0["command"] == word }
    }

    /// SIGKILL, SIGSTOP or SIGCONT.
    func send(_ signal: Int32) {
        kill(process.processIdentifier, signal)
        if signal == SIGKILL { process.waitUntilExit() }
    }

    /// Ends it as a person would; its exit status, negative for the signal that ended it.
    @discardableResult
    func stop() -> Int32 {
        if process.isRunning {
            kill(process.processIdentifier, SIGCONT)
            kill(process.processIdentifier, SIGTERM)
            if !Deadline(10).wait({ !process.isRunning }) {
                kill(process.processIdentifier, SIGKILL)
            }
            process.waitUntilExit()
        }
        try? commands.fileHandleForWriting.close()
        return process.terminationReason == .exit
            ? process.terminationStatus : -process.terminationStatus
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
