import FathomCore
import FathomDepth
import FathomMedia

/// Depth at the size that files and dump want.
final class DepthSampler {
    private let size: RunConfiguration.FramesSize
    private let method: UpsamplingMethod
    private var upsampler: GuidedUpsampler?
    private var values: [Float] = []

    init(size: RunConfiguration.FramesSize, method: UpsamplingMethod) {
        self.size = size
        self.method = method
    }

    /// Width and height of all that is given from now on, whatever size the frames have: for dumps, whose head
    /// says it once.
    var fixed: (width: Int, height: Int)?

    /// Width and height of what `withValues` gives for this frame.
    func extent(of frame: DepthFrame) -> (width: Int, height: Int) {
        if let fixed { return fixed }
        switch size {
        case .source: return (frame.source.format.width, frame.source.format.height)
        case .network: return (frame.depth.map.width, frame.depth.map.height)
        }
    }

    /// The frame's depth, row by row.
    func withValues<R>(
        of frame: DepthFrame, _ body: (UnsafeBufferPointer<Float>) throws(FathomError) -> R
    ) throws(FathomError) -> R {
        let (width, height) = extent(of: frame)
        let own = (frame.depth.map.width, frame.depth.map.height)
        switch size {
        case .network where own == (width, height): return try frame.depth.map.withValues(body)
        case .network, .source:
            if upsampler?.width != width || upsampler?.height != height {
                upsampler = GuidedUpsampler(method: method, width: width, height: height)
                values = [Float](repeating: 0, count: width * height)
            }
            frame.source.withPicture { picture in
                values.withUnsafeMutableBufferPointer { out in
                    upsampler?.upsample(frame.depth.map, picture: picture, into: out)
                }
            }
            return try values.withUnsafeBufferPointer(body)
        }
    }
}

/// Depth frames as files with a manifest.
enum FilesStage {
    static func run(
        _ frames: BoundedQueue<DepthFrame>, writer: DepthFolderWriter, recording: Recording,
        configuration: RunConfiguration, folder: String, isOnlyOutput: Bool, meter: StageMeter,
        tally: RunTally
    ) throws(FathomError) {
        let sampler = DepthSampler(
            size: configuration.framesSize, method: configuration.upsampling)
        let creation = recording.creationTime
        let beginning = recording.beginning.seconds
        while let frame = frames.receive() {
            try meter.measure { () throws(FathomError) in
                let (width, height) = sampler.extent(of: frame)
                let range = frame.depth.range
                var line = ManifestFrame(
                    timestamp: frame.source.timestamp, range: range.minimum...range.maximum)
                line.isKeyFrame = frame.source.isKeyFrame
                line.flags = frame.flags
                if let creation {
                    line.wallTime = creation + frame.source.timestamp.seconds - beginning
                    line.wallTimeSource = .container
                }
                try sampler.withValues(of: frame) { (values) throws(FathomError) in
                    try writer.write(DepthImage(values, width: width, height: height), line)
                }
            }
            if isOnlyOutput { tally.wrote(frame) }
        }
        try writer.finish()
        if writer.clampedSamples > 0 {
            tally.warn(
                "\(writer.clampedSamples) values lay outside what 16 bits hold and were brought to their ends"
            )
        }
        tally.update {
            $0.outputs.append(
                RunReport.Output(path: folder, kind: "frames", bytes: Int64(writer.bytes)))
        }
    }
}

/// Depth as an RTSP-like stream of bytes.
enum DumpStage {
    /// How far above its first frame's largest value a relative dump may go.
    private static let headroom: Float = 4

