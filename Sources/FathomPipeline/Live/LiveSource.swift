import FathomCore
import FathomMedia
import Logging
import Synchronization

/// One live source: its threads, and the will to keep it playing.
final class LiveSource: Sendable {
    let feed: LiveFeed
    let account: LiveAccount

    private let address: LiveAddress
    private let configuration: LiveConfiguration
    private let cancellation: Cancellation
    private let timeline = LiveTimeline()
    private let frames: FramePolicy
    private let decoding: LiveDecoding
    private let worker: DepthWorker
    private let readMeter = StageMeter(name: "read")
    private let decodeMeter = StageMeter(name: "decode")
    private let depthMeter = StageMeter(name: "depth")
    private let load: StageLoad
    private let ending = Mutex<(failure: FathomError?, hasEnded: Bool)>((nil, false))
    private let threads = Mutex<(reader: JoinedThread, workers: [JoinedThread])?>(nil)

    init(
        index: Int, address: LiveAddress, configuration: LiveConfiguration, network: Network,
        pool: WorkerPool, turns: Turns, events: EventLog, logger: Logger,
        cancellation: Cancellation
    ) {
        self.address = address
        self.configuration = configuration
        self.cancellation = Cancellation(parent: cancellation)
        account = LiveAccount(index: index, name: address.name, events: events)
        feed = LiveFeed(index: index, name: address.name, account: account)
        frames = FramePolicy(configuration.policy, account: account)
        decoding = LiveDecoding(
            frames: frames, account: account, meter: decodeMeter,
            waits: configuration.policy == .block, threads: pool.threads)
        worker = DepthWorker(
            configuration: configuration, network: network, pool: pool, turns: turns,
            frames: frames, feed: feed, meter: depthMeter, threads: pool.threads, logger: logger)
        load = StageLoad([readMeter, decodeMeter, depthMeter])
        let load = load
        account.measureLoad { (load.now, load.limiting) }
    }

    // MARK: Beginning and end

    /// Starts the threads.
    func start() {
        let workers = [
            thread("decode") { (source) throws(FathomError) in try source.decoding.run() },
            thread("depth") { (source) throws(FathomError) in try source.worker.run() },
        ]
        let reader = JoinedThread(name: "read") { [self] in
            read()
            decoding.finish()
        }
        threads.withLock { $0 = (reader, workers) }
    }

    /// A thread whose error ends the source.
    private func thread(
        _ name: String, _ work: @escaping @Sendable (LiveSource) throws(FathomError) -> Void
    ) -> JoinedThread {
        JoinedThread(name: name) { [self] in
            do throws(FathomError) {
                try work(self)
            } catch {
                fail(error)
            }
            // Whoever still hands something over is let go.
            if name == "decode" {
                decoding.cancel()
            } else {
                frames.cancel()
                ending.withLock { $0.hasEnded = true }
            }
        }
    }

    /// Whether it plays no more and never will, and all that it gave is published.
    var hasEnded: Bool { ending.withLock { $0.hasEnded } }

    /// The accounts of its stages.
    var stageReports: [(String, StageReport)] { load.reports }

    /// The error that ended it, if one did.
    var failure: FathomError? { ending.withLock { $0.failure } }

    private func fail(_ error: FathomError) {
        ending.withLock { if $0.failure == nil { $0.failure = error } }
        account.update { $0.trouble = error.words }
        cancellation.cancel()
    }

    /// Ends the threads; a reader that sits in a call which can't be ended is left behind.
    func stop() {
        cancellation.cancel()
        guard let (reader, workers) = threads.withLock({ $0 }) else { return }
        decoding.cancel()
        frames.cancel()
        if !reader.join(seconds: 0.4) { reader.abandon() }
        for worker in workers { worker.join() }
        account.update { $0.state = .ended }
        account.tellSums()
        account.events.note(.ended, source: account.name)
        feed.finish()
    }

    // MARK: Reading

