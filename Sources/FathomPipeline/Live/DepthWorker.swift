import FathomCore
import FathomDepth
import FathomMedia
import FathomPicture
import Logging

/// The depth thread of one live source: converts the newest picture, runs the network, publishes.
final class DepthWorker: Sendable {
    private let configuration: LiveConfiguration
    private let network: Network
    private let pool: WorkerPool
    private let turns: Turns
    private let frames: FramePolicy
    private let feed: LiveFeed
    private let meter: StageMeter
    private let threads: Int
    private let logger: Logger

    init(
        configuration: LiveConfiguration, network: Network, pool: WorkerPool, turns: Turns,
        frames: FramePolicy, feed: LiveFeed, meter: StageMeter, threads: Int, logger: Logger
    ) {
        self.configuration = configuration
        self.network = network
        self.pool = pool
        self.turns = turns
        self.frames = frames
        self.feed = feed
        self.meter = meter
        self.threads = threads
        self.logger = logger
    }

    /// What belongs to one connection of the source.
    private struct Conversion {
        let connection: Int
        let normalizer: FrameNormalizer
        /// What belongs to the pictures that are inside the normalizer, by time.
        var inside: [WaitingFrame] = []

        /// What belongs to a picture that comes out, which may be one frame later; what is older is forgotten.
        mutating func take(_ picture: VideoFrame) -> WaitingFrame? {
            let place = inside.firstIndex { $0.frame.timestamp == picture.timestamp } ?? 0
            guard place < inside.count else { return nil }
            defer { inside.removeFirst(place + 1) }
            return inside[place]
        }
    }

    /// Works until no more pictures come.
    func run() throws(FathomError) {
        let models = try Models(
            network: network, configuration: configuration, pool: pool, feed: feed, logger: logger)
        var sequence = DepthSequence(
            range: configuration.run.range, smoothing: configuration.run.smoothing)
        var conversion: Conversion?
        var format: PictureFormat?
        var number = 0
        while let waiting = frames.next() {
            guard !isTooOld(waiting) else { continue }
            let start = SystemClock.monotonicNanoseconds
            var current: Conversion
            if let conversion, conversion.connection == waiting.connection {
                current = conversion
            } else {
                current = Conversion(
                    connection: waiting.connection,
                    normalizer: FrameNormalizer(waiting.stream, threads: threads, fitting: format))
            }
            current.inside.append(waiting)
            let pictures = try current.normalizer.normalize(waiting.frame)
            var busy = SystemClock.monotonicNanoseconds - start
            for picture in pictures {
                format = picture.format
                let origin = current.take(picture) ?? waiting
                let (map, nanoseconds) = try models.estimate(picture, turns: turns)
                let after = SystemClock.monotonicNanoseconds
                let depth = Self.next(
                    &sequence, map, at: picture.timestamp.seconds, isDamaged: origin.isDamaged)
                busy += nanoseconds + SystemClock.monotonicNanoseconds - after
                models.note(milliseconds: Double(busy) / 1e6)
                meter.record(nanoseconds: busy)
                busy = 0
                guard !isTooOld(origin) else { continue }
                feed.publish(
                    LiveFrame(
                        number: number, picture: origin.isDamaged ? picture.damaged() : picture,
                        depth: depth, arrival: origin.arrival,
                        published: SystemClock.monotonicNanoseconds, wallTime: origin.wallTime,
                        followsGap: origin.followsGap, lostFor: nil))
                number += 1
            }
            conversion = current
        }
    }

    /// A frame after a loss is not believed: it is shown, but leaves no trace in smoothing and range.
    private static func next(
        _ sequence: inout DepthSequence, _ map: DepthMap, at seconds: Double, isDamaged: Bool
    ) -> DepthSequence.Frame {
        guard isDamaged else { return sequence.next(map, at: seconds) }
        var trial = sequence
        return trial.next(map, at: seconds)
    }

    private func isTooOld(_ frame: WaitingFrame) -> Bool {
        guard let most = configuration.maxAge else { return false }
        let now = SystemClock.monotonicNanoseconds
        guard Double(now - min(now, frame.arrival)) / 1e6 > most else { return false }
        feed.account.dropped(.age)
        return true
    }
}

/// The network at the size that is right now, and at others that were.
private final class Models {
    private let network: Network
    private let configuration: LiveConfiguration
    private let pool: WorkerPool
    private let feed: LiveFeed
    private let logger: Logger
    private var model: DepthModel
    private var earlier: [Int: DepthModel] = [:]
    private var controller: LoadController?

    init(
        network: Network, configuration: LiveConfiguration, pool: WorkerPool, feed: LiveFeed,
        logger: Logger
    ) throws(FathomError) {
        self.network = network
        self.configuration = configuration
        self.pool = pool
        self.feed = feed
        self.logger = logger
        model = try network.makeModel(configuration.run, pool: pool)
        if let rate = configuration.targetFps {
            controller = LoadController(
                largest: model.card.size, multiple: model.card.sizeMultiple, framesPerSecond: rate)
        }
    }

    /// Depth, and the time that it took without the wait for the source's turn.
    func estimate(
        _ picture: VideoFrame, turns: Turns
    ) throws(FathomError) -> (map: DepthMap, nanoseconds: UInt64) {
        if let size = controller?.size { try use(size: size) }
        let model = model
        let result = try turns.take { () throws(FathomError) -> (DepthMap, UInt64) in
            let start = SystemClock.monotonicNanoseconds
            let map = try picture.withPicture { (view) throws(FathomError) in
                try model.estimate(view, sampleAspectRatio: picture.sampleAspectRatio)
            }
            return (map, SystemClock.monotonicNanoseconds - start)
        }
        feed.account.update { status in
            status.networkWidth = model.inputWidth ?? 0
            status.networkHeight = model.inputHeight ?? 0
        }
        return result
    }

    func note(milliseconds: Double) {
        guard var controller else { return }
        let before = controller.size
        if controller.note(milliseconds: milliseconds) {
            logger.notice(
                "\(feed.name): the network's input goes from \(before) to \(controller.size) pixels to reach the rate"
            )
        }
        self.controller = controller
    }

    private func use(size: Int) throws(FathomError) {
        guard size != model.card.size else { return }
        earlier[model.card.size] = model
        if let known = earlier[size] {
            model = known
        } else {
            var sized = configuration.run
            sized.size = size
            model = try network.makeModel(sized, pool: pool)
        }
    }
}
