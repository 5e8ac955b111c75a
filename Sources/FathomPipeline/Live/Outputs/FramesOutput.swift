import FathomCore
import FathomDepth
import FathomMedia
import Synchronization

/// Depth frames of a live source as files with a manifest.
final class FramesOutput: LiveOutput {
    private let folder: String
    private let feed: LiveFeed
    private let configuration: LiveConfiguration
    private let account: OutputAccount
    private let owner: WriterOwner
    private let threads = OutputThreads()
    private let bytes = Atomic<Int64>(0)

    private final class WriterOwner: @unchecked Sendable {
        // Sendable: made before the thread starts, then used by it alone.
        let writer: DepthFolderWriter
        init(_ writer: DepthFolderWriter) { self.writer = writer }
    }

    init(
        folder: String, format: DepthFileFormat, feed: LiveFeed, configuration: LiveConfiguration,
        network: Network
    ) throws(FathomError) {
        self.folder = folder
        self.feed = feed
        self.configuration = configuration
        let run = configuration.run
        let card = try ModelCard(
            metadata: network.graph.metadata, subject: "model \(network.name)",
            defaultName: network.name)
        let options = DepthFolderWriter.Options(
            folder: folder, format: format,
            conversion: try DepthConversion(
                from: run.outputKind ?? card.outputKind, to: run.framesAs),
            pngScale: run.framesScale, overwrite: run.overwrite)
        let header = ManifestHeader(
            modelName: network.name, modelHash: try network.sha256(), camera: run.camera)
        owner = WriterOwner(try DepthFolderWriter(options, header: header))
        account = feed.account.addOutput("frames \(folder)")
    }

    func start() {
        let frames = feed.frames.subscribe(capacity: 8, waits: configuration.policy == .block)
        threads.start("live-frames") { [self] in
            defer { frames.cancel() }
            do throws(FathomError) { try write(frames) } catch {
                account.failed(error, isFinal: true)
            }
        }
    }

    func end(by deadline: UInt64) { threads.end() }

    func join(by deadline: UInt64) -> [RunReport.Output] {
        threads.join(by: deadline)
        return [
            RunReport.Output(path: folder, kind: "frames", bytes: bytes.load(ordering: .relaxed))
        ]
    }

    private func write(_ frames: Subscription<LiveFrame>) throws(FathomError) {
        let run = configuration.run
        let sampler = DepthSampler(size: run.framesSize, method: run.upsampling)
        let writer = owner.writer
        var dropped = 0
        while let frame = frames.next() {
            let lost = frames.dropped - dropped
            dropped += lost
            if lost > 0 { account.update { $0.dropped += lost } }
            guard frame.lostFor == nil else { continue }
            let depth = DepthFrame(index: frame.number, source: frame.picture, depth: frame.depth)
            let (width, height) = sampler.extent(of: depth)
            let range = frame.depth.range
            var line = ManifestFrame(
                timestamp: frame.picture.timestamp, range: range.minimum...range.maximum)
            line.isKeyFrame = frame.picture.isKeyFrame
            line.flags = frame.flags
            line.followsGap = frame.followsGap
            line.wallTime = frame.wallTime.seconds
            line.wallTimeSource = frame.wallTime.source
            try sampler.withValues(of: depth) { (values) throws(FathomError) in
                try writer.write(DepthImage(values, width: width, height: height), line)
            }
            bytes.store(Int64(writer.bytes), ordering: .relaxed)
            account.works()
            account.update { status in
                status.written += 1
                status.bytes = Int64(writer.bytes)
            }
        }
        try writer.finish()
        bytes.store(Int64(writer.bytes), ordering: .relaxed)
    }
}
