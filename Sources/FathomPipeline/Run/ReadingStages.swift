import FathomCore
import FathomMedia

/// The first two stages of every pass over a recording: packets, then pictures.
enum ReadingStages {
    /// Adds both stages; gives the queue of pictures, in the order in which they are shown.
    ///
    /// `copy` takes the packets of all other streams.
    static func add(
        to pipeline: Pipeline, _ recording: Recording, configuration: RunConfiguration,
        threads: Int, tally: RunTally, note: @escaping @Sendable (String) -> Void = { _ in },
        copy: @escaping @Sendable (Packet) throws(FathomError) -> Void = { (_) in }
    ) -> BoundedQueue<VideoFrame> {
        let packets = BoundedQueue<Packet>(capacity: 8)
        let frames = BoundedQueue<VideoFrame>(capacity: 2)
        let cancellation = pipeline.cancellation
        pipeline.addSource("demux", finishing: [packets]) { (meter) throws(FathomError) in
            try demux(
                recording, meter: meter, cancellation: cancellation, tally: tally,
                packets: packets, copy: copy)
        }
        pipeline.addStage("decode", from: packets, finishing: [frames]) {
            (meter) throws(FathomError) in
            try decode(
                recording, configuration: configuration, threads: threads, meter: meter,
                cancellation: cancellation, tally: tally, packets: packets, frames: frames,
                note: note)
        }
        return frames
    }

    /// Reads packets; those of the video go to `packets`, all others to `copy`.
    private static func demux(
        _ recording: Recording, meter: StageMeter, cancellation: Cancellation, tally: RunTally,
        packets: BoundedQueue<Packet>,
        copy: @Sendable (Packet) throws(FathomError) -> Void
    ) throws(FathomError) {
        let video = recording.stream.index
        // Other streams may lie behind the video in the file: they are read on to the end that was asked for.
        let end = recording.selector.end
        let latestEnd = end.map { Timestamp($0.value + 2_000_000, $0.timeBase) }
        var isVideoDone = false
        while !cancellation.isCancelled {
            let next: Packet?
            do throws(FathomError) {
                next = try meter.measure { () throws(FathomError) in
                    try recording.demuxer.nextPacket()
                }
            } catch {
                // An interruption ends the input like its end does: what is under way is still written.
                if error.code == .interrupted { break }
                throw error
            }
            guard let packet = next else { break }
            if packet.streamIndex == video {
                if !isVideoDone && packets.send(packet) { continue }
                isVideoDone = true
                guard let latestEnd, let time = packet.timestamp, time < latestEnd else { break }
            } else {
                if isVideoDone, let end, let time = packet.timestamp, time >= end { break }
                try copy(packet)
            }
        }
        if let reason = recording.demuxer.earlyEnd {
            tally.warn("reading \(recording.demuxer.info.path) ended before its end: \(reason)")
            tally.update { $0.decodeErrors += 1 }
        }
        if let packets = recording.demuxer.damagedPackets[video] {
            tally.warn(
                "\(packets) packets of the video arrived damaged: frames may be missing there")
            tally.update { $0.decodeErrors += packets }
        }
        let damaged = recording.demuxer.readErrors
        if damaged > 0 { tally.update { $0.decodeErrors += damaged } }
    }

    /// Decodes and brings pictures into the canonical form; only the frames that are asked for go on.
    private static func decode(
        _ recording: Recording, configuration: RunConfiguration, threads: Int, meter: StageMeter,
        cancellation: Cancellation, tally: RunTally, packets: BoundedQueue<Packet>,
        frames: BoundedQueue<VideoFrame>,
        note: (String) -> Void
    ) throws(FathomError) {
        let decoder = try Decoder(recording.stream, of: recording.demuxer, threads: threads)
        let normalizer = FrameNormalizer(recording.stream, threads: threads)
        var selector = recording.selector
        // A sequence of pictures already has the rate that was asked for.
        let isSequence = if case .pictures = recording.demuxer.input { true } else { false }
        var converter = isSequence ? nil : configuration.fps.map { RateConverter(rate: $0) }
        var busy: UInt64 = 0
        var isStopped = false

        func pass(_ pictures: [VideoFrame]) {
            for picture in pictures where !isStopped {
                if !frames.send(picture) { isStopped = true }
            }
        }
        func take(_ pictures: [VideoFrame], since start: UInt64) {
            busy += SystemClock.monotonicNanoseconds - start
            for picture in pictures where !isStopped {
                meter.record(nanoseconds: busy)
                busy = 0
                tally.update { counts in
                    counts.framesIn += 1
                    counts.sourceWidth = picture.format.width
                    counts.sourceHeight = picture.format.height
                }
                switch selector.choose(picture.timestamp) {
                case .skip: tally.update { $0.framesSkipped += 1 }
                case .stop:
                    tally.update { $0.framesSkipped += 1 }
                    isStopped = true
                case .use:
                    if picture.isDamaged { tally.update { $0.framesDamaged += 1 } }
                    pass(converter?.push(picture) ?? [picture])
                }
            }
        }
        func normalize(_ decoded: [DecodedFrame], since start: UInt64) throws(FathomError) {
            var pictures: [VideoFrame] = []
            for frame in decoded { pictures += try normalizer.normalize(frame) }
            normalizer.notes.forEach(note)
            take(pictures, since: start)
        }

        while !isStopped, let packet = packets.receive() {
            let start = SystemClock.monotonicNanoseconds
            try normalize(try decoder.decode(packet), since: start)
        }
        if !isStopped {
            let start = SystemClock.monotonicNanoseconds
            try normalize(try decoder.finish(), since: start)
            take(try normalizer.finish(), since: SystemClock.monotonicNanoseconds)
        }
        if var rest = converter {
            let last = rest.finish()
            pass(last)
            tally.update { $0.framesSkipped += rest.skipped }
            if rest.repeated > 0 {
                tally.warn("\(rest.repeated) frames are shown more than once to reach the rate")
            }
        }
        (decoder.warnings + normalizer.warnings).forEach(tally.warn)
        tally.update { $0.decodeErrors += decoder.errors }
        if tally.now.framesIn == 0, !cancellation.isCancelled { throw decoder.noFramesError() }
    }
}
