import CFFmpeg
import FathomCore

/// Turns a video stream's packets into pictures, one for each frame that is to be shown.
///
/// One thread at a time may use it; inside, FFmpeg decodes on `threads` threads.
public final class Decoder: @unchecked Sendable {
    // Sendable: made by one thread and then handed to the thread that decodes.

    /// The stream it decodes.
    public let stream: StreamInfo
    /// How often the decoder complained about the stream.
    public var errors: Int { max(refused, earlierComplaints + codec.log.count) }
    /// Frames at the beginning that could not be decoded, since what they build on is missing.
    public private(set) var framesBeforeStart = 0
    /// Frames given so far that were damaged.
    public private(set) var damagedFrames = 0

    private let subject: String
    private let threads: Int
    private let delay: DecodingDelay
    private let timeBase: Rational
    private var codec: CodecHandle
    private var times: TimestampRepair
    private var refused = 0
    /// Whether it reads an MP4 that it can't go back in.
    private var mayLackIndex = false
    private var earlierComplaints = 0
    private var firstRefusal: String?
    /// Times of the packets before the first frame came out; nil from then on.
    private var untilFirstFrame: [Int64]? = []

    /// Opens the decoder of a stream that `demuxer` knows.
    public convenience init(
        _ stream: StreamInfo, of demuxer: Demuxer, threads: Int
    ) throws(FathomError) {
        guard let source = demuxer.ffmpegStream(stream.index),
            let parameters = source.pointee.codecpar
        else {
            throw FathomError(
                operation: "decode", subject: demuxer.info.path,
                cause: "it has no stream \(stream.index)")
        }
        try self.init(
            stream, parameters: CodecParameters(copying: parameters), subject: demuxer.info.path,
            threads: threads)
        mayLackIndex =
            demuxer.input == .standardInput && !ByteSource.isStandardInputAFile
            && demuxer.info.container.contains("mov")
    }

    init(
        _ stream: StreamInfo, parameters: CodecParameters, subject: String, threads: Int,
        delay: DecodingDelay = .forSpeed
    ) throws(FathomError) {
        MediaLog.install()
        self.stream = stream
        self.subject = subject
        self.threads = max(1, threads)
        self.delay = delay
        timeBase = stream.timeBase
        codec = try CodecHandle(
            parameters, timeBase: timeBase.ffmpeg, threads: self.threads, delay: delay,
            subject: subject)
        times = TimestampRepair(timeBase: timeBase, frameRate: stream.video?.frameRate)
    }

    /// The frames that a packet completes; frame threads and reordering delay them by some packets.
    ///
    /// Damage doesn't throw: it is counted, and the frames concerned are marked.
    public func decode(_ packet: Packet) throws(FathomError) -> [DecodedFrame] {
        var frames: [DecodedFrame] = []
        if let parameters = packet.parameters, parameters.pointer.pointee.codec_id != codec.codecID
        {
            // A picture of another kind in a sequence.
            frames = try finish()
            earlierComplaints += codec.log.count
            codec = try CodecHandle(
                parameters, timeBase: timeBase.ffmpeg, threads: threads, delay: delay,
                subject: subject)
        }
        if packet.pointer.pointee.flags & AV_PKT_FLAG_DISCARD == 0,
            packet.pointer.pointee.pts != noTimestamp
        {
            untilFirstFrame?.append(packet.pointer.pointee.pts)
        }
        var code = avcodec_send_packet(codec.pointer, packet.pointer)
        try receive(into: &frames)
        if code == fathom_error_again {
            // All its places were full: now that frames are taken out there is room.
            code = avcodec_send_packet(codec.pointer, packet.pointer)
            try receive(into: &frames)
        }
        if code < 0 { noteError(code) }
        return frames
    }

    /// The frames that are still inside; call once, at the end of the stream.
    public func finish() throws(FathomError) -> [DecodedFrame] {
        var frames: [DecodedFrame] = []
        _ = avcodec_send_packet(codec.pointer, nil)
        try receive(into: &frames)
        return frames
    }

    /// Forgets what is inside, after a seek; times may start anew.
    public func flush() {
        avcodec_flush_buffers(codec.pointer)
        times = TimestampRepair(timeBase: timeBase, frameRate: stream.video?.frameRate)
        // Frames between a seek's key frame and where it should begin are no damage.
        untilFirstFrame = nil
    }

    /// What a person should know: damage, repaired times.
    public var warnings: [String] {
        var list: [String] = []
        if errors + damagedFrames > 0 {
            let cause = firstError.map { " (first: \($0))" } ?? ""
            list.append(
                "the video is damaged: \(errors) decoding errors, \(damagedFrames) frames damaged\(cause)"
            )
        }
        if framesBeforeStart > 0 {
            list.append(
                "the video begins between key frames: its first \(framesBeforeStart) frames can't be decoded"
            )
        }
        if let times = times.warning { list.append(times) }
        return list
    }

