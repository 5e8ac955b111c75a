import CFFmpeg
import FathomCore
import Glibc
import Synchronization

/// Writes the depth video and copies everything else of the source.
///
/// While in work the file is `NAME.partial.EXT`, playable at any instant; `finish` gives it its name. Any
/// thread may call `write` and `copy`: one lock orders them. Copied packets that come before the first frame wait.
public final class Muxer: @unchecked Sendable {
    // Sendable: everything that changes is touched under `lock` only.

    /// What to copy and where to write.
    public struct Options: Sendable {
        /// Whether an existing file may be replaced.
        public var overwrites = false
        /// Whether sound is copied.
        public var copiesAudio = true
        /// Whether subtitles, data tracks, cover art and attachments are copied.
        public var copiesData = true
        /// Packets of copied streams that end before this moment are left out; nil for none.
        public var start: Timestamp?
        /// Packets of copied streams that begin at or after this moment are left out; nil for none.
        public var end: Timestamp?

        /// The defaults: everything.
        public init() {}
    }

    /// The format of the file.
    public let container: Container
    /// The name that the file gets in the end; "-" for standard output.
    public let path: String
    /// A sentence for each stream that the container can't hold.
    public let warnings: [String]

    private let names: OutputNames
    private let options: Options
    private let source: Demuxer?
    private let video: StreamInfo?
    private let streams: [OutputStream]
    /// Output stream of each source stream; nil for those left out.
    private let targets: [Int: Int]
    private let videoTarget: Int

    private let lock = Mutex(())
    private var output: OutputContext?
    private var encoder: Encoder?
    private var waiting: [Packet] = []
    private var origin: Timestamp?
    private var clocks: [CopyClock] = []
    private var filters: [Int: PacketFilter] = [:]
    /// Streams whose packets the plain MP4 takes from the spool, not from the fragments.
    private var spooled: Set<Int> = []
    private var spool: PacketSpool?
    /// Whether the header and with it the first frame is written.
    private var hasFrames = false

    /// Checks that the output can be written and chooses the streams; nothing is created yet.
    ///
    /// `video` is the stream of `source` whose place the encoded video takes.
    public init(
        path: String, source: Demuxer?, video: StreamInfo?, options: Options = Options()
    ) throws(FathomError) {
        MediaLog.install()
        self.path = path
        self.options = options
        self.source = source
        self.video = video
        container = try Container(forPath: path)
        names = OutputNames(path: path)
        if path != "-" {
            try names.check(overwrites: options.overwrites, input: source?.input)
        }
        if let source, let video {
            let wishes = StreamSelection.Wishes(
                audio: options.copiesAudio, data: options.copiesData)
            let choice = StreamSelection.choose(
                from: source, video: video, container: container, wishes: wishes)
            streams = choice.streams
            warnings = choice.warnings
        } else {
            streams = [OutputStream(sourceIndex: nil, isEncoded: true)]
            warnings = []
        }
        videoTarget = streams.firstIndex { $0.isEncoded } ?? 0
        targets = Dictionary(
            streams.enumerated().compactMap { position, stream in
                stream.sourceIndex.flatMap { stream.isEncoded ? nil : ($0, position) }
            }, uniquingKeysWith: { first, _ in first })
    }

    /// Whether packets of a source's stream go into the output by `copy`.
    public func copies(streamIndex: Int) -> Bool { targets[streamIndex] != nil }

    /// Creates the file; its header follows with the first packets of the video.
    ///
    /// `origin` becomes time zero of all streams. With nil the source's times are kept, unless the first
    /// frame's is negative, which players would cut off: then that frame is at zero.
    public func start(_ encoder: Encoder, origin: Timestamp? = nil) throws(FathomError) {
        try lock.withLock { (_) throws(FathomError) in
            self.origin = origin
            let output = try OutputContext(path: names.partial, container: container)
            self.output = output
            self.encoder = encoder
            clocks = streams.map { _ in CopyClock() }
            try describe(output, encoder: encoder)
            if container.isMov {
                spooled = Set(
                    targets.compactMap { index, position in
                        source?.info.streams[index].kind == .audio ? nil : position
                    })
                spool = spooled.isEmpty ? nil : try PacketSpool(beside: names.partial)
            }
        }
    }

    /// Writes packets of the encoded video.
    public func write(_ packets: [Packet]) throws(FathomError) {
        try lock.withLock { (_) throws(FathomError) in
            guard let output else { preconditionFailure("start comes before write") }
            guard let first = packets.first else { return }
            if !hasFrames {
                if origin == nil, let time = first.timestamp, time.value < 0 { origin = time }
                try writeHeader(output)
                hasFrames = true
            }
            for packet in packets {
                let pointer = packet.pointer
                shift(pointer, timeBase: packet.timeBase)
                try send(pointer, from: packet.timeBase, stream: videoTarget, to: output)
            }
        }
    }

