import CFFmpeg
import FathomCore
import Glibc

extension StreamReader {
    /// Opens what the settings say; on a screen of which only a corner is asked for, all that is there of it.
    static func open(
        _ address: LiveAddress, _ settings: StreamSettings, _ deadline: LiveDeadline
    ) throws(LiveFailure) -> InputContext {
        do { return try attempt(address, settings, deadline) } catch {
            guard address.kind == .screen, settings.options["video_size"] == nil,
                let size = sizeWithinScreen(error.error.cause)
            else { throw error }
            var smaller = settings
            smaller.options["video_size"] = size
            return try attempt(address, smaller, deadline)
        }
    }

    /// What is left of a screen behind a corner, out of FFmpeg's refusal: "Capture area 640x480 at position 10.20
    /// outside the screen size 640x480".
    private static func sizeWithinScreen(_ message: String) -> String? {
        func numbers(behind words: String, separator: Character) -> (Int, Int)? {
            guard let start = message.firstRange(of: words) else { return nil }
            let text = message[start.upperBound...].prefix { $0.isNumber || $0 == separator }
            let parts = text.split(separator: separator).compactMap { Int($0) }
            return parts.count == 2 ? (parts[0], parts[1]) : nil
        }
        guard let corner = numbers(behind: "at position ", separator: "."),
            let screen = numbers(behind: "the screen size ", separator: "x"),
            corner.0 < screen.0, corner.1 < screen.1
        else { return nil }
        return "\(screen.0 - corner.0)x\(screen.1 - corner.1)"
    }

    private static func attempt(
        _ address: LiveAddress, _ settings: StreamSettings, _ deadline: LiveDeadline
    ) throws(LiveFailure) -> InputContext {
        MediaLog.install()
        avdevice_register_all()
        avformat_network_init()
        let interruption = deadline.interruption
        var source: ByteSource?
        if address.kind == .standardInput { source = .standardInput(interruption) }
        if address.kind == .file, isPipe(address.location) {
            source = .pipe(address.location, interruption)
            guard source != nil else {
                throw LiveFailure.of(
                    fathom_error_of_errno(errno), "open", address, messages: [])
            }
        }
        guard let fresh = avformat_alloc_context() else { throw noMemory(address) }
        fresh.pointee.interrupt_callback = interruption.callback
        var bytes: UnsafeMutablePointer<AVIOContext>?
        do { bytes = try source?.open() } catch {
            avformat_free_context(fresh)
            throw LiveFailure(.other, error)
        }
        if let bytes { fresh.pointee.pb = bytes }
        var dictionary: OpaquePointer?
        defer { av_dict_free(&dictionary) }
        for (key, value) in settings.options { av_dict_set(&dictionary, key, value, 0) }
        av_dict_set(&dictionary, "pattern_type", "none", 0)
        let url =
            bytes != nil
            ? "" : address.kind == .file ? "file:" + address.location : settings.url ?? ""
        var opened: UnsafeMutablePointer<AVFormatContext>? = fresh
        let (code, messages) = ThreadMessages.collect { collected in
            let code = avformat_open_input(
                &opened, url, settings.format.flatMap { av_find_input_format($0) }, &dictionary)
            return (code, collected.messages)
        }
        guard code >= 0, let opened else {
            ByteSource.free(&bytes)
            withExtendedLifetime((interruption, source)) {}
            throw failure(code, "open", address, deadline, messages)
        }
        return InputContext(opened, interruption: interruption, bytes: bytes, byteSource: source)
    }

    private static func isPipe(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO
    }

    private static func noMemory(_ address: LiveAddress) -> LiveFailure {
        LiveFailure(.other, .outOfMemory("open"))
    }

    /// What a code means, when the time was over or the person ended the work, too.
    static func failure(
        _ code: Int32, _ operation: String, _ address: LiveAddress, _ deadline: LiveDeadline,
        _ messages: [String]
    ) -> LiveFailure {
        if deadline.wasCancelled {
            return LiveFailure(.interrupted, operation, address, cause: "it was interrupted")
        }
        if deadline.hasInterrupted {
            return LiveFailure(
                .timedOut, operation, address, cause: "nothing came in the time allowed",
                remedy: "Check the source and the network")
        }
        if address.kind == .screen {
            return LiveFailure(
                operation == "read" ? .unplugged : .notFound, operation, address,
                cause: operation == "read"
                    ? "the X server went away"
                    : messages.last.map(address.scrubbed) ?? "there is no X server of this name",
                remedy: "Check the display, and whether this user may use it")
        }
        return .of(code, operation, address, messages: messages)
    }
}
