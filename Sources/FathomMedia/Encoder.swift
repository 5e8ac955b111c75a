import CFFmpeg
import FathomCore

/// Compresses canonical pictures; the packets go to a `Muxer`.
///
/// One thread at a time may use it; the codec's own threads work inside.
public final class Encoder: @unchecked Sendable {
    // Sendable: made by one thread and then handed to the thread that encodes.

    /// The settings it was made with.
    public let settings: EncoderSettings
    /// What had to be changed, one line each, for the log.
    public private(set) var notes: [String] = []
    /// Pictures taken so far.
    public private(set) var frameCount = 0

    let context: UnsafeMutablePointer<AVCodecContext>
    private let timeBase: Rational
    private let input: EncoderInput
    /// Durations of the pictures that are inside, by time: the encoder gives them out in another order.
    private var durations: [Int64: Int64] = [:]
    /// For pictures that don't say how long they are shown, in ticks.
    private let nominalDuration: Int64

    /// Opens an encoder for pictures of one format.
    ///
    /// `timeBase` is the source's, so that every time stays exact; `frameRate` is a hint for rate control and
    /// key frames; `container` says what the file format asks of the stream.
    public init(
        _ settings: EncoderSettings, format: PictureFormat, timeBase: Rational,
        frameRate: Rational?, sampleAspectRatio: Rational, container: Container
    ) throws(FathomError) {
        MediaLog.install()
        MediaLog.forgetMessages()
        try settings.validate()
        self.settings = settings
        self.timeBase = timeBase
        let coded = settings.isLive ? Self.liveFormat(for: format) : format
        let name = settings.codec.encoderName(for: coded)
        guard let codec = avcodec_find_encoder_by_name(name) else {
            throw Self.missing(settings.codec, name)
        }
        guard let context = avcodec_alloc_context3(codec) else { throw .outOfMemory("encode") }
        self.context = context
        let pixelFormat = settings.codec.pixelFormat(for: coded)
        let rate = Self.rate(frameRate)
        nominalDuration = max(1, Timestamp(1, rate.inverse).rescaled(to: timeBase).value)
        input = try EncoderInput(
            from: format, to: pixelFormat, codec: settings.codec,
            size: (coded.width, coded.height))
        context.pointee.width = Int32(coded.width)
        context.pointee.height = Int32(coded.height)
        context.pointee.pix_fmt = pixelFormat
        context.pointee.time_base = timeBase.ffmpeg
        context.pointee.framerate = rate.ffmpeg
        context.pointee.sample_aspect_ratio = sampleAspectRatio.ffmpeg
        // A key frame each two seconds: seeking is quick, and little is lost of a file that was cut off.
        context.pointee.gop_size = Int32(min(max((rate.value * 2).rounded(), 1), 300))
        context.pointee.color_range = input.isJPEG ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG
        context.pointee.colorspace = input.isJPEG ? AVCOL_SPC_BT470BG : AVCOL_SPC_BT709
        context.pointee.color_primaries = AVCOL_PRI_BT709
        context.pointee.color_trc = AVCOL_TRC_BT709
        context.pointee.chroma_sample_location = AVCHROMA_LOC_LEFT
        if container.wantsGlobalHeader {
            context.pointee.flags |= Int32(AV_CODEC_FLAG_GLOBAL_HEADER)
        }
        try settings.apply(to: context, encoder: name)
        let code = avcodec_open2(context, codec, nil)
        guard code >= 0 else {
            throw FathomError(
                operation: "encode",
                subject: "\(format.width)×\(format.height) as \(settings.codec.rawValue)",
                cause: MediaLog.lastMessage ?? describeError(code),
                remedy: "Choose another --codec, or another size")
        }
        if let note = input.note { notes.append(note) }
    }

    deinit {
        var context: UnsafeMutablePointer<AVCodecContext>? = context
        avcodec_free_context(&context)
    }

    /// The packets that are ready once `frame` is in; frames must come in order of time.
    ///
    /// `asKeyFrame` makes it one at which decoding can begin, whatever came before.
    public func encode(
        _ frame: VideoFrame, asKeyFrame: Bool = false
    ) throws(FathomError) -> [Packet] {
        let picture = try input.convert(frame)
        let time = frame.timestamp.rescaled(to: timeBase).value
        picture.pointer.pointee.pts = time
        picture.pointer.pointee.pkt_duration = frame.duration > 0 ? frame.duration : nominalDuration
        picture.pointer.pointee.pict_type =
            asKeyFrame ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE
        picture.pointer.pointee.sample_aspect_ratio = context.pointee.sample_aspect_ratio
        if context.pointee.flags & AV_CODEC_FLAG_QSCALE != 0 {
            picture.pointer.pointee.quality = context.pointee.global_quality
        }
        durations[time] =
            frame.duration > 0
            ? Timestamp(frame.duration, frame.timestamp.timeBase).rescaled(to: timeBase).value
            : nominalDuration
        frameCount += 1
        return try send(picture.pointer)
    }

    /// The packets that are still inside; call once, at the end.
    public func finish() throws(FathomError) -> [Packet] { try send(nil) }

    private func send(_ frame: UnsafeMutablePointer<AVFrame>?) throws(FathomError) -> [Packet] {
        // Every packet is taken out after each frame, so that there is always room for one more.
        try check(avcodec_send_frame(context, frame))
        var packets: [Packet] = []
        while true {
            let packet = try Packet(timeBase: context.pointee.time_base)
            let code = avcodec_receive_packet(context, packet.pointer)
            if code == fathom_error_again || code == fathom_error_end_of_file { return packets }
            try check(code)
            packet.pointer.pointee.duration =
                durations.removeValue(forKey: packet.pointer.pointee.pts) ?? nominalDuration
            packets.append(packet)
        }
    }

    private func check(_ code: Int32) throws(FathomError) {
        guard code < 0 else { return }
        throw FathomError(
            operation: "encode", subject: "the video as \(settings.codec.rawValue)",
            cause: MediaLog.lastMessage ?? describeError(code), remedy: "Choose another --codec")
    }

    private static func missing(_ codec: VideoCodec, _ name: String) -> FathomError {
        let others = VideoCodec.available.map(\.rawValue).joined(separator: ", ")
        return FathomError(
            operation: "encode", subject: "as \(codec.rawValue)",
            cause: "the installed FFmpeg has no encoder \(name)",
            remedy: "It has: \(others)")
    }

    /// A credible rate within what encoders take.
    private static func rate(_ stated: Rational?) -> Rational {
        guard let stated, stated.isPositive, (0.1...1000).contains(stated.value) else {
            return Rational(25, 1)
        }
        return stated
    }
}