    static func run(
        _ frames: BoundedQueue<DepthFrame>, path: String, recording: Recording,
        configuration: RunConfiguration, isOnlyOutput: Bool, meter: StageMeter, tally: RunTally
    ) throws(FathomError) {
        let sampler = DepthSampler(
            size: configuration.framesSize, method: configuration.upsampling)
        let file = try PartialFile(path: path, overwrites: configuration.overwrite)
        var writer: FrameDumpWriter?
        var pictures: JPEGEncoder?
        do throws(FathomError) {
            while let frame = frames.receive() {
                try meter.measure { () throws(FathomError) in
                    let dump: FrameDumpWriter
                    if let writer {
                        dump = writer
                    } else {
                        dump = try makeWriter(
                            for: frame, sampler: sampler, path: path, recording: recording,
                            configuration: configuration, file: file)
                        writer = dump
                    }
                    if dump.description.colorSize != nil {
                        if pictures == nil {
                            pictures = try JPEGEncoder(format: frame.source.format)
                        }
                        let jpeg = try pictures?.encode(frame.source) ?? []
                        try jpeg.withUnsafeBufferPointer { (bytes) throws(FathomError) in
                            try dump.writeColor(
                                jpeg: UnsafeRawBufferPointer(bytes), at: frame.source.timestamp)
                        }
                    }
                    try sampler.withValues(of: frame) { (values) throws(FathomError) in
                        try dump.write(values, at: frame.source.timestamp)
                    }
                }
                if isOnlyOutput { tally.wrote(frame) }
            }
            try writer?.finish()
            try file.finish()
        } catch {
            file.abandon()
            throw error
        }
        guard let writer else { return }
        if writer.clampedSamples > 0 {
            tally.warn(
                "\(writer.clampedSamples) values of the dump lay outside its range and were brought to its ends"
            )
        }
        tally.update {
            $0.outputs.append(
                RunReport.Output(path: path, kind: "dump", bytes: Int64(writer.bytes)))
        }
    }

    private static func makeWriter(
        for frame: DepthFrame, sampler: DepthSampler, path: String, recording: Recording,
        configuration: RunConfiguration, file: PartialFile
    ) throws(FathomError) -> FrameDumpWriter {
        let description = describe(
            frame, sampler: sampler, title: recording.demuxer.info.path,
            frameRate: configuration.fps ?? recording.stream.video?.frameRate ?? Rational(25, 1),
            configuration: configuration)
        return try FrameDumpWriter(
            description,
            options: FrameDumpWriter.Options(
                startWallTime: recording.creationTime
                    ?? Double(SystemClock.wallNanoseconds) / 1e9)
        ) { (bytes) throws(FathomError) in try file.write(bytes) }
    }

    /// What the head of a dump says, by its first frame.
    static func describe(
        _ frame: DepthFrame, sampler: DepthSampler, title: String, frameRate: Rational,
        configuration: RunConfiguration
    ) -> FrameDumpDescription {
        let (width, height) = sampler.extent(of: frame)
        let kind = frame.depth.map.kind
        var description = FrameDumpDescription(
            title: title, width: width, height: height, encoding: configuration.dumpAs, kind: kind,
            unit: kind == .metres ? .metres : .relative,
            range: range(for: frame, mode: configuration.range), frameRate: frameRate)
        if configuration.dumpColor {
            description.colorSize = (frame.source.format.width, frame.source.format.height)
        }
        return description
    }

    /// The range that 16 bits stand for, for the whole dump: a fixed or measured one as it is; else from zero
    /// to a few times the first frame's largest value, since the head is written before later frames are known.
    private static func range(for frame: DepthFrame, mode: RangeMode) -> ClosedRange<Float> {
        let own = frame.depth.range
        switch mode {
        case .fixed, .clip: return own.minimum...own.maximum
        case .scene, .frame:
            let largest = frame.depth.map.withValues { $0.max() ?? 1 }
            return 0...max(largest, own.maximum, 1e-3) * headroom
        }
    }
}

extension RunTally {
    /// A frame that went out without a video.
    fileprivate func wrote(_ frame: DepthFrame) {
        let time = frame.source.timestamp
        let end = Timestamp(time.value &+ frame.source.duration, time.timeBase)
        wrote(at: time.seconds, until: end.seconds)
    }
}
