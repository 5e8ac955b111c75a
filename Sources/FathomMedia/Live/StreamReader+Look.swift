import CFFmpeg
import FathomCore

extension StreamReader {
    /// Lets FFmpeg find the streams: where packets wait for their time anyway.
    func analyze() throws(LiveFailure) -> [Int] {
        let (code, messages) = ThreadMessages.collect { collected in
            (InputContext.findStreams(context.pointer), collected.messages)
        }
        if deadline.wasCancelled || deadline.hasInterrupted || code < 0 {
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
    func look() throws(LiveFailure) -> [Int] {
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
            do { arrived = try readWhole("open") } catch {
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
}