    /// Copies a packet of the source as it is; those of streams that are not in the output are left out.
    public func copy(_ packet: Packet) throws(FathomError) {
        guard copies(streamIndex: packet.streamIndex), isInside(packet) else { return }
        try lock.withLock { (_) throws(FathomError) in
            guard let output, hasFrames else {
                waiting.append(packet)
                return
            }
            try writeCopy(packet, to: output)
        }
    }

    /// Ends the file and gives it its name; returns its size in bytes.
    ///
    /// MP4 and MOV are rewritten with one index at the beginning, without coding anything anew.
    @discardableResult
    public func finish() throws(FathomError) -> Int64 {
        try lock.withLock { (_) throws(FathomError) -> Int64 in
            guard let output else { return 0 }
            guard hasFrames else {
                throw FathomError(
                    operation: "write", subject: path, cause: "there is no frame to write")
            }
            self.output = nil
            try output.finish()
            let bytes = output.file.bytesWritten
            guard path != "-" else { return bytes }
            if container.isMov {
                try rewritePlain(output)
            } else {
                try names.publish(names.partial)
            }
            return names.size
        }
    }

    /// Ends the partial file without giving it the final name; without a frame in it, it is removed.
    ///
    /// Returns the name of what is left, nil when nothing is.
    @discardableResult
    public func abandon() -> String? {
        lock.withLock { _ in
            waiting = []
            guard let output else { return nil }
            self.output = nil
            // A disk that is full can't take the end either; what is there is playable without it.
            do { try output.finish() } catch {}
            guard path != "-" else { return nil }
            if hasFrames { return names.partial }
            unlink(names.partial)
            return nil
        }
    }

    // MARK: Streams

    private func describe(_ output: OutputContext, encoder: Encoder) throws(FathomError) {
        for (position, stream) in streams.enumerated() {
            let target = try output.addStream()
            let original = stream.sourceIndex.flatMap { source?.ffmpegStream($0) }
            guard stream.isEncoded else {
                guard let original else { continue }
                StreamSelection.copyDescription(
                    of: original, to: target,
                    codec: stream.subtitles?.target ?? original.pointee.codecpar.pointee.codec_id,
                    container: container)
                filters[position] = try PacketFilter(for: original, container: container)
                continue
            }
            try describeVideo(target, encoder: encoder, original: original)
        }
        if let context = source?.ffmpegContext {
            Metadata.copy(
                context.pointee.metadata, to: &output.pointer.pointee.metadata, isStream: false)
        }
    }

    private func writeHeader(_ output: OutputContext) throws(FathomError) {
        if let context = source?.ffmpegContext {
            try Chapters.copy(from: context, to: output.pointer, origin: origin, end: options.end)
        }
        var header = container.growingOptions
        if container.isMov, let encoder {
            header["movie_timescale"] = Container.movieTimescale(encoder.context.pointee.time_base)
            if Metadata.needsFreeKeys(output.pointer.pointee.metadata) {
                header["movflags", default: ""] += "+use_metadata_tags"
            }
        }
        try output.writeHeader(header)
        let packets = waiting
        waiting = []
        for packet in packets { try writeCopy(packet, to: output) }
    }

    private func describeVideo(
        _ target: UnsafeMutablePointer<AVStream>, encoder: Encoder,
        original: UnsafeMutablePointer<AVStream>?
    ) throws(FathomError) {
        guard avcodec_parameters_from_context(target.pointee.codecpar, encoder.context) >= 0 else {
            throw .outOfMemory("write")
        }
        if container.isMov, encoder.settings.codec == .hevc {
            // The tag that QuickTime plays.
            target.pointee.codecpar.pointee.codec_tag = fathom_tag(104, 118, 99, 49)
        }
        target.pointee.time_base = encoder.context.pointee.time_base
        target.pointee.avg_frame_rate = encoder.context.pointee.framerate
        target.pointee.sample_aspect_ratio = encoder.context.pointee.sample_aspect_ratio
        target.pointee.disposition = AV_DISPOSITION_DEFAULT
        if let original {
            target.pointee.disposition = original.pointee.disposition
            Metadata.copy(
                original.pointee.metadata, to: &target.pointee.metadata, isStream: true)
        }
    }

    // MARK: Packets

