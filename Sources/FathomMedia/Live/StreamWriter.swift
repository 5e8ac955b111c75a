import CFFmpeg
import FathomCore

/// Writes packets that are compressed already, of a source or of a live encoder, into a file, to a server or
/// into memory. No call takes longer than its deadline says, whatever the other side does.
///
/// One thread at a time may use it.
public final class StreamWriter: @unchecked Sendable {
    // Sendable: handed from one owner to the next, never used by two threads at a time.

    /// Where the packets go.
    public enum Target: Sendable {
        /// A file that is playable at any instant; its container goes by its extension.
        case file(String)
        /// A server.
        case server(PushAddress)
        /// An MPEG transport stream in memory, taken away piece by piece by `takeBytes()`.
        case memory

        var name: String {
            switch self {
            case .file(let path): path
            case .server(let address): address.name
            case .memory: "a transport stream"
            }
        }

        func format() throws(FathomError) -> String {
            switch self {
            case .file(let path): try Container(forPath: path).name
            case .server(let address): address.format
            case .memory: "mpegts"
            }
        }
    }

    /// How long things may take, in seconds.
    public struct Limits: Sendable {
        /// Connecting and the header.
        public var open: Double
        /// A packet.
        public var write: Double
        /// The trailer and the goodbye.
        public var close: Double

        /// Limits.
        public init(open: Double = 10, write: Double = 5, close: Double = 2) {
            self.open = open
            self.write = write
            self.close = close
        }
    }

    /// Bytes that went out so far.
    public var bytesWritten: Int64 {
        finalBytes ?? file?.bytesWritten ?? Int64(packetBytes)
    }
    /// Ticks of 1/90000 s that become time zero; by default the decoding time of the first packet.
    public private(set) var origin: Int64?

    private let target: Target
    private let limits: Limits
    private let deadline: LiveDeadline
    private let interruption: Interruption
    private let pointer: UnsafeMutablePointer<AVFormatContext>
    private var file: OutputFile?
    private var positions: [ObjectIdentifier: Int] = [:]
    /// Keeps the streams whose addresses are keys above.
    private var streams: [LiveStream]
    private var clocks: [CopyClock]
    private var isHeaderWritten = false
    private var packetBytes = 0
    private var finalBytes: Int64?

    /// Opens the file or connects to the server, and writes the header.
    ///
    /// `origin` is the moment that becomes time zero; what lies before it is left out.
    public init(
        _ target: Target, streams: [LiveStream], origin: Int64? = nil, limits: Limits = Limits(),
        deadline: LiveDeadline = LiveDeadline()
    ) throws(FathomError) {
        MediaLog.install()
        self.target = target
        self.streams = streams
        self.origin = origin
        self.limits = limits
        self.deadline = deadline
        interruption = Interruption { deadline.hasPassed }
        clocks = streams.map { _ in CopyClock() }
        deadline.allow(seconds: limits.open)
        var context: UnsafeMutablePointer<AVFormatContext>?
        avformat_alloc_output_context2(&context, nil, try target.format(), Self.url(of: target))
        guard let context else { throw .outOfMemory("write") }
        pointer = context
        context.pointee.interrupt_callback = interruption.callback
        context.pointee.flags |= AVFMT_FLAG_FLUSH_PACKETS
        context.pointee.strict_std_compliance = FF_COMPLIANCE_UNOFFICIAL
        // Packets of one stream wait for those of another, but not for long: a microphone may be silent.
        context.pointee.max_interleave_delta = 300_000
        do throws(FathomError) {
            for (position, stream) in streams.enumerated() {
                try addStream(stream)
                positions[ObjectIdentifier(stream)] = position
            }
            try open()
            try writeHeader()
        } catch {
            closeConnection()
            throw error
        }
    }

    deinit {
        abandon()
        avformat_free_context(pointer)
    }

    /// Whether packets of a stream can go to such a target.
    public static func canHold(_ stream: LiveStream, in target: Target) -> Bool {
        guard let name = try? target.format(), let format = av_guess_format(name, nil, nil) else {
            return false
        }
        let codec = stream.parameters.pointer.pointee.codec_id
        if name == "rtsp" { return rtpCodecs.contains(codec.rawValue) }
        if name == "mpegts" { return transportStreamCodecs.contains(codec.rawValue) }
        let isRaw = codec == AV_CODEC_ID_RAWVIDEO || codec == AV_CODEC_ID_WRAPPED_AVFRAME
        return !isRaw && avformat_query_codec(format, codec, FF_COMPLIANCE_UNOFFICIAL) == 1
    }

