import Fathom
import Foundation
import Synchronization

/// Shows how far a run is: one line that is rewritten in a terminal, a plain line now and then elsewhere.
final class ProgressLine: Sendable {
    private let isInteractive = Terminal.isInteractive
    private let secondsBetweenPlainLines = 10.0
    private let state = Mutex((lastPlainLine: 0.0, isShown: false))

    func show(_ progress: RunProgress) {
        state.withLock { state in
            if isInteractive {
                let line = Self.text(progress, isShort: Terminal.width < 100)
                Terminal.raw("\r\u{1B}[K" + String(line.prefix(Terminal.width - 1)))
                state.isShown = true
            } else if progress.elapsedSeconds - state.lastPlainLine >= secondsBetweenPlainLines {
                state.lastPlainLine = progress.elapsedSeconds
                Terminal.error(Self.text(progress, isShort: false))
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

    /// `42%  1234 frames  31.5 fps  1.05× real time  12s left  depth 3/4 render 0/4 encode 4/4  limited by encode`
    static func text(_ progress: RunProgress, isShort: Bool) -> String {
        var parts: [String] = []
        if let phase = progress.phase { parts.append(phase) }
        if let share = progress.share {
            parts.append(String(format: "%3.0f%%", share * 100))
        } else {
            parts.append(MediaTime.short(seconds: progress.mediaSeconds))
        }
        parts.append("\(progress.frames) frames")
        parts.append(String(format: "%.1f fps", progress.fps))
        parts.append(String(format: isShort ? "%.2f×" : "%.2f× real time", progress.realTimeFactor))
        if let left = progress.remainingSeconds {
            parts.append("\(MediaTime.short(seconds: left)) left")
        }
        if !isShort && !progress.queues.isEmpty {
            parts.append(
                progress.queues.map { "\($0.name) \($0.fill)/\($0.capacity)" }.joined(
                    separator: " "))
        }
        if let stage = progress.limitingStage { parts.append("limited by \(stage)") }
        return parts.joined(separator: "  ")
    }
}
