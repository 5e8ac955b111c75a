import CFFmpeg
import FathomCore
import Glibc

/// Reads a live source through FFmpeg: network streams, pipes, screens, recordings at their own speed.
final class StreamReader: LiveReader {
    private(set) var info: MediaInfo
    private(set) var streams: [(info: StreamInfo, parameters: CodecParameters)] = []
    private(set) var effective: [String]

    let address: LiveAddress
    let options: LiveInput.Options
    let context: InputContext
    let deadline: LiveDeadline
    private let silenceSeconds: Double
    private let hasClock: Bool
    private var pace: Pace?
    /// Packets that were read to find out what the streams are.
    var queue: [ArrivedPacket] = []
    private var queued = 0
    private var wallClock = SenderReportClock()
    /// Seconds spent waiting since the last packet of the video.
    private var waited = 0.0
    /// For streams whose pieces Fathom puts together itself, by index.
    private var assemblers: [Int: AccessUnits] = [:]
    /// Pictures that are complete, and what came with them.
    private var complete: [ArrivedPacket] = []

    /// Connects, and reads up to the first packets that tell what the streams are.
    init(_ address: LiveAddress, options: LiveInput.Options) throws(LiveFailure) {
        self.address = address
        self.options = options
        deadline = LiveDeadline(isCancelled: options.isCancelled)
        deadline.allow(seconds: options.openSeconds)
        let settings = StreamSettings(address, options)
        effective = settings.effective
        context = try Self.open(address, settings, deadline)
        let format = context.pointer.pointee.iformat.pointee
        let container = String(cString: format.name)
        let isPlaylist = container.contains("hls")
        let isRecording =
            address.kind == .http && context.pointer.pointee.duration > 0
            && (context.pointer.pointee.pb.map { $0.pointee.seekable != 0 } ?? false)
        if address.isPaced || isPlaylist || isRecording {
            pace = Pace(isCancelled: { [deadline] in deadline.wasCancelled })
        }
        // Segments of a playlist come every few seconds.
        silenceSeconds = options.readSeconds + (isPlaylist ? 10 : 0)
        // Streams of bare pictures have no clock; FFmpeg invents one.
        hasClock =
            pace != nil
            || !(format.flags & AVFMT_NOTIMESTAMPS != 0 || container.contains("mpjpeg")
                || container.hasSuffix("_pipe"))
        info = MediaInfo(
            path: address.name, container: container, duration: nil, startTime: nil, streams: [],
            chapters: [], metadata: [:])
        if container == "rtsp" { assemblePictures() }
        let chosen = try pace == nil ? look() : analyze()
        do {
            info = try Demuxer.describe(context, name: address.name)
            for index in chosen {
                guard let stream = context.stream(index) else { continue }
                streams.append(
                    (
                        info.streams[index],
                        try CodecParameters(copying: stream.pointee.codecpar)
                    ))
            }
        } catch {
            throw LiveFailure(.damaged, error)
        }
        if let video = streams.first?.info.video {
            effective.insert(
                "\(video.width)×\(video.height) \(streams[0].info.codec) (\(container))", at: 0)
        }
    }

    deinit {
        // A server that hangs would be waited for when the connection is closed.
        deadline.expire()
    }

    func next() throws(LiveFailure) -> ArrivedPacket {
        while true {
            let arrived: ArrivedPacket
            if queued < queue.count {
                arrived = queue[queued]
                queued += 1
                if queued == queue.count {
                    queue = []
                    queued = 0
                }
            } else {
                let begin = SystemClock.monotonicNanoseconds
                deadline.allow(seconds: max(0.01, silenceSeconds - waited))
                arrived = try readWhole("read")
                waited += Double(SystemClock.monotonicNanoseconds - begin) / 1e9
            }
            let index = arrived.packet.streamIndex
            if index == streams.first?.info.index { waited = 0 }
            guard let known = streams.first(where: { $0.info.index == index }) else {
                if waited >= silenceSeconds { throw silence("read") }
                continue
            }
            if waited >= silenceSeconds { throw silence("read") }
            try checkCodec(of: known)
            guard let pace else { return arrived }
            let time = try pace.hold(arrived.packet, address)
            return ArrivedPacket(
                packet: arrived.packet, arrival: time, wallTime: .of(time, source: .arrival),
                hasClock: true)
        }
    }

