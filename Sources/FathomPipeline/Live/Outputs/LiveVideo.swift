import FathomCore
import FathomMedia
import Foundation
import Synchronization

/// A packet of a picture that was encoded here.
public struct LiveVideoPacket: Sendable {
    /// The compressed picture, with the stream it belongs to and its moment on the source's timeline.
    public let packet: LivePacket
    /// Whether it shows the last picture again because the source is away.
    public let isRepeated: Bool

    /// Ticks of 1/90000 s at which it is shown.
    var time: Int64 { packet.packet.timestamp?.value ?? 0 }
}

/// The picture of a live source, encoded once for all who want it, and only while somebody does.
///
/// Every packet is one picture, in order; a key frame comes at least each two seconds, after every gap, and when
/// a listener asks for one. Listeners who are slow lose packets: they go on at the next key frame
/// (`WholeGroups`). When the picture's size changes, packets of another stream follow, with a key frame.
public final class LiveVideo: Sendable {
    /// What is shown.
    enum Content: Hashable, Sendable {
        /// The depth in the layout that was asked for.
        case depth
        /// The source's picture as it is: for recordings of cameras that don't compress.
        case original
    }

    /// Which of a feed's encoders.
    struct Key: Hashable, Sendable {
        var content = Content.depth
        var codec = VideoCodec.h264
    }

    private struct State {
        var thread: JoinedThread?
        var isFinished = false
        /// What is encoded; only while somebody listens.
        var frames: Subscription<LiveFrame>?
        /// From which times on a key frame is wanted.
        var keyFramesFrom: [Int64] = []
    }

    private let feed: LiveFeed
    private let key: Key
    private let configuration: LiveConfiguration
    private let packets = Broadcast<LiveVideoPacket>()
    private let state = Mutex(State())
    private let wakeUp = Condition()
    /// Shown only once there is something to say: an error, or frames lost because encoding is too slow.
    private let account = Mutex<OutputAccount?>(nil)

    /// Ticks between key frames that nobody asked for.
    private static let keyFrameDistance: Int64 = 2 * 90000

    init(feed: LiveFeed, key: Key = Key(), configuration: LiveConfiguration) {
        self.feed = feed
        self.key = key
        self.configuration = configuration
    }

    /// Throws on encoder settings that the codec does not have.
    static func check(_ configuration: LiveConfiguration, codec: VideoCodec) throws(FathomError) {
        try settings(configuration, codec: codec).validate()
    }

    /// The packets from the next key frame on, which comes at once; the encoder starts with the first listener.
    public func subscribe(capacity: Int = 128, waits: Bool = false) -> Subscription<LiveVideoPacket>
    {
        let subscription = packets.subscribe(capacity: capacity, waits: waits)
        requestKeyFrame()
        state.withLock { state in
            guard !state.isFinished else { return }
            // Here and now, so that no frame is missing that is published after this call.
            if state.frames == nil {
                state.frames = feed.frames.subscribe(
                    capacity: 4,
                    waits: configuration.policy == .block && configuration.record != nil)
            }
            if state.thread == nil {
                state.thread = JoinedThread(name: "live-encode") { [self] in run() }
            }
        }
        wakeUp.withLock { wakeUp.wakeAll() }
        return subscription
    }

    /// Asks for a key frame: the first picture at or after `time` in ticks of 1/90000 s, or the next one.
    public func requestKeyFrame(from time: Int64 = .min) {
        state.withLock { state in
            if state.keyFramesFrom.count < 64 { state.keyFramesFrom.append(time) }
        }
    }

    /// Ends, to be called after the feed's end: waits some seconds for what is under way.
    public func finish(within seconds: Double = 1) {
        let thread = state.withLock { state in
            state.isFinished = true
            defer { state.thread = nil }
            return state.thread
        }
        wakeUp.withLock { wakeUp.wakeAll() }
        if let thread, !thread.join(seconds: seconds) { thread.abandon() }
        packets.finish()
    }

    // MARK: The encoder's thread

    private func run() {
        while let frames = waitForFrames() {
            var session = EncodingSession(key: key, configuration: configuration)
            var dropped = 0
            while isWanted(frames) {
                switch frames.next(seconds: 0.25) {
                case .item(let frame):
                    let lost = frames.dropped - dropped
                    dropped += lost
                    if lost > 0 { shownAccount.update { $0.dropped += lost } }
                    encode(frame, with: &session)
                case .nothing: continue
                case .end:
                    packets.finish()
                    return
                }
            }
        }
        packets.finish()
    }

    /// Waits until somebody listens; `nil` at the end.
    private func waitForFrames() -> Subscription<LiveFrame>? {
        wakeUp.withLock { () -> Subscription<LiveFrame>? in
            while true {
                let (frames, isFinished) = state.withLock { ($0.frames, $0.isFinished) }
                if isFinished { return nil }
                if let frames { return frames }
                wakeUp.wait(seconds: 1)
            }
        }
    }

    /// Whether to go on; when nobody listens any more, the frames are let go.
    private func isWanted(_ frames: Subscription<LiveFrame>) -> Bool {
        state.withLock { state in
            if !state.isFinished, packets.subscriberCount > 0 { return true }
            frames.cancel()
            state.frames = nil
            return false
        }
    }

    private func encode(_ frame: LiveFrame, with session: inout EncodingSession) {
        if key.content == .original, frame.lostFor != nil { return }
        do throws(FathomError) {
            let time = session.time(of: frame)
            let isWanted = state.withLock { state in
                let before = state.keyFramesFrom.count
                state.keyFramesFrom.removeAll { $0 <= time }
                return state.keyFramesFrom.count < before
            }
            for packet in try session.encode(
                frame, at: time, isKeyFrameWanted: isWanted, distance: Self.keyFrameDistance,
                feed: feed)
            {
                packets.publish(packet)
            }
            account.withLock { $0 }?.works()
        } catch {
            shownAccount.failed(error)
            session = EncodingSession(key: key, configuration: configuration)
        }
    }

