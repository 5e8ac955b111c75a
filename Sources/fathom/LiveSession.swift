import Fathom
import Foundation
import Logging
import Synchronization

/// One `fathom live` as a person sees it: how the sources are while it plays, a summary at the end, the exit code.
struct LiveSession {
    let sources: [String]
    let configuration: LiveConfiguration

    func run() throws {
        let cancellation = Cancellation()
        Interrupts.watch(cancellation)
        let line = LiveLine()
        let isQuiet = configuration.run.quiet
        let logger = Logger(label: "fathom") { _ in
            TerminalLog(isQuiet: isQuiet, before: { line.clear() })
        }
        let job = try LiveJob(
            sources, configuration: configuration, cancellation: cancellation, logger: logger)
        let server = try configuration.serve.map { _ in
            try LiveServer(
                feeds: job.feeds, hls: job.playlists, configuration: configuration, logger: logger)
        }
        server?.start()
        if let server { logger.notice("the page is \(server.address)") }
        let result = Mutex<(report: RunReport, error: FathomError?)?>(nil)
        let worker = JoinedThread(name: "live") {
            let outcome = job.run()
            server?.stop()
            result.withLock { $0 = outcome }
        }
        while !worker.join(seconds: 0.25) {
            if !isQuiet, !cancellation.isCancelled { line.show(job.statuses) }
        }
        line.clear()
        guard let (report, error) = result.withLock({ $0 }) else { return }
        if let path = configuration.run.jsonReport { try report.write(to: path) }
        if !isQuiet { LiveSummary.show(report) }
        if let error { throw error }
        // A reader that could not be ended may still be there: the program ends all the same.
        let code = report.result == .interrupted ? FathomError.Code.interrupted.rawValue : 0
        fflush(nil)
        Foundation.exit(code)
    }
}

/// Shows how live sources are: a line each that is rewritten in a terminal, plain lines now and then elsewhere.
final class LiveLine: Sendable {
    private let isInteractive = Terminal.isInteractive
    private let secondsBetweenPlainLines = 10.0
    private let state = Mutex((lastPlainLine: 0.0, lines: 0))

    func show(_ statuses: [LiveStatus]) {
        state.withLock { state in
            let width = Terminal.width
            if isInteractive {
                Terminal.raw(Self.erase(state.lines))
                let lines = statuses.map { Self.text($0, width: width - 1) }
                Terminal.raw(lines.joined(separator: "\n"))
                state.lines = lines.count
            } else if let seconds = statuses.first?.seconds,
                seconds - state.lastPlainLine >= secondsBetweenPlainLines
            {
                state.lastPlainLine = seconds
                for status in statuses { Terminal.error(Self.text(status, width: 200)) }
            }
        }
    }

    /// Takes the lines away, so that what follows stands alone.
    func clear() {
        state.withLock { state in
            Terminal.raw(Self.erase(state.lines))
            state.lines = 0
        }
    }

    private static func erase(_ lines: Int) -> String {
        guard lines > 0 else { return "" }
        let up = lines > 1 ? "\u{1B}[\(lines - 1)A" : ""
        return "\r\(up)\u{1B}[J"
    }

    /// `0 rtsp://camera/stream  playing  30.0 → 30.0 fps  age 24/31/38 ms  12 dropped  depth 61%`
    static func text(_ status: LiveStatus, width: Int) -> String {
        var parts: [String] = []
        switch status.state {
        case .playing:
            parts.append(
                String(format: "%.1f → %.1f fps", status.inputRate, status.outputRate))
            let age = status.recentAgeMs
            parts.append(String(format: "age %.0f/%.0f/%.0f ms", age.p50, age.p95, age.p99))
            parts.append("\(status.framesDropped) dropped")
            if let stage = status.limitingStage, let load = status.load[stage] {
                parts.append(String(format: "%@ %.0f%%", stage, load * 100))
            }
            let troubled = status.outputs.filter { $0.state != "working" }
            if !troubled.isEmpty {
                parts.append("\(troubled[0].name) \(troubled[0].state)")
            }
        case .connecting, .lost, .ended:
            parts.append(status.state == .lost ? "SIGNAL LOST" : status.state.rawValue)
            if let trouble = status.trouble { parts.append(trouble) }
        }
        let rest = parts.joined(separator: "  ")
        // The numbers stay; a long address gives way.
        let room = max(12, width - rest.count - 4)
        let name = status.name.count > room ? "…\(status.name.suffix(room - 1))" : status.name
        return String("\(status.source) \(name)  \(rest)".prefix(width))
    }
}

/// What a person reads when live sources have ended.
enum LiveSummary {
    static func show(_ report: RunReport) {
        for source in report.sources ?? [] {
            let drops = source.drops.sorted { $0.key < $1.key }
                .map { "\($0.value) \($0.key)" }.joined(separator: ", ")
            Terminal.error(
                "\(source.name): \(source.framesIn) frames in, \(source.framesOut) out, "
                    + "\(source.framesDropped) dropped\(drops.isEmpty ? "" : " (\(drops))")"
                    + (source.reconnects > 0 ? ", \(source.reconnects) reconnects" : ""))
            guard source.framesOut > 0 else { continue }
            let age = source.ageMs
            Terminal.error(
                String(
                    format:
                        "age of frames: median %.0f ms, 95%% %.0f ms, 99%% %.0f ms, oldest %.0f ms",
                    age.p50, age.p95, age.p99, age.max))
        }
        for output in report.outputs where output.path != "-" {
            Terminal.error("wrote \(output.path)")
        }
    }
}
