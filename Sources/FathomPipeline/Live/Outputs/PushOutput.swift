import FathomCore
import FathomMedia
import Logging
import Synchronization

/// Sends the depth picture, with the source's sound, to a server; asks it again for ever when it goes away.
final class PushOutput: LiveOutput {
    private let address: PushAddress
    private let feed: LiveFeed
    private let configuration: LiveConfiguration
    private let logger: Logger
    private let account: OutputAccount
    private let threads = OutputThreads()
    private let deadline = LiveDeadline()
    private let isConnected = Atomic<Bool>(false)
    private let bytes = Atomic<Int64>(0)

    /// Seconds of undisturbed work after which the next failure is a new story.
    private static let steady = 5.0
    /// Seconds after which a connection counts as one that works: some servers say no after having said yes.
    private static let trial = 1.0
    /// Seconds that are waited for the source's sound before the first connection.
    private static let soundWait = 1.0

    init(
        address: PushAddress, feed: LiveFeed, configuration: LiveConfiguration, logger: Logger
    ) {
        self.address = address
        self.feed = feed
        self.configuration = configuration
        self.logger = logger
        account = feed.account.addOutput("push \(address.name)")
    }

    func start() { threads.start("live-push") { [self] in run() } }

    func end(by deadline: UInt64) {
        // A server that doesn't answer now will not get anything any more.
        self.deadline.endAll(at: isConnected.load(ordering: .acquiring) ? deadline : 0)
        threads.end()
    }

    func join(by deadline: UInt64) -> [RunReport.Output] {
        threads.join(by: deadline)
        let bytes = bytes.load(ordering: .relaxed)
        guard bytes > 0 else { return [] }
        return [RunReport.Output(path: address.name, kind: "push", bytes: bytes)]
    }

    // MARK: The thread

    private func run() {
        let video = feed.video(configuration)
        let reader = PushReader(
            pictures: video.subscribe(),
            sound: configuration.run.audio ? feed.packets.subscribe(capacity: 512) : nil,
            account: account)
        defer { reader.cancel() }
        reader.waitForSound(seconds: Self.soundWait)
        var backoff = Backoff()
        var connections = 0
        while !threads.isEnding {
            var begun: UInt64?
            do throws(FathomError) {
                video.requestKeyFrame()
                guard let stream = reader.nextStream() else { return }
                let writer = try connect(stream, reader)
                begun = SystemClock.monotonicNanoseconds
                connections += 1
                account.update { $0.reconnects = connections - 1 }
                isConnected.store(true, ordering: .releasing)
                defer { isConnected.store(false, ordering: .releasing) }
                video.requestKeyFrame()
                let before = bytes.load(ordering: .relaxed)
                let isOver = try send(from: reader, to: writer, bytesBefore: before)
                try writer.finish()
                if isOver { return }
            } catch {
                guard !threads.isEnding else { return }
                account.failed(error)
                if let begun, Self.seconds(since: begun) > Self.steady { backoff.reset() }
                threads.pause(seconds: backoff.next())
            }
        }
    }

    private static func seconds(since moment: UInt64) -> Double {
        Double(SystemClock.monotonicNanoseconds - moment) / 1e9
    }

    private func connect(
        _ stream: LiveStream, _ reader: PushReader
    ) throws(FathomError) -> StreamWriter {
        let target = StreamWriter.Target.server(address)
        let sound = reader.soundStreams.filter { StreamWriter.canHold($0, in: target) }
        for left in reader.newRefusals(accepted: sound) {
            logger.warning(
                "\(address.name) gets no sound: it can't be sent \(left.info.codec) in this way")
        }
        let limits = StreamWriter.Limits(
            open: configuration.openSeconds, write: configuration.readSeconds, close: 1)
        do {
            return try StreamWriter(
                target, streams: [stream] + sound, limits: limits, deadline: deadline)
        } catch {
            // Some servers take pictures only.
            guard !sound.isEmpty, error.cause.contains("415 ") else { throw error }
            let writer = try StreamWriter(
                target, streams: [stream], limits: limits, deadline: deadline)
            for left in reader.newRefusals(accepted: []) {
                logger.warning(
                    "\(address.name) gets no sound: the server refuses \(left.info.codec)")
            }
            return writer
        }
    }

