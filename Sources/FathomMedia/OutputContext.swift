import CFFmpeg
import FathomCore
import Glibc

/// One container being written: owns FFmpeg's context and the file below it.
final class OutputContext {
    let pointer: UnsafeMutablePointer<AVFormatContext>
    let file: OutputFile
    private var isHeaderWritten = false

    init(path: String, container: Container) throws(FathomError) {
        file = try OutputFile(path: path)
        var context: UnsafeMutablePointer<AVFormatContext>?
        avformat_alloc_output_context2(&context, container.ffmpegFormat, container.name, path)
        guard let context else {
            throw FathomError(
                operation: "write", subject: path,
                cause: "the installed FFmpeg can't write \(container.name)",
                remedy: "Use another extension: .mp4 or .mkv")
        }
        pointer = context
        context.pointee.pb = file.context
        context.pointee.flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_FLUSH_PACKETS
        // Data tracks such as a camera's sensors count as experimental in some containers.
        context.pointee.strict_std_compliance = FF_COMPLIANCE_UNOFFICIAL
    }

    deinit { avformat_free_context(pointer) }

    func addStream() throws(FathomError) -> UnsafeMutablePointer<AVStream> {
        guard let stream = avformat_new_stream(pointer, nil) else { throw .outOfMemory("write") }
        return stream
    }

    func writeHeader(_ options: [String: String]) throws(FathomError) {
        var dictionary: OpaquePointer?
        defer { av_dict_free(&dictionary) }
        for (key, value) in options { av_dict_set(&dictionary, key, value, 0) }
        MediaLog.forgetMessages()
        try check(avformat_write_header(pointer, &dictionary))
        isHeaderWritten = true
    }

    /// Writes a packet in its place among the other streams'; the packet is empty afterwards.
    func write(_ packet: UnsafeMutablePointer<AVPacket>) throws(FathomError) {
        try check(av_interleaved_write_frame(pointer, packet))
    }

    /// Writes what is waiting and the container's end.
    func finish() throws(FathomError) {
        guard isHeaderWritten else { return }
        isHeaderWritten = false
        let code = av_write_trailer(pointer)
        avio_flush(file.context)
        try check(code)
    }

    private func check(_ code: Int32) throws(FathomError) {
        if file.failure != 0 { throw OutputFile.error(file.path, file.failure) }
        guard code < 0 else { return }
        throw FathomError(
            operation: "write", subject: file.path,
            cause: MediaLog.lastMessage ?? describeError(code),
            remedy: "Another container may take it: try .mkv")
    }
}
