import Foundation
import Synchronization

/// Runs the `fathom` program that was built with the tests.
public struct Program: Sendable {
    /// How a run ended.
    public struct Result: Sendable {
        /// The exit code; negative: the signal that ended it.
        public var status: Int32
        /// Standard output.
        public var output: Data
        /// Standard error as text.
        public var errors: String

        /// Standard output as text.
        public var text: String { String(decoding: output, as: UTF8.self) }
    }

    /// Where this package lies.
    public static let packageRoot = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// A program that was built beside the tests.
    public static func path(_ name: String = "fathom") -> URL {
        let tests = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        return tests.deletingLastPathComponent().appendingPathComponent(name)
    }

    /// Runs a program to its end; `whileRunning` gets the process to send it signals.
    ///
    /// `openInput` goes into standard input, which then stays open: a program that reads it waits for more until
    /// it is told to stop.
    public static func run(
        _ name: String = "fathom", _ arguments: [String], in folder: URL? = nil,
        input: URL? = nil, openInput: Data? = nil, environment: [String: String] = [:],
        whileRunning: (Process) throws -> Void = { _ in }
    ) throws -> Result {
        let process = Process()
        process.executableURL = name.hasPrefix("/") ? URL(fileURLWithPath: name) : path(name)
        process.arguments = arguments
        if let folder { process.currentDirectoryURL = folder }
        if !environment.isEmpty {
            process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        }
        let heldOpen = openInput.map { _ in Pipe() }
        if let heldOpen {
            process.standardInput = heldOpen
        } else {
            process.standardInput =
                try input.map { try FileHandle(forReadingFrom: $0) } ?? FileHandle.nullDevice
        }
        let output = Pipe()
        let errors = Pipe()
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        let collected = Mutex(Data())
        let reader = Thread {
            let data = errors.fileHandleForReading.readDataToEndOfFile()
            collected.withLock { $0 = data }
        }
        reader.start()
        if let openInput, let heldOpen {
            signal(SIGPIPE, SIG_IGN)
            Thread.detachNewThread {
                try? heldOpen.fileHandleForWriting.write(contentsOf: openInput)
            }
        }
        defer { withExtendedLifetime(heldOpen) {} }
        try whileRunning(process)
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        while !reader.isFinished { sched_yield() }
        let status =
            process.terminationReason == .exit
            ? process.terminationStatus : -process.terminationStatus
        let text = collected.withLock { String(decoding: $0, as: UTF8.self) }
        return Result(status: status, output: data, errors: text)
    }

    /// Waits until something is true that a running program brings about.
    ///
    /// False when the program ended before; after a minute it is killed, so that no test waits for ever.
    public static func wait(for process: Process, until isReached: () -> Bool) -> Bool {
        for _ in 0..<30_000 {
            if isReached() { return true }
            guard process.isRunning else { return isReached() }
            usleep(2000)
        }
        kill(process.processIdentifier, SIGKILL)
        return false
    }

    /// Says, where a person who runs the tests sees it, that a check could not be made here.
    public static func skipped(_ what: String, _ why: String) {
        FileHandle.standardError.write(Data("skipped: \(what): \(why)\n".utf8))
    }
}