    /// - Returns: whether everything is over; else another connection is needed, for a stream of another kind.
    private func send(
        from reader: PushReader, to writer: StreamWriter, bytesBefore: Int64
    ) throws(FathomError) -> Bool {
        reader.restart()
        let begun = SystemClock.monotonicNanoseconds
        var works = false
        while true {
            switch reader.next() {
            case .end: return true
            case .nothing: if threads.isEnding { return true }
            case .picture(let packet):
                guard writer.holds(packet.stream) || writer.adopt(packet.stream) else {
                    return false
                }
                try writer.write(packet)
                for sound in reader.drainSound()
                where writer.holds(sound.stream) || writer.adopt(sound.stream) {
                    try writer.write(sound)
                }
                bytes.store(bytesBefore + writer.bytesWritten, ordering: .relaxed)
                account.update { status in
                    status.written += 1
                    status.bytes = bytes.load(ordering: .relaxed)
                }
                if !works, Self.seconds(since: begun) > Self.trial {
                    works = true
                    account.works()
                }
            }
        }
    }
}

/// What a push reads from: pictures in whole groups, and sound beside them. One thread uses it.
private final class PushReader {
    enum Next {
        case picture(LivePacket)
        case nothing
        case end
    }

    private let pictures: Subscription<LiveVideoPacket>
    private let sound: Subscription<LivePacket>?
    private let account: OutputAccount
    private var groups = WholeGroups()
    private var heard: [LiveStream] = []
    private var refused: Set<String> = []
    private var droppedTold = 0

    init(
        pictures: Subscription<LiveVideoPacket>, sound: Subscription<LivePacket>?,
        account: OutputAccount
    ) {
        self.pictures = pictures
        self.sound = sound
        self.account = account
    }

    func cancel() {
        pictures.cancel()
        sound?.cancel()
    }

    /// The streams of sound of the source's latest connection.
    var soundStreams: [LiveStream] {
        _ = collectSound()
        let latest = heard.map(\.connection).max()
        return heard.filter { $0.connection == latest }
    }

    /// Streams that are left out and of which no word was said yet.
    func newRefusals(accepted: [LiveStream]) -> [LiveStream] {
        soundStreams.filter { stream in
            !accepted.contains { $0 === stream } && refused.insert(stream.info.codec).inserted
        }
    }

    /// Gives the source some time to be heard.
    func waitForSound(seconds: Double) {
        guard let sound else { return }
        let end = SystemClock.monotonicNanoseconds + UInt64(seconds * 1e9)
        while heard.isEmpty, SystemClock.monotonicNanoseconds < end {
            switch sound.next(seconds: 0.1) {
            case .item(let packet): note(packet)
            case .nothing: continue
            case .end: return
            }
        }
    }

    /// Waits for a key frame and tells its stream; `nil` at the end.
    func nextStream() -> LiveStream? {
        restart()
        while true {
            switch next() {
            case .picture(let packet):
                drop(1)
                return packet.stream
            case .nothing: continue
            case .end: return nil
            }
        }
    }

    /// What waits is too old: the next picture is a key frame that comes now.
    func restart() {
        var count = 0
        while case .item = pictures.next(seconds: 0) { count += 1 }
        drop(count)
        _ = collectSound()
        groups.restart()
    }

    func next() -> Next {
        while true {
            switch pictures.next(seconds: 0.25) {
            case .end: return .end
            case .nothing: return .nothing
            case .item(let picture):
                let dropped = pictures.dropped
                drop(dropped - droppedTold)
                droppedTold = dropped
                if groups.admits(picture.packet, dropped: dropped) {
                    return .picture(picture.packet)
                }
                drop(1)
            }
        }
    }

    func drainSound() -> [LivePacket] { collectSound() }

    private func collectSound() -> [LivePacket] {
        guard let sound else { return [] }
        var packets: [LivePacket] = []
        while case .item(let packet) = sound.next(seconds: 0) {
            note(packet)
            if packet.stream.info.kind == .audio { packets.append(packet) }
        }
        return packets
    }

    private func note(_ packet: LivePacket) {
        guard packet.stream.info.kind == .audio, !heard.contains(where: { $0 === packet.stream })
        else { return }
        heard.removeAll { $0.connection < packet.stream.connection }
        heard.append(packet.stream)
    }

    private func drop(_ count: Int) {
        if count > 0 { account.update { $0.dropped += count } }
    }
}
