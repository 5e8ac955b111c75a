import FathomCore
import FathomMedia

/// Records a source in segments that survive a crash: the original as it came, and its depth, in step.
///
/// The original's packets are copied. Pictures of cameras that don't compress are encoded; so is the depth.
/// Nothing here stalls the feed: a disk that is too slow loses whole groups of pictures, which are counted.
final class Recorder: LiveOutput {
    private let feed: LiveFeed
    private let configuration: LiveConfiguration
    private let folder: RecordingFolder
    private let account: OutputAccount
    private let recording: SegmentedRecording
    private let depth: LiveVideo
    private let encodedOriginal: LiveVideo
    private let threads = OutputThreads()

    /// Seconds of silence after which a segment is closed.
    private static let silence = 3.0

    init(feed: LiveFeed, configuration: LiveConfiguration, path: String) throws(FathomError) {
        self.feed = feed
        self.configuration = configuration
        let codec = configuration.run.codec ?? .h264
        try LiveVideo.check(configuration, codec: codec)
        folder = try RecordingFolder(path, source: feed.index)
        account = feed.account.addOutput("recording \(path)")
        let depth = feed.video(LiveVideo.Key(content: .depth, codec: codec), configuration)
        let original = feed.video(LiveVideo.Key(content: .original, codec: codec), configuration)
        self.depth = depth
        encodedOriginal = original
        recording = SegmentedRecording(
            folder: folder, source: feed.index, configuration: configuration, account: account
        ) { time in
            depth.requestKeyFrame(from: time)
            original.requestKeyFrame(from: time)
        }
    }

    func start() {
        let waits = configuration.policy == .block
        let packets = feed.packets.subscribe(capacity: 512, waits: waits)
        let pictures = depth.subscribe(capacity: 256, waits: waits)
        threads.start("live-record") { [self] in takeOriginal(packets, waits: waits) }
        threads.start("live-record-d") { [self] in takeDepth(pictures) }
    }

    func end(by deadline: UInt64) { threads.end() }

    func join(by deadline: UInt64) -> [RunReport.Output] {
        if threads.join(by: deadline) { recording.closeSegment() }
        let (bytes, segments) = recording.sum
        guard segments > 0 else { return [] }
        return [RunReport.Output(path: folder.path, kind: "recording", bytes: bytes)]
    }

    // MARK: Threads

    private func takeOriginal(_ packets: Subscription<LivePacket>, waits: Bool) {
        defer {
            packets.cancel()
            recording.endOriginal()
        }
        var groups = WholeGroups()
        var isRaw = false
        var droppedTold = 0
        var heard = SystemClock.monotonicNanoseconds
        while true {
            switch packets.next(seconds: 0.5) {
            case .end: return
            case .nothing:
                let silent = Double(SystemClock.monotonicNanoseconds - heard) / 1e9
                if silent > Self.silence {
                    recording.endOriginal()
                    recording.closeSegment()
                }
            case .item(let packet):
                heard = SystemClock.monotonicNanoseconds
                let dropped = packets.dropped
                drop(dropped - droppedTold)
                droppedTold = dropped
                guard packet.stream.info.kind == .video else {
                    if configuration.run.audio, packet.stream.info.kind == .audio {
                        recording.takeOriginal(packet)
                    }
                    continue
                }
                guard StreamWriter.canHold(packet.stream, in: .file("original.mkv")) else {
                    if !isRaw {
                        isRaw = true
                        let pictures = encodedOriginal.subscribe(capacity: 256, waits: waits)
                        threads.start("live-record-o") { [self] in takeEncoded(pictures) }
                    }
                    continue
                }
                if groups.admits(packet, dropped: dropped) {
                    recording.takeOriginal(packet)
                } else {
                    recording.skipOriginal(packet)
                    drop(1)
                }
            }
        }
    }

    /// The original's pictures, encoded here.
    private func takeEncoded(_ pictures: Subscription<LiveVideoPacket>) {
        read(pictures) { [recording] picture in recording.takeOriginal(picture.packet) }
    }

    private func takeDepth(_ pictures: Subscription<LiveVideoPacket>) {
        read(pictures) { [recording] picture in recording.takeDepth(picture) }
    }

    private func read(
        _ pictures: Subscription<LiveVideoPacket>, _ take: (LiveVideoPacket) -> Void
    ) {
        defer { pictures.cancel() }
        var groups = WholeGroups()
        var droppedTold = 0
        while let picture = pictures.next() {
            let dropped = pictures.dropped
            drop(dropped - droppedTold)
            droppedTold = dropped
            if picture.isRepeated {
                // While the source is away neither file goes on.
                groups.restart()
            } else if groups.admits(picture.packet, dropped: dropped) {
                take(picture)
            } else {
                drop(1)
            }
        }
    }

    private func drop(_ count: Int) {
        if count > 0 { account.update { $0.dropped += count } }
    }
}