    private func silence(_ operation: String) -> LiveFailure {
        Self.failure(
            fathom_error_of_errno(ETIMEDOUT), operation, address, deadline, [])
    }

    // MARK: Reading

    /// Takes the parsers out of the way where RTP brings pictures in pieces: they'd wait for the picture behind.
    private func assemblePictures() {
        let streams = (0..<Int(context.pointer.pointee.nb_streams)).compactMap(context.stream)
        let videos = streams.filter {
            $0.pointee.codecpar.pointee.codec_type == AVMEDIA_TYPE_VIDEO
        }
        let codecs = videos.map { $0.pointee.codecpar.pointee.codec_id }
        // Other codecs need their parsers.
        guard !codecs.isEmpty,
            codecs.allSatisfy({ $0 == AV_CODEC_ID_H264 || $0 == AV_CODEC_ID_HEVC })
        else { return }
        context.pointer.pointee.flags |= AVFMT_FLAG_NOPARSE | AVFMT_FLAG_NOFILLIN
        for video in videos {
            assemblers[Int(video.pointee.index)] = AccessUnits(
                isHEVC: video.pointee.codecpar.pointee.codec_id == AV_CODEC_ID_HEVC)
        }
    }

    /// The next packet that is a whole picture, or a piece of sound.
    func readWhole(_ operation: String) throws(LiveFailure) -> ArrivedPacket {
        while complete.isEmpty {
            let piece = try read(operation)
            guard let assembler = assemblers[piece.packet.streamIndex] else {
                if !assemblers.isEmpty { fillIn(piece.packet) }
                return piece
            }
            do { complete = try assembler.add(piece) } catch {
                throw LiveFailure(.other, error)
            }
        }
        return complete.removeFirst()
    }

    /// What FFmpeg leaves out without parsers: sound can be begun anywhere, and has a length.
    private func fillIn(_ packet: Packet) {
        packet.pointer.pointee.flags |= AV_PKT_FLAG_KEY
        guard let stream = context.stream(packet.streamIndex),
            let parameters = stream.pointee.codecpar,
            packet.pointer.pointee.duration == 0, parameters.pointee.sample_rate > 0
        else { return }
        let samples = av_get_audio_frame_duration2(
            parameters, packet.pointer.pointee.size)
        packet.pointer.pointee.duration =
            Timestamp(Int64(max(0, samples)), Rational(1, Int(parameters.pointee.sample_rate)))
            .rescaled(to: Rational(packet.timeBase)).value
    }

    private func read(_ operation: String) throws(LiveFailure) -> ArrivedPacket {
        var failures = 0
        while true {
            let packet: Packet
            do { packet = try Packet(timeBase: AVRational(num: 1, den: 1)) } catch {
                throw LiveFailure(.other, error)
            }
            let (code, messages) = ThreadMessages.collect { collected in
                (av_read_frame(context.pointer, packet.pointer), collected.messages)
            }
            let arrival = SystemClock.monotonicNanoseconds
            if code >= 0 {
                guard let stream = context.stream(packet.streamIndex) else { continue }
                packet.timeBase = stream.pointee.time_base
                if messages.contains(where: { $0.contains("RTP: missed") }) {
                    packet.pointer.pointee.flags |= AV_PKT_FLAG_CORRUPT
                }
                let wallTime =
                    wallClock.time(of: packet, arrival: arrival)
                    ?? WallTime.of(arrival, source: .arrival)
                return ArrivedPacket(
                    packet: packet, arrival: arrival, wallTime: wallTime, hasClock: hasClock)
            }
            if deadline.wasCancelled || deadline.hasInterrupted {
                throw Self.failure(code, operation, address, deadline, messages)
            }
            failures += 1
            if code == fathom_error_again, failures < 10_000 {
                usleep(1000)
                continue
            }
            if code == fathom_error_invalid_data, failures < 100 { continue }
            throw Self.failure(code, operation, address, deadline, messages)
        }
    }

    /// A stream whose codec changed needs a new connection, with everything that belongs to it.
    private func checkCodec(
        of known: (info: StreamInfo, parameters: CodecParameters)
    ) throws(LiveFailure) {
        guard let stream = context.stream(known.info.index),
            stream.pointee.codecpar.pointee.codec_id != known.parameters.pointer.pointee.codec_id
        else { return }
        throw LiveFailure(
            .ended, "read", address, cause: "the source changed to another codec")
    }
}