    /// What FFmpeg's RTP packetizer takes; its tables don't tell.
    private static let rtpCodecs: Set<UInt32> = Set(
        [
            AV_CODEC_ID_H264, AV_CODEC_ID_HEVC, AV_CODEC_ID_AAC, AV_CODEC_ID_OPUS,
            AV_CODEC_ID_MP3, AV_CODEC_ID_PCM_MULAW, AV_CODEC_ID_PCM_ALAW, AV_CODEC_ID_VP8,
            AV_CODEC_ID_VP9, AV_CODEC_ID_PCM_S16BE, AV_CODEC_ID_ADPCM_G722,
        ].map(\.rawValue))

    /// What players find in a transport stream; FFmpeg's tables don't tell here, either.
    private static let transportStreamCodecs: Set<UInt32> = Set(
        [
            AV_CODEC_ID_H264, AV_CODEC_ID_HEVC, AV_CODEC_ID_AAC, AV_CODEC_ID_MP2,
            AV_CODEC_ID_MP3, AV_CODEC_ID_AC3, AV_CODEC_ID_EAC3, AV_CODEC_ID_OPUS,
        ].map(\.rawValue))

    /// Whether this writer has a place for the packet's stream.
    public func holds(_ stream: LiveStream) -> Bool {
        positions[ObjectIdentifier(stream)] != nil
    }

    /// Takes packets of a stream from now on, if they fit where those of another one went: the source's next
    /// connection as a rule.
    public func adopt(_ stream: LiveStream) -> Bool {
        guard let position = clocks.indices.first(where: { streams[$0].fits(stream) }) else {
            return false
        }
        positions[ObjectIdentifier(stream)] = position
        streams.append(stream)
        return true
    }

    /// Writes a packet of one of the streams; those of others, and those before the origin, are left out.
    ///
    /// - Returns: whether it went out.
    @discardableResult
    public func write(_ packet: LivePacket) throws(FathomError) -> Bool {
        guard let position = positions[ObjectIdentifier(packet.stream)],
            let stream = pointer.pointee.streams[position]
        else { return false }
        let source = packet.packet.pointer
        let copy = try Packet(timeBase: packet.packet.timeBase)
        // A reference to the same bytes: others read them at the same time.
        guard av_packet_ref(copy.pointer, source) >= 0 else { throw .outOfMemory("write") }
        let own = copy.pointer
        av_packet_rescale_ts(own, packet.packet.timeBase, Self.ticks)
        clocks[position].order(own)
        let zero = origin ?? own.pointee.dts
        origin = zero
        own.pointee.dts &-= zero
        own.pointee.pts &-= zero
        guard own.pointee.dts >= 0 else { return false }
        av_packet_rescale_ts(own, Self.ticks, stream.pointee.time_base)
        own.pointee.stream_index = Int32(position)
        own.pointee.pos = -1
        let size = copy.size
        deadline.allow(seconds: limits.write)
        try call(.writing) { av_interleaved_write_frame(pointer, own) }
        packetBytes += size
        return true
    }

    private static let ticks = AVRational(num: 1, den: 90000)

    /// What was written into memory since the last time; a decoder can begin at the next packet if it is a key frame.
    public func takeBytes() throws(FathomError) -> [UInt8] {
        guard case .memory = target else { return [] }
        try call(.writing) { av_interleaved_write_frame(pointer, nil) }
        var bytes: UnsafeMutablePointer<UInt8>?
        let count = avio_close_dyn_buf(pointer.pointee.pb, &bytes)
        pointer.pointee.pb = nil
        defer { av_free(bytes) }
        guard avio_open_dyn_buf(&pointer.pointee.pb) >= 0 else { throw .outOfMemory("write") }
        av_opt_set(pointer.pointee.priv_data, "mpegts_flags", "+resend_headers", 0)
        return [UInt8](UnsafeBufferPointer(start: bytes, count: Int(max(0, count))))
    }

    /// Writes the end and closes.
    public func finish() throws(FathomError) {
        guard isHeaderWritten else { return }
        deadline.allow(seconds: limits.close)
        isHeaderWritten = false
        defer { closeConnection() }
        try call(.writing) {
            let code = av_write_trailer(pointer)
            if let file { avio_flush(file.context) }
            return code
        }
    }

