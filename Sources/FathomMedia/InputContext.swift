import CFFmpeg
import FathomCore
import Glibc

/// Asks a closure whether FFmpeg should give up; lives as long as the context that holds its address.
final class Interruption {
    let isCancelled: @Sendable () -> Bool

    init(_ isCancelled: @escaping @Sendable () -> Bool) { self.isCancelled = isCancelled }

    /// For an `AVFormatContext`: the owner keeps `self` alive.
    var callback: AVIOInterruptCB {
        AVIOInterruptCB(
            callback: { opaque in
                guard let opaque else { return 0 }
                let interruption = Unmanaged<Interruption>.fromOpaque(opaque).takeUnretainedValue()
                return interruption.isCancelled() ? 1 : 0
            }, opaque: Unmanaged.passUnretained(self).toOpaque())
    }
}

/// One open container: owns FFmpeg's context for reading.
final class InputContext {
    /// Sides and areas beyond these are refused before anything is allocated for them.
    static let maximumSide = 32768
    static let maximumPixels = 1 << 27
    /// A container that claims more frames a second than this is broken.
    static let maximumFrameRate = 1_000_000.0

    let pointer: UnsafeMutablePointer<AVFormatContext>
    private let interruption: Interruption
    /// FFmpeg's view of bytes that Fathom reads itself, and where they come from.
    private var bytes: UnsafeMutablePointer<AVIOContext>?
    private let byteSource: ByteSource?

    /// Opens a file, an address or (with nil) standard input, and looks at the streams.
    init(
        path: String?, format: String? = nil, options: [String: String] = [:],
        interruption: Interruption
    ) throws(FathomError) {
        MediaLog.install()
        MediaLog.forgetMessages()
        self.interruption = interruption
        let subject = path ?? "standard input"
        // Devices such as FFmpeg's test patterns are not known before this.
        if format != nil { avdevice_register_all() }
        guard let context = avformat_alloc_context() else { throw .outOfMemory("open") }
        context.pointee.interrupt_callback = interruption.callback
        byteSource = path == nil ? ByteSource.standardInput(interruption) : nil
        bytes = try byteSource?.open()
        if let bytes { context.pointee.pb = bytes }
        var dictionary: OpaquePointer?
        defer { av_dict_free(&dictionary) }
        for (key, value) in options { av_dict_set(&dictionary, key, value, 0) }
        // A name with "%" is a name: patterns are resolved before.
        av_dict_set(&dictionary, "pattern_type", "none", 0)
        // "file:" so that a colon in a name is not taken for a protocol.
        let url = path.map { $0.contains("://") ? $0 : "file:" + $0 } ?? ""
        var opened: UnsafeMutablePointer<AVFormatContext>? = context
        let code = avformat_open_input(
            &opened, url, format.flatMap { av_find_input_format($0) }, &dictionary)
        guard code >= 0, let opened else {
            ByteSource.free(&bytes)
            throw Self.openError(code, subject: subject, path: path, interruption: interruption)
        }
        pointer = opened
        // From here on `deinit` cleans up.
        let container = String(cString: opened.pointee.iformat.pointee.name)
        if ["tty", "bin", "xbin", "adf", "idf"].contains(container) {
            throw FathomError(
                operation: "open", subject: subject, cause: "it is text, not media",
                remedy: "Name a video file, a picture or a folder of pictures")
        }
        let found = Self.findStreams(opened)
        if interruption.isCancelled() { throw Self.interrupted(subject) }
        guard found >= 0 || opened.pointee.nb_streams > 0 else {
            throw FathomError(
                operation: "open", subject: subject, cause: describeError(found),
                remedy: "The file may be damaged: play it with another program to see")
        }
    }

    /// Takes over what is open.
    init(
        _ pointer: UnsafeMutablePointer<AVFormatContext>, interruption: Interruption,
        bytes: UnsafeMutablePointer<AVIOContext>?, byteSource: ByteSource?
    ) {
        self.pointer = pointer
        self.interruption = interruption
        self.bytes = bytes
        self.byteSource = byteSource
    }

