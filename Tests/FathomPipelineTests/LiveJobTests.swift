import Fathom
import Foundation
import Logging
import Synchronization
import TestSupport
import Testing

/// A live job inside the test's own process, on a thread of its own.
private final class LiveRun: Sendable {
    let job: LiveJob
    let cancellation = Cancellation()
    private let thread: JoinedThread
    private let outcome: Outcome

    private final class Outcome: Sendable {
        let value = Mutex<(report: RunReport, error: FathomError?)?>(nil)
    }

    init(_ sources: [String], _ settings: KeyValuePairs<String, String> = [:]) throws {
        var configuration = LiveConfiguration()
        try configuration.set("size", "64")
        for (key, value) in settings { try configuration.set(key, value) }
        let job = try LiveJob(
            sources, configuration: configuration, cancellation: cancellation,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let outcome = Outcome()
        self.job = job
        self.outcome = outcome
        thread = JoinedThread(name: "job") {
            let result = job.run()
            outcome.value.withLock { $0 = result }
        }
    }

    /// Waits for the end that the job comes to by itself.
    func finish() throws -> (report: RunReport, error: FathomError?) {
        thread.join()
        return try #require(outcome.value.withLock { $0 })
    }

    /// Ends it as a person does.
    func interrupt() throws -> RunReport {
        cancellation.cancel()
        return try finish().report
    }

    /// Waits until the first source's status is as wanted; gives up after some seconds.
    func wait(until isReached: (LiveStatus) -> Bool) -> Bool {
        let end = SystemClock.monotonicNanoseconds + 30_000_000_000
        while SystemClock.monotonicNanoseconds < end {
            if isReached(job.statuses[0]) { return true }
            pause(seconds: 0.01)
        }
        return false
    }
}

/// Events of a file, as dictionaries.
private func events(_ path: String) throws -> [[String: Any]] {
    try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map { line in
        try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    }
}

@Suite("A live job") struct LiveJobTests {
    private func clip(in folder: TemporaryFolder, _ name: String, frames: Int) throws -> String {
        var clip = Clip()
        clip.setRate(Rational(50, 1), frames: frames, timeBase: Rational(1, 90000))
        let path = folder.path(name)
        try clip.write(to: path)
        return path
    }

    @Test("a recording at its own speed: every frame is published or counted as dropped")
    func accounts() throws {
        let folder = try TemporaryFolder()
        let path = try clip(in: folder, "a.mp4", frames: 40)
        let (report, error) = try LiveRun([path], ["realtime": "true"]).finish()
        #expect(error == nil)
        let source = try #require(report.sources?.first)
        #expect(source.framesIn == 40)
        #expect(source.framesIn == source.framesOut + source.framesDropped)
        #expect(source.framesDropped == source.drops.values.reduce(0, +))
        #expect(source.framesOut > 0)
        #expect(report.command == "live")
        #expect(report.result == .finished)
    }

    @Test("with --policy block nothing of a pipe is dropped")
    func block() throws {
        let folder = try TemporaryFolder()
        let path = try clip(in: folder, "a.ts", frames: 60)
        let pipe = folder.path("pipe")
        #expect(mkfifo(pipe, 0o600) == 0)
        let run = try LiveRun([pipe], ["policy": "block", "size": "256"])
        try feed(path, into: pipe)
        #expect(run.wait { $0.state == .lost && $0.framesOut == 60 })
        let report = try run.interrupt()
        #expect(report.framesIn == 60)
        #expect(report.framesOut == 60)
        #expect(report.framesDropped == 0)
        #expect(report.result == .interrupted)
    }

