import CFFmpeg
import Glibc
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
        silenceSRT()
        av_log_set_level(AV_LOG_WARNING)
        av_log_set_callback { context, level, format, arguments in
            guard level <= AV_LOG_WARNING, let format, let arguments else { return }
            var line = [CChar](repeating: 0, count: 512)
            var prefix: Int32 = 1
            av_log_format_line2(
                context, level, format, arguments, &line, Int32(line.count), &prefix)
            let message = MediaLog.cleaned(text(line))
            MediaLog.note(message, isError: level <= AV_LOG_ERROR)
            ThreadMessages.note(message)
            if level <= AV_LOG_ERROR { DecoderLog.note(message, context) }
        }
    }()

    /// libsrt prints by itself, past FFmpeg's log, and FFmpeg has no way to stop it.
    private static func silenceSRT() {
        guard let symbol = dlsym(nil, "srt_setloglevel") else { return }
        typealias SetLogLevel = @convention(c) (CInt) -> Void
        // As for syslog: from emergencies on, of which it has none.
        unsafeBitCast(symbol, to: SetLogLevel.self)(0)
    }

    /// Takes the messages from FFmpeg; called by every type of this room that opens something.
    static func install() { _ = installed }

    /// One line without the address of the speaker: `[h264 @ 0x55d0] no frame!` becomes `h264: no frame!`.
    private static func cleaned(_ message: String) -> String {
        let line = String(message.map { $0.isNewline ? " " : $0 })
            .split(separator: " ", omittingEmptySubsequences: true).joined(separator: " ")
        guard line.first == "[", let end = line.firstIndex(of: "]") else { return line }
        let speaker = line[..<end].dropFirst().prefix { $0 != " " }
        return "\(speaker):\(line[line.index(after: end)...])"
    }

    private static func note(_ line: String, isError: Bool) {
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

/// Counts what one decoder says; FFmpeg's frame threads have copies of its context, which keep the address of this.
final class DecoderLog: @unchecked Sendable {
    // Sendable: its state is behind a lock.
    private let state = Mutex((count: 0, first: String?.none))

    /// How many error messages came.
    var count: Int { state.withLock { $0.count } }

    /// The first error message.
    var first: String? { state.withLock { $0.first } }

    /// Finds the log that a message belongs to, by the context that FFmpeg says it in.
    static func note(_ message: String, _ context: UnsafeMutableRawPointer?) {
        guard let context,
            let described = context.load(as: UnsafePointer<AVClass>?.self),
            let name = described.pointee.class_name, strcmp(name, "AVCodecContext") == 0,
            let opaque = context.assumingMemoryBound(to: AVCodecContext.self).pointee.opaque
        else { return }
        Unmanaged<DecoderLog>.fromOpaque(opaque).takeUnretainedValue().state.withLock { state in
            state.count += 1
            if state.first == nil { state.first = message }
        }
    }
}

/// What FFmpeg says on one thread while work is done there: several sources are open at once, and a failure's reason
/// must not be taken from what is said about another one.
final class ThreadMessages {
    private(set) var messages: [String] = []

    private static let key: pthread_key_t = {
        var key = pthread_key_t()
        pthread_key_create(&key, nil)
        return key
    }()

    /// Does work and gives it the list of what FFmpeg says on this thread from now on.
    static func collect<R, E: Error>(_ work: (ThreadMessages) throws(E) -> R) throws(E) -> R {
        let collected = ThreadMessages()
        let before = pthread_getspecific(key)
        pthread_setspecific(key, Unmanaged.passUnretained(collected).toOpaque())
        defer { pthread_setspecific(key, before) }
        return try work(collected)
    }

    static func note(_ message: String) {
        guard !message.isEmpty, let collector = pthread_getspecific(key) else { return }
        let collected = Unmanaged<ThreadMessages>.fromOpaque(collector).takeUnretainedValue()
        if collected.messages.count == MediaLog.capacity { collected.messages.removeFirst() }
        collected.messages.append(message)
    }
}
