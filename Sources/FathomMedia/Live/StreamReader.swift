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
    private let deadline: LiveDeadline
    private let silenceSeconds: Double
    private let hasClock: Bool
    private var pace: Pace?
    /// Packets that were read to find out what the streams are.
    private var queue: [ArrivedPacket] = []
    private var queued = 0
    /// Seconds spent waiting since the last packet of the video.
    private var waited = 0.0
    private var wallClock = RTPWallClock()

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
                arrived = try read("read")
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

    // MARK: Opening

    private static func open(
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
    private static func failure(
        _ code: Int32, _ operation: String, _ address: LiveAddress, _ deadline: LiveDeadline,
        _ messages: [String]
    ) -> LiveFailure {
        if deadline.wasCancelled {
            return LiveFailure(.interrupted, operation, address, cause: "it was interrupted")
        }
        if deadline.hasPassed {
            return LiveFailure(
                .timedOut, operation, address, cause: "nothing came in the time allowed",
                remedy: "Check the source and the network")
        }
        if address.kind == .screen {
            return LiveFailure(
                operation == "read" ? .unplugged : .notFound, operation, address,
                cause: operation == "read"
                    ? "the X server went away"
                    : messages.last ?? "there is no X server of this name",
                remedy: "Check the display, and whether this user may use it")
        }
        return .of(code, operation, address, messages: messages)
    }

    private func silence(_ operation: String) -> LiveFailure {
        Self.failure(
            fathom_error_of_errno(ETIMEDOUT), operation, address, deadline, [])
    }

    // MARK: Finding the streams

    /// Lets FFmpeg find the streams: where packets wait for their time anyway.
    private func analyze() throws(LiveFailure) -> [Int] {
        let (code, messages) = ThreadMessages.collect { collected in
            (InputContext.findStreams(context.pointer), collected.messages)
        }
        if deadline.wasCancelled || deadline.hasPassed || code < 0 {
            throw Self.failure(code, "open", address, deadline, messages)
        }
        guard let video = try videoIndex() else { throw noVideo() }
        guard let parameters = context.stream(video)?.pointee.codecpar.pointee,
            parameters.width > 0, parameters.height > 0
        else {
            throw LiveFailure(
                .damaged, "open", address, cause: "no frame of its video can be decoded",
                remedy: "Check it with a player")
        }
        return [video, soundIndex()].compactMap(\.self)
    }

    /// Reads packets until the video's first key frame and the sound's first packet tell what they are.
    private func look() throws(LiveFailure) -> [Int] {
        var bytes = 0
        var attempts = 0
        var video: Int?
        var sound: Int?
        var videoFound: UInt64?
        while true {
            if context.pointer.pointee.ctx_flags & AVFMTCTX_NOHEADER == 0,
                try videoIndex() == nil
            {
                throw noVideo()
            }
            if let videoFound, !mayHaveSound(sound, since: videoFound) { break }
            let arrived: ArrivedPacket
            do { arrived = try read("open") } catch {
                if videoFound != nil, error.reason == .ended { break }
                if error.reason == .timedOut, !queue.isEmpty, try videoIndex() == nil {
                    throw noVideo()
                }
                throw error
            }
            queue.append(arrived)
            bytes += arrived.packet.size
            guard bytes < 1 << 26, queue.count < 20_000 else {
                throw LiveFailure(
                    .damaged, "open", address, cause: "no frame of its video can be decoded",
                    remedy: "Check it with a player")
            }
            let index = arrived.packet.streamIndex
            guard let stream = context.stream(index) else { continue }
            let kind = stream.pointee.codecpar.pointee.codec_type
            if videoFound == nil, kind == AVMEDIA_TYPE_VIDEO, try videoIndex() == index {
                if video == nil {
                    video = index
                    // It sends: now its next key frame is worth waiting for.
                    deadline.allow(seconds: max(options.openSeconds, 30))
                }
                guard arrived.packet.isKey else { continue }
                attempts += 1
                if try probe(stream, arrived.packet) {
                    videoFound = SystemClock.monotonicNanoseconds
                } else if attempts >= 10 {
                    throw LiveFailure(
                        .damaged, "open", address, cause: "no frame of its video can be decoded",
                        remedy: "Check it with a player")
                }
            } else if sound == nil, kind == AVMEDIA_TYPE_AUDIO,
                (try? probe(stream, arrived.packet)) ?? false
            {
                sound = index
            }
        }
        return [video, sound].compactMap(\.self)
    }

    /// Whether sound is still to be waited for: half a second at most behind the first picture.
    private func mayHaveSound(_ found: Int?, since: UInt64) -> Bool {
        guard found == nil, SystemClock.monotonicNanoseconds < since + 500_000_000 else {
            return false
        }
        if context.pointer.pointee.ctx_flags & AVFMTCTX_NOHEADER != 0,
            info.container.contains("flv")
        {
            return true
        }
        return soundIndex() != nil
    }

    private func probe(
        _ stream: UnsafeMutablePointer<AVStream>, _ packet: Packet
    ) throws(LiveFailure) -> Bool {
        do { return try StreamProbe.complete(stream, from: packet) } catch {
            throw LiveFailure(
                .unsupportedCodec,
                FathomError(
                    operation: "decode", subject: address.name, cause: error.cause,
                    remedy: "Set the source to H.264, H.265 or MJPEG"))
        }
    }

    /// The video to use, among the streams known so far.
    private func videoIndex() throws(LiveFailure) -> Int? {
        let indices = (0..<Int(context.pointer.pointee.nb_streams)).filter { index in
            guard let stream = context.stream(index) else { return false }
            return stream.pointee.codecpar.pointee.codec_type == AVMEDIA_TYPE_VIDEO
                && stream.pointee.disposition & AV_DISPOSITION_ATTACHED_PIC == 0
        }
        guard let requested = options.stream else {
            return indices.first { index in
                (context.stream(index)?.pointee.disposition ?? 0) & AV_DISPOSITION_DEFAULT != 0
            } ?? indices.first
        }
        if indices.contains(requested) { return requested }
        return indices.indices.contains(requested) ? indices[requested] : nil
    }

    /// The sound that goes along.
    private func soundIndex() -> Int? {
        (0..<Int(context.pointer.pointee.nb_streams)).first { index in
            guard let parameters = context.stream(index)?.pointee.codecpar.pointee else {
                return false
            }
            return parameters.codec_type == AVMEDIA_TYPE_AUDIO
                && parameters.codec_id != AV_CODEC_ID_NONE
        }
    }

    private func noVideo() -> LiveFailure {
        LiveFailure(
            .noVideo, "open", address,
            cause: options.stream.map { "it has no video stream \($0)" }
                ?? "it has no video stream",
            remedy: "Check the address with a player")
    }

    // MARK: Reading

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
                let wallTime =
                    wallClock.time(of: packet) ?? WallTime.of(arrival, source: .arrival)
                return ArrivedPacket(
                    packet: packet, arrival: arrival, wallTime: wallTime, hasClock: hasClock)
            }
            if deadline.wasCancelled || deadline.hasPassed {
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