    /// The error for a stream that gave no frame at all.
    public func noFramesError() -> FathomError {
        if mayLackIndex {
            return FathomError(
                operation: "decode", subject: "standard input",
                cause: "this MP4 has its index at the end, which can't be reached in a pipe",
                remedy: "Name the file, or pipe one that was written with its index in front")
        }
        return FathomError(
            operation: "decode", subject: subject,
            cause: firstError.map { "no frame could be decoded (\($0))" }
                ?? "its video stream has no frames",
            remedy: "Play it with another program to see whether it is damaged")
    }

    private func noteError(_ code: Int32) {
        guard code != fathom_error_end_of_file else { return }
        refused += 1
        if firstRefusal == nil { firstRefusal = describeError(code) }
    }

    private var firstError: String? { codec.log.first ?? firstRefusal }

    private func receive(into frames: inout [DecodedFrame]) throws(FathomError) {
        var failures = 0
        while failures < 1000 {
            let handle = try FrameHandle()
            let code = avcodec_receive_frame(codec.pointer, handle.pointer)
            if code == fathom_error_again || code == fathom_error_end_of_file { return }
            guard code >= 0 else {
                // With frame threads a packet's error comes out here, later.
                noteError(code)
                failures += 1
                continue
            }
            frames.append(describe(handle))
        }
    }

    private func describe(_ handle: FrameHandle) -> DecodedFrame {
        let frame = handle.pointer.pointee
        let damaged =
            frame.flags & AV_FRAME_FLAG_CORRUPT != 0 || frame.decode_error_flags != 0
        if damaged { damagedFrames += 1 }
        if let packets = untilFirstFrame, frame.pts != noTimestamp {
            framesBeforeStart = packets.count { $0 < frame.pts }
        }
        untilFirstFrame = nil
        let given = frame.best_effort_timestamp
        let duration = max(0, frame.pkt_duration)
        let value = times.repair(given == noTimestamp ? nil : given, duration: duration)
        return DecodedFrame(
            handle: handle, timestamp: Timestamp(value, timeBase), duration: duration,
            isDamaged: damaged)
    }
}

/// How many packets a decoder may wait for before it gives a frame.
enum DecodingDelay {
    /// As many as make it fast: one for each thread.
    case forSpeed
    /// None, but for what the order of the frames demands.
    case low
}

/// Owns an open decoder of FFmpeg.
final class CodecHandle {
    let pointer: UnsafeMutablePointer<AVCodecContext>
    let codecID: AVCodecID
    /// What this decoder says.
    let log = DecoderLog()

    init(
        _ parameters: CodecParameters, timeBase: AVRational, threads: Int, delay: DecodingDelay,
        subject: String
    ) throws(FathomError) {
        codecID = parameters.pointer.pointee.codec_id
        let name = String(cString: avcodec_get_name(codecID))
        guard let codec = avcodec_find_decoder(codecID) else {
            throw FathomError(
                operation: "decode", subject: subject,
                cause: codecID == AV_CODEC_ID_NONE
                    ? "FFmpeg does not know how its video is coded"
                    : "the installed FFmpeg has no decoder for \(name)",
                remedy: "Convert it to H.264 with another program")
        }
        guard let context = avcodec_alloc_context3(codec) else { throw .outOfMemory("decode") }
        pointer = context
        guard avcodec_parameters_to_context(context, parameters.pointer) >= 0 else {
            throw .outOfMemory("decode")
        }
        context.pointee.pkt_timebase = timeBase
        context.pointee.max_pixels = Int64(InputContext.maximumPixels)
        context.pointee.thread_count = Int32(threads)
        switch delay {
        case .forSpeed: context.pointee.thread_type = FF_THREAD_FRAME | FF_THREAD_SLICE
        case .low:
            context.pointee.thread_type = FF_THREAD_SLICE
            context.pointee.flags |= AV_CODEC_FLAG_LOW_DELAY
        }
        context.pointee.opaque = Unmanaged.passUnretained(log).toOpaque()
        if codecID == AV_CODEC_ID_EXR {
            // Its samples are linear light; everything behind expects a display's curve.
            av_opt_set(context.pointee.priv_data, "apply_trc", "iec61966_2_1", 0)
        }
        context.pointee.error_concealment = FF_EC_GUESS_MVS | FF_EC_DEBLOCK
        let code = avcodec_open2(context, codec, nil)
        guard code >= 0 else {
            throw FathomError(
                operation: "decode", subject: subject,
                cause: "the \(name) decoder does not start: \(describeError(code))",
                remedy: "Play it with another program to see whether it is damaged")
        }
    }

    deinit {
        var context: UnsafeMutablePointer<AVCodecContext>? = pointer
        avcodec_free_context(&context)
    }
}