    private func isInside(_ packet: Packet) -> Bool {
        guard let time = packet.timestamp else { return true }
        if let start = options.start {
            let end = Timestamp(
                time.value &+ max(0, packet.pointer.pointee.duration), time.timeBase)
            if end < start || (end == start && time != start) { return false }
        }
        if let end = options.end, time >= end { return false }
        return true
    }

    private func shift(_ packet: UnsafeMutablePointer<AVPacket>, timeBase: AVRational) {
        guard let origin else { return }
        let ticks = origin.rescaled(to: Rational(timeBase)).value
        if packet.pointee.pts != noTimestamp { packet.pointee.pts &-= ticks }
        if packet.pointee.dts != noTimestamp { packet.pointee.dts &-= ticks }
    }

    private func writeCopy(_ packet: Packet, to output: OutputContext) throws(FathomError) {
        guard let position = targets[packet.streamIndex] else { return }
        let pointer = packet.pointer
        shift(pointer, timeBase: packet.timeBase)
        // MP4 fills the time between texts with empty ones; every muxer makes its own.
        if isEmptyText(packet) { return }
        if let conversion = streams[position].subtitles {
            try conversion.apply(to: pointer)
        }
        if let filter = filters[position], !filter.apply(to: pointer) { return }
        clocks[position].order(pointer)
        if spooled.contains(position) {
            try spool?.append(pointer, stream: position, timeBase: packet.timeBase)
        }
        try send(pointer, from: packet.timeBase, stream: position, to: output)
    }

    private func isEmptyText(_ packet: Packet) -> Bool {
        guard
            source?.ffmpegStream(packet.streamIndex)?.pointee.codecpar.pointee.codec_id
                == AV_CODEC_ID_MOV_TEXT
        else { return false }
        guard packet.size >= 2, let bytes = packet.pointer.pointee.data else { return true }
        return bytes[0] == 0 && bytes[1] == 0
    }

    private func send(
        _ packet: UnsafeMutablePointer<AVPacket>, from timeBase: AVRational, stream: Int,
        to output: OutputContext
    ) throws(FathomError) {
        guard let target = output.pointer.pointee.streams[stream] else { return }
        av_packet_rescale_ts(packet, timeBase, target.pointee.time_base)
        packet.pointee.stream_index = Int32(stream)
        packet.pointee.pos = -1
        try output.write(packet)
    }

    // MARK: The end

    private func rewritePlain(_ partial: OutputContext) throws(FathomError) {
        do {
            try Remuxer.rewrite(
                from: names.partial, to: names.rewritten, container: container,
                like: partial.pointer, video: videoTarget,
                spool: spool, spooled: spooled)
            try names.publish(names.rewritten)
        } catch {
            unlink(names.rewritten)
            throw error
        }
        unlink(names.partial)
        spool = nil
    }
}

/// Keeps the times of a copied stream in the order that containers demand.
struct CopyClock {
    private var last: Int64?
    private var lastDuration: Int64 = 0

    /// Gives a packet without a decoding time one, and moves one that is not later than the packet before.
    mutating func order(_ packet: UnsafeMutablePointer<AVPacket>) {
        if packet.pointee.dts == noTimestamp {
            packet.pointee.dts =
                packet.pointee.pts != noTimestamp
                ? packet.pointee.pts : last.map { $0 &+ max(1, lastDuration) } ?? 0
        }
        if packet.pointee.pts == noTimestamp { packet.pointee.pts = packet.pointee.dts }
        if let last, packet.pointee.dts <= last {
            packet.pointee.dts = last &+ 1
            packet.pointee.pts = max(packet.pointee.pts, packet.pointee.dts)
        }
        last = packet.pointee.dts
        lastDuration = packet.pointee.duration
    }
}

extension SubtitleConversion {
    /// Replaces a packet's payload.
    func apply(to packet: UnsafeMutablePointer<AVPacket>) throws(FathomError) {
        let size = Int(packet.pointee.size)
        let payload = packet.pointee.data.map {
            [UInt8](UnsafeBufferPointer(start: $0, count: size))
        }
        let converted = convert(payload ?? [])
        guard let other = av_packet_alloc() else { throw .outOfMemory("write") }
        defer {
            var other: UnsafeMutablePointer<AVPacket>? = other
            av_packet_free(&other)
        }
        guard av_new_packet(other, Int32(converted.count)) >= 0,
            av_packet_copy_props(other, packet) >= 0
        else { throw .outOfMemory("write") }
        converted.withUnsafeBufferPointer { bytes in
            if let base = bytes.baseAddress {
                other.pointee.data.update(from: base, count: bytes.count)
            }
        }
        av_packet_unref(packet)
        av_packet_move_ref(packet, other)
    }
}
