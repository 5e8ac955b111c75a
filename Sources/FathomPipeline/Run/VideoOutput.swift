import FathomCore
import FathomMedia

/// From frames with depth to a file: render, encode, mux, each on a thread of its own.
final class VideoOutput: Sendable {
    private let recording: Recording
    private let configuration: RunConfiguration
    private let threads: Int
    private let muxer: Muxer
    private let path: String

    init(
        path: String, recording: Recording, configuration: RunConfiguration, threads: Int
    ) throws(FathomError) {
        self.path = path
        self.recording = recording
        self.configuration = configuration
        self.threads = threads
        var options = Muxer.Options()
        options.overwrites = configuration.overwrite
        options.copiesAudio = configuration.audio
        options.copiesData = configuration.data
        options.start = recording.selector.first
        options.end = recording.selector.end
        try Self.settings(configuration, threads: threads, path: path).validate()
        muxer = try Muxer(
            path: path, source: recording.demuxer, video: recording.stream, options: options)
    }

    var warnings: [String] { muxer.warnings }

    /// Takes a packet of another stream along.
    func copy(_ packet: Packet) throws(FathomError) { try muxer.copy(packet) }

    /// Adds this output's stages, fed by `frames`.
    func addStages(
        to pipeline: Pipeline, from frames: BoundedQueue<DepthFrame>, tally: RunTally,
        note: @escaping @Sendable (String) -> Void
    ) {
        let pictures = BoundedQueue<VideoFrame>(capacity: 2)
        pipeline.addStage("render", from: frames, finishing: [pictures]) {
            [self] (meter) throws(FathomError) in
            try RenderStage.run(
                frames, into: pictures, recording: recording, configuration: configuration,
                meter: meter)
        }
        addEncoding(to: pipeline, from: pictures, tally: tally, note: note)
    }

    /// Adds the last two stages, fed by finished pictures.
    func addEncoding(
        to pipeline: Pipeline, from pictures: BoundedQueue<VideoFrame>, tally: RunTally,
        note: @escaping @Sendable (String) -> Void
    ) {
        let packets = BoundedQueue<[Packet]>(capacity: 8)
        pipeline.addStage("encode", from: pictures, finishing: [packets]) {
            [self] (meter) throws(FathomError) in
            try encode(pictures, into: packets, meter: meter, tally: tally, note: note)
        }
        pipeline.addStage("mux", from: packets) { [self] (meter) throws(FathomError) in
            while let batch = packets.receive() {
                try meter.measure { () throws(FathomError) in try muxer.write(batch) }
            }
        }
    }

    private func encode(
        _ pictures: BoundedQueue<VideoFrame>, into packets: BoundedQueue<[Packet]>,
        meter: StageMeter, tally: RunTally, note: (String) -> Void
    ) throws(FathomError) {
        var encoder: Encoder?
        while let picture = pictures.receive() {
            let batch = try meter.measure { () throws(FathomError) -> [Packet] in
                let current: Encoder
                if let encoder {
                    current = encoder
                } else {
                    current = try makeEncoder(for: picture)
                    current.notes.forEach(note)
                    try muxer.start(current, origin: recording.origin)
                    encoder = current
                }
                return try current.encode(picture)
            }
            let time = picture.timestamp
            let end = Timestamp(time.value &+ picture.duration, time.timeBase)
            tally.wrote(at: time.seconds, until: end.seconds)
            if !batch.isEmpty, !packets.send(batch) { return }
        }
        if let encoder { packets.send(try encoder.finish()) }
    }

    private static func settings(
        _ configuration: RunConfiguration, threads: Int, path: String
    ) throws(FathomError) -> EncoderSettings {
        let container = try Container(forPath: path)
        return EncoderSettings(
            codec: configuration.codec ?? .default(forExtension: container.name),
            quality: configuration.crf, preset: configuration.preset,
            bitrate: configuration.bitrate, threads: threads)
    }

    private func makeEncoder(for picture: VideoFrame) throws(FathomError) -> Encoder {
        let settings = try Self.settings(configuration, threads: threads, path: path)
        var rate = configuration.fps ?? recording.stream.video?.frameRate
        if let every = configuration.every, let source = rate {
            rate = Rational(source.numerator, source.denominator * every)
        }
        return try Encoder(
            settings, format: picture.format, timeBase: picture.timestamp.timeBase,
            frameRate: rate, sampleAspectRatio: picture.sampleAspectRatio,
            container: muxer.container)
    }

    /// Gives the file its name; returns what it is.
    func finish() throws(FathomError) -> RunReport.Output {
        RunReport.Output(path: path, kind: "video", bytes: try muxer.finish())
    }

    /// Leaves what was written under its passing name, and says under which.
    func abandon() -> String? { muxer.abandon() }
}
