import FathomCore
import FathomMedia
import Synchronization

/// The decoding thread of one live source: every packet is decoded, since later ones build on it; which pictures
/// go on is the policy's choice.
final class LiveDecoding: Sendable {
    /// A packet with the input that knows how to decode it.
    struct Item: Sendable {
        let packet: LivePacket
        let input: LiveInput
    }

    /// Packets that may wait: some seconds. Above that the decoder is too slow, and begins anew at a key frame.
    private static let mostWaiting = 256

    private let packets = BoundedQueue<Item>(capacity: mostWaiting)
    private let frames: FramePolicy
    private let account: LiveAccount
    private let meter: StageMeter
    private let waits: Bool
    private let threads: Int
    /// Packets that wait or are worked on.
    private let pending = Atomic<Int>(0)

    init(
        frames: FramePolicy, account: LiveAccount, meter: StageMeter, waits: Bool, threads: Int
    ) {
        self.frames = frames
        self.account = account
        self.meter = meter
        self.waits = waits
        self.threads = threads
    }

    /// Hands over a packet; never waits, unless the policy is to wait.
    ///
    /// - Returns: whether packets were thrown away, so that nothing can be decoded before the next key frame.
    func offer(_ item: Item) -> Bool {
        pending.add(1, ordering: .sequentiallyConsistent)
        if waits {
            packets.send(item)
            return false
        }
        guard packets.fill < Self.mostWaiting else {
            let lost = packets.drain().count + 1
            pending.subtract(lost, ordering: .sequentiallyConsistent)
            account.discarded(lost)
            return true
        }
        packets.put(item)
        return false
    }

    /// Whether no packet waits or is worked on.
    var isIdle: Bool { pending.load(ordering: .sequentiallyConsistent) == 0 }

    func finish() { packets.finish() }

    func cancel() { packets.cancel() }

    /// Decodes until no more packets come.
    func run() throws(FathomError) {
        var current: Session?
        while let item = packets.receive() {
            defer { pending.subtract(1, ordering: .sequentiallyConsistent) }
            let start = SystemClock.monotonicNanoseconds
            if current?.input !== item.input {
                try current.map { (session) throws(FathomError) in try end(session) }
                do throws(FathomError) {
                    current = Session(
                        item.input, decoder: try item.input.makeDecoder(threads: threads))
                } catch {
                    // Told by the reader, which asks for the same decoder before it hands packets over.
                    current = nil
                    continue
                }
            }
            guard let session = current else { continue }
            session.note(item.packet)
            let decoded = try session.decoder.decode(item.packet.packet)
            meter.record(nanoseconds: SystemClock.monotonicNanoseconds - start)
            guard pass(decoded, of: session) else { return }
        }
        try current.map { (session) throws(FathomError) in try end(session) }
        frames.finish()
    }

    private func end(_ session: Session) throws(FathomError) {
        _ = pass(try session.decoder.finish(), of: session)
    }

    private func pass(_ decoded: [DecodedFrame], of session: Session) -> Bool {
        for frame in decoded {
            let waiting = session.describe(frame)
            account.frameDecoded(at: SystemClock.monotonicNanoseconds)
            guard frames.offer(waiting) else { return false }
        }
        account.decoderErrors(session.newErrors())
        return true
    }

    /// One connection's decoder, and what is known of the packets inside it.
    private final class Session {
        let input: LiveInput
        let decoder: Decoder
        private var inside: [LivePacket] = []
        private var errorsTold = 0
        private var isDamaged = false
        /// No decoder for live use holds more packets back.
        private static let mostInside = 64

        init(_ input: LiveInput, decoder: Decoder) {
            self.input = input
            self.decoder = decoder
        }

        func note(_ packet: LivePacket) {
            if inside.count == Self.mostInside { inside.removeFirst() }
            inside.append(packet)
        }

        /// Errors since the last time.
        func newErrors() -> Int {
            defer { errorsTold = decoder.errors }
            return decoder.errors - errorsTold
        }

        /// The frame with what its packet carried; frames are damaged from a loss up to the next key frame.
        func describe(_ frame: DecodedFrame) -> WaitingFrame {
            let place = inside.firstIndex { $0.packet.timestamp == frame.timestamp }
            let packet = place.map { inside[$0] } ?? inside.last
            if let place { inside.removeFirst(place + 1) }
            if frame.isKeyFrame { isDamaged = false }
            if frame.isDamaged || packet?.packet.isDamaged ?? false { isDamaged = true }
            let now = SystemClock.monotonicNanoseconds
            return WaitingFrame(
                frame: frame, stream: input.video, connection: packet?.stream.connection ?? 0,
                arrival: packet?.arrival ?? now,
                wallTime: packet?.wallTime
                    ?? WallTime(
                        seconds: Double(SystemClock.wallNanoseconds) / 1e9, source: .arrival),
                followsGap: packet?.followsGap ?? false, isDamaged: isDamaged)
        }
    }
}