    private var shownAccount: OutputAccount {
        account.withLock { account in
            let made = account ?? feed.account.addOutput("encoding as \(key.codec.rawValue)")
            account = made
            return made
        }
    }

    /// How live pictures are encoded.
    static func settings(
        _ configuration: LiveConfiguration, codec: VideoCodec
    ) -> EncoderSettings {
        let run = configuration.run
        // Names of presets and scales of quality belong to the codec that they were given for.
        let isOwn = codec == run.codec ?? .h264
        let cores = run.threads ?? ProcessInfo.processInfo.activeProcessorCount
        return EncoderSettings(
            codec: codec, quality: isOwn ? run.crf : nil, preset: isOwn ? run.preset : nil,
            bitrate: run.bitrate, threads: max(1, min(4, cores / 2)), isLive: true)
    }
}

/// One encoder for as long as somebody listens, made anew when the picture's format changes.
private struct EncodingSession {
    private let key: LiveVideo.Key
    private let settings: EncoderSettings
    private let renderer: LiveRenderer
    private var encoder: Encoder?
    private var stream: LiveStream?
    private var shape: (format: PictureFormat, aspect: Rational)?
    private var lastTime: Int64?
    private var lastKeyTime: Int64 = .min
    private var wasRepeated = false
    /// What belongs to pictures that are inside the encoder, by time.
    private var waiting: [Int64: Origin] = [:]
    private var rate = 0.0
    private var rateRead: UInt64 = 0

    private static let connections = Atomic<Int>(0)

    private struct Origin {
        var arrival: UInt64
        var wallTime: WallTime
        var followsGap: Bool
        var isRepeated: Bool

        init(_ frame: LiveFrame) {
            arrival = frame.arrival
            wallTime = frame.wallTime
            followsGap = frame.followsGap
            isRepeated = frame.lostFor != nil
        }
    }

    init(key: LiveVideo.Key, configuration: LiveConfiguration) {
        self.key = key
        settings = LiveVideo.settings(configuration, codec: key.codec)
        renderer = LiveRenderer(configuration.run)
    }

    /// The frame's moment, later than that of the frame before.
    func time(of frame: LiveFrame) -> Int64 {
        let time = frame.picture.timestamp.rescaled(to: LiveTimeline.timeBase).value
        return max(time, lastTime.map { $0 + 1 } ?? time)
    }

    mutating func encode(
        _ frame: LiveFrame, at time: Int64, isKeyFrameWanted: Bool, distance: Int64, feed: LiveFeed
    ) throws(FathomError) -> [LiveVideoPacket] {
        readRate(of: feed)
        let picture =
            key.content == .original
            ? frame.picture : try renderer.render(frame, framesPerSecond: rate)
        try prepare(for: picture)
        guard let encoder, let stream else { return [] }
        let isRepeated = frame.lostFor != nil
        let isKey =
            isKeyFrameWanted || lastTime == nil || lastKeyTime == .min
            || time - lastKeyTime >= distance || frame.followsGap || (wasRepeated && !isRepeated)
        wasRepeated = isRepeated
        lastTime = time
        if isKey { lastKeyTime = time }
        waiting[time] = Origin(frame)
        // Encoders that look ahead hold a few; more than that never comes out.
        if waiting.count > 256 { waiting.removeAll() }
        let placed = picture.retimed(
            to: Timestamp(time, LiveTimeline.timeBase),
            duration: Timestamp(picture.duration, picture.timestamp.timeBase)
                .rescaled(to: LiveTimeline.timeBase).value)
        return try encoder.encode(placed, asKeyFrame: isKey).map { packet in
            let source =
                packet.timestamp.flatMap { waiting.removeValue(forKey: $0.value) } ?? Origin(frame)
            return LiveVideoPacket(
                packet: LivePacket(
                    packet: packet, stream: stream, arrival: source.arrival,
                    wallTime: source.wallTime, followsGap: source.followsGap),
                isRepeated: source.isRepeated)
        }
    }

    private mutating func prepare(for picture: VideoFrame) throws(FathomError) {
        if let shape, encoder != nil, shape.format == picture.format,
            shape.aspect == picture.sampleAspectRatio
        {
            return
        }
        let made = try Encoder(
            settings, format: picture.format, timeBase: LiveTimeline.timeBase,
            frameRate: Rational(Int(min(max(rate, 5), 240).rounded()), 1),
            sampleAspectRatio: picture.sampleAspectRatio, container: .matroska)
        stream = try made.makeLiveStream(
            connection: Self.connections.add(1, ordering: .relaxed).newValue)
        encoder = made
        shape = (picture.format, picture.sampleAspectRatio)
        lastKeyTime = .min
        waiting = [:]
    }

    /// Frames a second; asking for the account each time would cost more than drawing.
    private mutating func readRate(of feed: LiveFeed) {
        let now = SystemClock.monotonicNanoseconds
        guard rateRead == 0 || now - rateRead > 1_000_000_000 else { return }
        rateRead = now
        let status = feed.status
        rate = status.outputRate > 0 ? status.outputRate : status.inputRate
    }
}

/// The clock of everything live.
enum LiveTime {
    /// Ticks in some seconds.
    static func ticks(_ seconds: Double) -> Int64 { Int64((seconds * 90000).rounded()) }
}
