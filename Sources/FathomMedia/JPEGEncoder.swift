import CFFmpeg
import FathomCore

/// Turns canonical pictures into baseline JPEG files with the standard Huffman tables, as RTP JPEG
/// (RFC 2435) and every viewer read them.
///
/// One thread at a time may use it.
public final class JPEGEncoder: @unchecked Sendable {
    // Sendable: moved between threads, never used by two at once.
    private let context: UnsafeMutablePointer<AVCodecContext>
    private let input: EncoderInput
    /// The encoder refuses a time that isn't later than the one before.
    private var count: Int64 = 0
    /// FFmpeg's scale of 2 (best) to 31.
    private static let quality: Int32 = 4

    /// For pictures of one format.
    public init(format: PictureFormat) throws(FathomError) {
        guard let codec = avcodec_find_encoder_by_name("mjpeg"),
            let context = avcodec_alloc_context3(codec)
        else { throw Self.failure("the installed FFmpeg has no JPEG encoder") }
        self.context = context
        let pixelFormat = VideoCodec.mjpeg.pixelFormat(for: format)
        input = try EncoderInput(from: format, to: pixelFormat, codec: .mjpeg)
        context.pointee.width = Int32(format.width)
        context.pointee.height = Int32(format.height)
        context.pointee.pix_fmt = pixelFormat
        context.pointee.time_base = AVRational(num: 1, den: 25)
        context.pointee.color_range = AVCOL_RANGE_JPEG
        context.pointee.flags |= AV_CODEC_FLAG_QSCALE
        context.pointee.global_quality = Self.quality * FF_QP2LAMBDA
        context.pointee.thread_count = 1
        guard av_opt_set(context.pointee.priv_data, "huffman", "default", 0) >= 0,
            avcodec_open2(context, codec, nil) >= 0
        else { throw Self.failure("the JPEG encoder does not start") }
    }

    deinit {
        var context: UnsafeMutablePointer<AVCodecContext>? = context
        avcodec_free_context(&context)
    }

    /// One picture as a JPEG file's bytes.
    public func encode(_ frame: VideoFrame) throws(FathomError) -> [UInt8] {
        let picture = try input.convert(frame)
        picture.pointer.pointee.pts = count
        count += 1
        picture.pointer.pointee.quality = context.pointee.global_quality
        let packet = try Packet(timeBase: context.pointee.time_base)
        guard avcodec_send_frame(context, picture.pointer) >= 0,
            avcodec_receive_packet(context, packet.pointer) >= 0,
            let data = packet.pointer.pointee.data
        else { throw Self.failure("the JPEG encoder gave no picture") }
        return [UInt8](UnsafeBufferPointer(start: data, count: packet.size))
    }

    private static func failure(_ cause: String) -> FathomError {
        FathomError(operation: "encode", subject: "a picture as JPEG", cause: cause)
    }
}
