import CFFmpeg
import Synchronization

/// Collects what FFmpeg and the libraries below it say, so that nothing of it reaches the terminal.
///
/// Decoders report damage here and nowhere else; encoders give the reason for a refusal here.
public enum MediaLog {
    /// How many of the latest messages are kept.
    public static let capacity = 64

    private struct State {
        var errors = 0
        var recent: [String] = []
    }

    private static let state = Mutex(State())
    private static let installed: Void = {
        av_log_set_level(AV_LOG_WARNING)
        av_log_set_callback { context, level, format, arguments in
            guard level <= AV_LOG_WARNING, let format, let arguments else { return }
            var line = [CChar](repeating: 0, count: 512)
            var prefix: Int32 = 1
            av_log_format_line2(
                context, level, format, arguments, &line, Int32(line.count), &prefix)
            MediaLog.note(text(line), isError: level <= AV_LOG_ERROR)
        }
    }()

    /// Takes the messages from FFmpeg; called by every type of this room that opens something.
    static func install() { _ = installed }

    private static func note(_ message: String, isError: Bool) {
        let line = String(message.map { $0.isNewline ? " " : $0 })
            .split(separator: " ", omittingEmptySubsequences: true).joined(separator: " ")
        guard !line.isEmpty else { return }
        state.withLock { state in
            if isError { state.errors += 1 }
            if state.recent.count == capacity { state.recent.removeFirst() }
            state.recent.append(line)
        }
    }

    /// How many error messages came in this process so far.
    public static var errorCount: Int { state.withLock { $0.errors } }

    /// The latest messages, oldest first, at most `capacity`.
    public static var recentMessages: [String] { state.withLock { $0.recent } }

    /// The latest message, for the cause of an error; nil when there has been none.
    static var lastMessage: String? { state.withLock { $0.recent.last } }

    /// Forgets the kept messages (not the count), so that a later `lastMessage` belongs to what follows.
    static func forgetMessages() { state.withLock { $0.recent.removeAll(keepingCapacity: true) } }
}