    private func read() {
        var backoff = Backoff()
        var connection = 0
        while !cancellation.isCancelled {
            let failure: LiveFailure
            do throws(LiveFailure) {
                let input = try open(connection: connection)
                account.connected(input)
                connection += 1
                try play(input, backoff: &backoff)
                return
            } catch {
                failure = error
            }
            if cancellation.isCancelled { return }
            if failure.reason == .ended, address.hasEnd { return }
            account.lost(failure)
            guard configuration.reconnect else { return fail(failure.error) }
            wait(seconds: backoff.next())
        }
    }

    private func open(connection: Int) throws(LiveFailure) -> LiveInput {
        var options = LiveInput.Options()
        options.size = configuration.inputSize
        options.rate = configuration.inputRate
        options.format = configuration.inputFormat
        options.rtspTransport = configuration.rtspTransport
        options.openSeconds = configuration.openSeconds
        options.readSeconds = configuration.readSeconds
        options.stream = configuration.run.stream
        let cancellation = cancellation
        options.isCancelled = { cancellation.isCancelled }
        let input = try LiveInput(
            address, options: options, connection: connection, timeline: timeline)
        do throws(FathomError) {
            _ = try input.makeDecoder(threads: 1)
        } catch {
            throw LiveFailure(.unsupportedCodec, error)
        }
        return input
    }

    /// Reads until the source fails; returns only when the work was asked to end.
    private func play(_ input: LiveInput, backoff: inout Backoff) throws(LiveFailure) {
        var needsKeyFrame = false
        while !cancellation.isCancelled {
            let start = SystemClock.threadNanoseconds
            let packet = try input.next()
            readMeter.record(nanoseconds: SystemClock.threadNanoseconds - start)
            account.packetArrived(at: packet.arrival)
            backoff.reset()
            if packet.followsGap { account.update { $0.clockJumps = timeline.clockJumps } }
            feed.packets.publish(packet)
            guard packet.stream.info.kind == .video else { continue }
            if needsKeyFrame, !packet.packet.isKey {
                account.discarded(1)
                continue
            }
            needsKeyFrame = decoding.offer(LiveDecoding.Item(packet: packet, input: input))
        }
    }

    private func wait(seconds: Double) {
        let end = SystemClock.monotonicNanoseconds + UInt64(seconds * 1e9)
        while !cancellation.isCancelled, SystemClock.monotonicNanoseconds < end {
            FathomCore.pause(seconds: 0.05)
        }
    }

    // MARK: While the source is away

    /// Publishes the last picture once more, marked, while there is nothing newer; called a few times a second.
    func keepAlive() {
        guard let seconds = account.lostSeconds, decoding.isIdle, frames.isIdle,
            let last = feed.latest
        else { return }
        let ticks = timeline.ticks(at: SystemClock.monotonicNanoseconds)
        let time = Timestamp(ticks, LiveTimeline.timeBase)
        guard time > last.picture.timestamp else { return }
        feed.publish(last.repeated(at: time, lostFor: seconds))
    }
}

/// The share of the time that stages are at work, over the last second or more.
final class StageLoad: Sendable {
    private let meters: [StageMeter]
    private let last: Mutex<(time: UInt64, busy: [Double], load: [String: Double])>

    init(_ meters: [StageMeter]) {
        self.meters = meters
        last = Mutex((SystemClock.monotonicNanoseconds, meters.map { _ in 0 }, [:]))
    }

    var now: [String: Double] {
        let time = SystemClock.monotonicNanoseconds
        return last.withLock { last in
            let seconds = Double(time - last.time) / 1e9
            guard seconds >= 1 || last.load.isEmpty, seconds > 0.05 else { return last.load }
            let busy = meters.map { $0.soFar.busySeconds }
            for (index, meter) in meters.enumerated() {
                last.load[meter.name] = min(1, (busy[index] - last.busy[index]) / seconds)
            }
            last.time = time
            last.busy = busy
            return last.load
        }
    }

    /// The stage that has the least time to spare.
    var limiting: String? { now.max { $0.value < $1.value }?.key }

    /// The accounts since the beginning.
    var reports: [(String, StageReport)] { meters.map { ($0.name, $0.report(queueMean: 0)) } }
}