    deinit {
        var context: UnsafeMutablePointer<AVFormatContext>? = pointer
        avformat_close_input(&context)
        ByteSource.free(&bytes)
    }

    func stream(_ index: Int) -> UnsafeMutablePointer<AVStream>? {
        guard index >= 0, index < Int(pointer.pointee.nb_streams) else { return nil }
        return pointer.pointee.streams[index]
    }

    static func interrupted(_ subject: String) -> FathomError {
        FathomError(
            .interrupted, operation: "read", subject: subject, cause: "it was interrupted")
    }

    /// FFmpeg opens decoders to learn what containers don't say: they get the limit on sizes, too.
    static func findStreams(_ context: UnsafeMutablePointer<AVFormatContext>) -> Int32 {
        let count = Int(context.pointee.nb_streams)
        var options = [OpaquePointer?](repeating: nil, count: max(count, 1))
        for index in 0..<count {
            av_dict_set(&options[index], "max_pixels", String(maximumPixels), 0)
        }
        let code = avformat_find_stream_info(context, &options)
        for index in 0..<count { av_dict_free(&options[index]) }
        return code
    }

    private static func openError(
        _ code: Int32, subject: String, path: String?, interruption: Interruption
    ) -> FathomError {
        if interruption.isCancelled() { return interrupted(subject) }
        let message = MediaLog.lastMessage ?? ""
        if message.contains("moov atom not found"), path.map(beginsWithAtom) ?? true {
            if let path,
                path.lowercased().hasSuffix(".heic") || path.lowercased().hasSuffix(".avif")
            {
                return FathomError(
                    operation: "open", subject: subject,
                    cause: "this FFmpeg does not read HEIF pictures",
                    remedy: "Convert it to JPEG or PNG, or export it as JPEG from the phone")
            }
            return FathomError(
                operation: "open", subject: subject,
                cause:
                    "it has no index ('moov'): the recording was cut off or not copied to its end",
                remedy:
                    "Copy it again from the card, or repair it with untrunc and an intact recording of the same camera"
            )
        }
        if let size = impossibleSize(in: message) {
            return FathomError(
                operation: "open", subject: subject,
                cause: "its header says \(size) pixels, more than there can be",
                remedy: "The header is probably damaged: copy or record the file again")
        }
        if code == fathom_error_end_of_file {
            return FathomError(
                operation: "open", subject: subject, cause: "it ends before its first frame",
                remedy: "Copy or record it again")
        }
        let isUnknown = code == fathom_error_invalid_data || code == fathom_error_demuxer_not_found
        return FathomError(
            operation: "open", subject: subject,
            cause: isUnknown
                ? "it is not a media file that FFmpeg knows (\(describeError(code)))"
                : describeError(code),
            remedy: isUnknown
                ? "Name a video file, a picture or a folder of pictures"
                : "Check the name, the permissions and the network")
    }

    /// Whether a file begins as MP4 does; FFmpeg believes the extension.
    private static func beginsWithAtom(_ path: String) -> Bool {
        guard let file = fopen(path, "r") else { return false }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 8)
        guard fread(&bytes, 1, 8, file) == 8 else { return false }
        let known = [
            "ftyp", "mdat", "moov", "free", "skip", "wide", "pnot", "moof", "styp", "uuid",
        ]
        return known.contains(String(decoding: bytes[4...], as: UTF8.self))
    }

    /// `65535×65535` out of FFmpeg's "Picture size 65535x65535 is invalid".
    private static func impossibleSize(in message: String) -> String? {
        guard let start = message.firstRange(of: "Picture size ") else { return nil }
        let size = message[start.upperBound...].prefix { $0 != " " }
        guard size.contains("x"), size.allSatisfy({ $0.isNumber || $0 == "x" }) else { return nil }
        return size.split(separator: "x").joined(separator: "×")
    }
}
