import Fathom
import Foundation
import Synchronization

/// Shows how far a training is: one line that is rewritten in a terminal, a plain line now and then elsewhere.
final class TrainingLine: Sendable {
    private static let secondsBetweenLines = Terminal.isInteractive ? 0.2 : 10.0
    private let state = Mutex((last: 0.0, isShown: false, validated: 0))

    /// Shows a training's progress, unless it did a moment ago.
    func show(_ progress: TrainingProgress) {
        let now = Double(SystemClock.monotonicNanoseconds) / 1e9
        state.withLock { state in
            guard now - state.last >= Self.secondsBetweenLines || progress.phase != nil else {
                return
            }
            state.last = now
            let text = Self.text(progress)
            if Terminal.isInteractive {
                Terminal.raw("\r\u{1B}[K" + String(text.prefix(Terminal.width - 1)))
                state.isShown = true
            } else if progress.phase == nil {
                Terminal.error(text)
            }
        }
    }

    /// Takes the line away, so that what follows stands alone.
    func clear() {
        state.withLock { state in
            if state.isShown { Terminal.raw("\r\u{1B}[K") }
            state.isShown = false
        }
    }

    /// `step 1200/20000  loss 0.0512  23.5 samples/s  1:12:05 left  absRel 0.142 delta1 0.83`
    static func text(_ progress: TrainingProgress) -> String {
        var parts = ["step \(progress.step)/\(progress.steps)"]
        if let phase = progress.phase { parts.append(phase) }
        if let loss = progress.loss { parts.append("loss \(number(loss))") }
        if progress.samplesPerSecond > 0 {
            parts.append(String(format: "%.1f samples/s", progress.samplesPerSecond))
        }
        if let left = progress.remainingSeconds {
            parts.append("\(MediaTime.short(seconds: left)) left")
        }
        if progress.waitingShare > 0.05 {
            parts.append(String(format: "%.0f%% waiting for data", progress.waitingShare * 100))
        }
        let metrics = metrics(progress.validation)
        if !metrics.isEmpty { parts.append(metrics) }
        return parts.joined(separator: "  ")
    }

    /// What a person reads at the end.
    static func summary(_ summary: TrainingSummary) -> [String] {
        let end =
            switch summary.end {
            case .finished: "finished"
            case .stoppedEarly: "stopped early: the validation got no better"
            case .interrupted: "interrupted: go on with --resume"
            case .paused: "paused"
            }
        var lines = [
            "\(end) at step \(summary.step)"
                + (summary.loss.map { ", loss \(number($0))" } ?? "")
                + String(format: ", %.1f samples/s", summary.samplesPerSecond)
        ]
        if let step = summary.bestStep {
            lines.append("best at step \(step): \(metrics(summary.bestMetrics))")
        }
        return lines
    }

    private static func metrics(_ metrics: [String: Double]) -> String {
        let first = ["absRel", "delta1", "loss"]
        return first.compactMap { name in metrics[name].map { "\(name) \(number($0))" } }
            .joined(separator: " ")
    }

    private static func number(_ value: Double) -> String { String(format: "%.4g", value) }
}