    /// Closes without caring what becomes of the end; what is in a file stays playable.
    public func abandon() {
        if isHeaderWritten {
            isHeaderWritten = false
            deadline.allow(seconds: min(limits.close, 0.2))
            // Muxers free what they hold here only.
            av_write_trailer(pointer)
        }
        closeConnection()
    }

    // MARK: Opening and closing

    private static func url(of target: Target) -> String? {
        switch target {
        case .file, .memory: nil
        case .server(let server): server.address.location
        }
    }

    private func addStream(_ stream: LiveStream) throws(FathomError) {
        guard let own = avformat_new_stream(pointer, nil),
            avcodec_parameters_copy(own.pointee.codecpar, stream.parameters.pointer) >= 0
        else { throw .outOfMemory("write") }
        // The source container's tag may mean nothing here.
        own.pointee.codecpar.pointee.codec_tag = 0
        own.pointee.time_base = Self.ticks
        if let video = stream.info.video {
            if let rate = video.frameRate, rate.isPositive {
                own.pointee.avg_frame_rate = rate.ffmpeg
            }
            if let aspect = video.sampleAspectRatio {
                own.pointee.sample_aspect_ratio = aspect.ffmpeg
            }
        }
    }

    private func open() throws(FathomError) {
        switch target {
        case .file(let path):
            let file = try OutputFile(path: path)
            self.file = file
            pointer.pointee.pb = file.context
            pointer.pointee.flags |= AVFMT_FLAG_CUSTOM_IO
        case .memory:
            guard avio_open_dyn_buf(&pointer.pointee.pb) >= 0 else { throw .outOfMemory("write") }
        case .server(let server):
            // The RTSP muxer makes its own connections.
            guard pointer.pointee.oformat.pointee.flags & AVFMT_NOFILE == 0 else { return }
            var callback = interruption.callback
            try call(.opening) {
                avio_open2(
                    &pointer.pointee.pb, server.address.location, AVIO_FLAG_WRITE, &callback, nil)
            }
        }
    }

    private func writeHeader() throws(FathomError) {
        var dictionary: OpaquePointer?
        defer { av_dict_free(&dictionary) }
        switch target {
        case .file(let path):
            for (key, value) in try Container(forPath: path).growingOptions {
                av_dict_set(&dictionary, key, value, 0)
            }
        case .server(let address):
            for (key, value) in address.options { av_dict_set(&dictionary, key, value, 0) }
        case .memory: break
        }
        try call(.opening) { avformat_write_header(pointer, &dictionary) }
        isHeaderWritten = true
    }

    private func closeConnection() {
        finalBytes = bytesWritten
        switch target {
        case .file:
            pointer.pointee.pb = nil
            file = nil
        case .memory:
            guard pointer.pointee.pb != nil else { return }
            var bytes: UnsafeMutablePointer<UInt8>?
            avio_close_dyn_buf(pointer.pointee.pb, &bytes)
            av_free(bytes)
            pointer.pointee.pb = nil
        case .server:
            guard pointer.pointee.oformat.pointee.flags & AVFMT_NOFILE == 0 else { return }
            avio_closep(&pointer.pointee.pb)
        }
    }

    /// Does a call of FFmpeg's and makes an error of its code, with what FFmpeg said during the call.
    private func call(
        _ step: Step, _ work: () throws(FathomError) -> Int32
    ) throws(FathomError) {
        let (code, messages) = try ThreadMessages.collect {
            (collected) throws(FathomError) -> (Int32, [String]) in
            (try work(), collected.messages)
        }
        if let file, file.failure != 0 { throw OutputFile.error(file.path, file.failure) }
        guard code < 0 else { return }
        guard case .server(let server) = target else {
            throw FathomError(
                operation: "write", subject: target.name,
                cause: messages.last ?? describeError(code))
        }
        if deadline.hasPassed {
            throw PushFailure.timeOut(
                server.address, isOpening: step == .opening,
                seconds: step == .opening ? limits.open : limits.write)
        }
        let failure = PushFailure(address: server.address, code: code, messages: messages)
        throw step == .opening ? failure.whenOpening() : failure.whenWriting()
    }

    private enum Step {
        case opening
        case writing
    }
}