    @Test("the end of a pipe is a loss: the last picture goes on, marked, until there is more")
    func lossAndRecovery() throws {
        let folder = try TemporaryFolder()
        let path = try clip(in: folder, "a.ts", frames: 30)
        let pipe = folder.path("pipe")
        let log = folder.path("events.jsonl")
        #expect(mkfifo(pipe, 0o600) == 0)
        let run = try LiveRun([pipe], ["policy": "block", "events": log])
        let frames = run.job.feeds[0].frames.subscribe(capacity: 1000)
        try feed(path, into: pipe)
        #expect(run.wait { $0.state == .lost && $0.framesOut == 30 })
        // The picture is repeated while there is nothing newer.
        var isMarked = false
        while !isMarked, case .item(let frame) = frames.next(seconds: 20) {
            isMarked = frame.lostFor != nil
        }
        #expect(isMarked)
        try feed(path, into: pipe)
        #expect(run.wait { $0.framesOut == 60 })
        let report = try run.interrupt()
        #expect(report.sources?.first?.reconnects == 1)
        #expect(report.framesIn == report.framesOut)

        var last: Timestamp?
        while let frame = frames.next() {
            if let last { #expect(frame.picture.timestamp > last) }
            last = frame.picture.timestamp
        }
        let names = try events(log).compactMap { $0["event"] as? String }
            .filter { $0 != "age" && $0 != "dropped" }
        #expect(names.filter { $0 != "lost" } == ["connected", "recovered", "ended"])
        #expect(names.contains("lost"))
        for event in try events(log) {
            #expect(event["source"] as? String == pipe)
            #expect((event["time"] as? String)?.hasSuffix("Z") == true)
        }
    }

    @Test("frames older than --max-age are dropped for their age, and no published one is older")
    func maxAge() throws {
        let folder = try TemporaryFolder()
        let path = try clip(in: folder, "a.mp4", frames: 60)
        // A millisecond is less than the network takes: all but nothing can be in time.
        let (report, _) = try LiveRun(
            [path], ["realtime": "true", "max-age": "1", "size": "1024"]
        ).finish()
        let source = try #require(report.sources?.first)
        #expect((source.drops["age"] ?? 0) > 0)
        #expect(source.framesIn == source.framesOut + source.framesDropped)
        #expect(source.ageMs.max < 100)
    }

    @Test("--no-reconnect ends with an error that says what happened")
    func noReconnect() throws {
        let folder = try TemporaryFolder()
        let path = try clip(in: folder, "a.ts", frames: 10)
        let pipe = folder.path("pipe")
        #expect(mkfifo(pipe, 0o600) == 0)
        let run = try LiveRun([pipe], ["reconnect": "false"])
        try feed(path, into: pipe)
        let (report, error) = try run.finish()
        #expect(error?.description.contains(pipe) == true)
        #expect(report.result == .failed)
        #expect(report.error == error?.description)
    }

    @Test("one source that is never there doesn't keep another one from playing")
    func several() throws {
        let folder = try TemporaryFolder()
        let path = try clip(in: folder, "a.mp4", frames: 20)
        let run = try LiveRun(["rtsp://127.0.0.1:1/none", path], ["realtime": "true"])
        let end = SystemClock.monotonicNanoseconds + 30_000_000_000
        while run.job.statuses[1].framesIn < 20, SystemClock.monotonicNanoseconds < end {
            pause(seconds: 0.01)
        }
        #expect(run.job.statuses[0].state == .connecting)
        #expect(run.job.statuses[0].trouble != nil)
        let report = try run.interrupt()
        #expect(report.sources?.map(\.framesIn) == [0, 20])
    }

    @Test(
        "what can't be is refused before anything is opened, with the exit code of wrong usage",
        arguments: [
            ([], [:]), (["-", "-"], [:]), (["nowhere://x"], [:]), (["/dev/null"], [:]),
            (["rtsp://host/x"], ["range": "clip"]),
        ] as [([String], KeyValuePairs<String, String>)])
    func usage(sources: [String], settings: KeyValuePairs<String, String>) throws {
        let error = #expect(throws: FathomError.self) { try LiveRun(sources, settings) }
        #expect(error?.code == .usage)
    }

    /// Writes a file into a named pipe and closes it; waits for a reader.
    private func feed(_ path: String, into pipe: String) throws {
        let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        let handle = try #require(FileHandle(forWritingAtPath: pipe))
        try handle.write(contentsOf: bytes)
        try handle.close()
    }
}
