import FathomCore
import Synchronization

/// The unbroken clock of one live source: maps the source's own time stamps to ticks of 1/90000 s since the source was
/// first asked for, whatever its clock does, across losses and reconnections.
///
/// The source's rhythm is kept: all streams of a connection share one offset. It is set anew, by the moment of arrival,
/// where the source's clock can't be followed: at the beginning of a connection, where time stamps are missing or
/// absurd, where they go back, or when they run ahead of the arrival clock by more than two seconds. Packets that are
/// merely late (a network that was away and then delivers everything) keep their times, unless the source stays behind.
public final class LiveTimeline: Sendable {
    /// Length of a tick in seconds.
    public static let timeBase = Rational(1, 90_000)

    /// Times of one packet, in ticks.
    public struct Place: Hashable, Sendable {
        /// When it is shown; never before `decoding`.
        public var presentation: Int64
        /// When it is decoded; rises strictly within a stream.
        public var decoding: Int64
        /// Whether it is the first of its stream behind a gap or a jump of the source's clock.
        public var followsGap: Bool
    }

    private struct Stream {
        /// Where its last packet lay before anything was done for order; nil behind a beginning.
        var lastTime: Int64?
        /// The offset that gave `lastTime`; nil when that was the moment of arrival.
        var lastOffset: Int64?
        var lastDecoding: Int64 = .min
        var lastArrival: Int64 = 0
        var order = PresentationOrder()
        /// Counts `State.breaks`: a stream that has not seen the latest one follows a gap.
        var breaks: Int

        mutating func accept(_ time: Int64, offset: Int64?, decoding: Int64, arrival: Int64) {
            (lastTime, lastOffset, lastDecoding, lastArrival) = (time, offset, decoding, arrival)
        }
    }

    private struct State {
        var streams: [Int: Stream] = [:]
        var offset: Int64?
        /// The offset before the last jump, for packets of the old clock that are still under way.
        var oldOffset: Int64?
        var breaks = 0
        var clockJumps = 0
        /// Since when, in ticks, packets have been later than the two seconds that are allowed.
        var lateSince: Int64?
    }

    /// Two seconds: what a step of the source's clock may differ from the arrival clock's.
    private static let tolerance: Int64 = 180_000
    /// Ten seconds: further ahead of its decoding no frame is shown.
    private static let longestReordering: Int64 = 900_000
    /// Time stamps beyond these are not meant: more than a thousand years.
    private static let limit: UInt64 = 1 << 52

    private let start: UInt64
    private let state = Mutex(State())

    /// A timeline that begins at a moment of the monotonic clock: now.
    public init(start: UInt64 = SystemClock.monotonicNanoseconds) { self.start = start }

    /// How often the source's clock was given up for the arrival clock, reconnections not counted.
    public var clockJumps: Int { state.withLock { $0.clockJumps } }

    /// A moment of the monotonic clock in ticks of the timeline; 0 for moments before its start.
    public func ticks(at nanoseconds: UInt64) -> Int64 {
        let elapsed = nanoseconds > start ? nanoseconds - start : 0
        let (seconds, rest) = elapsed.quotientAndRemainder(dividingBy: 1_000_000_000)
        return Int64(clamping: seconds) &* 90_000 &+ Int64(rest * 9 / 100_000)
    }

    /// A connection begins: its clock has nothing to do with that of the one before.
    public func beginConnection() {
        state.withLock { state in
            state.offset = nil
            state.oldOffset = nil
            state.lateSince = nil
            for key in state.streams.keys {
                state.streams[key]?.lastTime = nil
            }
            if !state.streams.isEmpty { state.breaks += 1 }
        }
    }

    /// The place of the next packet of a stream.
    ///
    /// - Parameters:
    ///   - stream: which stream, by any number that stays the same.
    ///   - presentation: its own time; `nil` when it has none, or an invented one.
    ///   - decoding: its own decoding time, if there is one.
    ///   - arrival: when it arrived, in nanoseconds of the monotonic clock.
    public func place(
        stream: Int, presentation: Timestamp?, decoding: Timestamp?, arrival: UInt64
    ) -> Place {
        let now = ticks(at: arrival)
        let shown = Self.credible(presentation)
        let decoded = Self.credible(decoding)
        return state.withLock { state in
            var known = state.streams[stream] ?? Stream(breaks: state.breaks)
            defer { state.streams[stream] = known }
            let isFirstBehindBreak = known.breaks != state.breaks
            known.breaks = state.breaks
            guard let source = decoded ?? shown else {
                let time = max(now, known.lastDecoding.next)
                known.accept(time, offset: nil, decoding: time, arrival: now)
                return Place(
                    presentation: time, decoding: time, followsGap: isFirstBehindBreak)
            }
            let offset = Self.offset(for: source, of: known, in: &state, now: now)
            if offset != known.lastOffset { known.order = PresentationOrder() }
            let followsGap = isFirstBehindBreak || known.breaks != state.breaks
            known.breaks = state.breaks
            let time = source + offset
            var decodingTime = time
            // Without decoding times, or with a copy of the presentation times in their place, the order tells.
            if let shown, decoded == nil || decoded == shown {
                decodingTime = known.order.decodingTime(shown) + offset
            }
            decodingTime = max(decodingTime, known.lastDecoding.next)
            known.accept(time, offset: offset, decoding: decodingTime, arrival: now)
            let ahead = shown.map { $0 + offset - decodingTime } ?? 0
            return Place(
                presentation: decodingTime + (ahead > Self.longestReordering ? 0 : max(0, ahead)),
                decoding: decodingTime, followsGap: followsGap)
        }
    }

    /// The offset that fits a packet: the one in force, the one before a jump, or a new one.
    private static func offset(
        for source: Int64, of stream: Stream, in state: inout State, now: Int64
    ) -> Int64 {
        if let offset = state.offset, fits(source, offset, stream, now) {
            guard isHopelesslyLate(source + offset, &state, now) else { return offset }
        } else if let old = state.oldOffset, fits(source, old, stream, now) {
            return old
        }
        let offset = max(now, stream.lastDecoding.next) - source
        if state.offset != nil {
            state.clockJumps += 1
            state.breaks += 1
            state.oldOffset = state.offset
        }
        state.offset = offset
        state.lateSince = nil
        return offset
    }

    /// Whether a packet goes on where its stream was, give or take two seconds of the arrival clock.
    private static func fits(
        _ source: Int64, _ offset: Int64, _ stream: Stream, _ now: Int64
    ) -> Bool {
        let time = source + offset
        guard let last = stream.lastTime else {
            // The stream's first packet: near the present.
            return abs(time - now) <= tolerance
        }
        let step = time - last
        guard step - (now - stream.lastArrival) <= tolerance else { return false }
        // Where another stream's jump has moved the offset, this one may have to wait a little.
        if stream.lastOffset != offset { return step >= -tolerance }
        return step >= 0 || stream.order.wouldReorder(source)
    }

    /// Whether the source has been late for so long that it is its clock, not the network.
    private static func isHopelesslyLate(
        _ time: Int64, _ state: inout State, _ now: Int64
    ) -> Bool {
        guard now - time > tolerance else {
            state.lateSince = nil
            return false
        }
        guard let since = state.lateSince else {
            state.lateSince = now
            return false
        }
        return now - since > 450_000
    }

    /// Ticks of the timeline; `nil` for what can't be meant.
    private static func credible(_ time: Timestamp?) -> Int64? {
        guard let time, time.timeBase.isPositive else { return nil }
        let ticks = time.rescaled(to: timeBase).value
        return ticks.magnitude < limit ? ticks : nil
    }
}

extension Int64 {
    /// The tick after this one.
    fileprivate var next: Int64 { self == .min ? .min : self + 1 }
}

/// Finds decoding times for packets that have presentation times only: with B-frames these come out of order.
struct PresentationOrder {
    /// More packets than these can't be waiting to be shown later than one that comes after them.
    private static let most = 4

    /// The largest presentation times so far, rising, one more than `depth`.
    private var latest: [Int64] = []
    private var depth = 0

    /// Whether a packet that is shown at `time` is one of a few out of order rather than a jump back.
    func wouldReorder(_ time: Int64) -> Bool {
        let later = latest.count { $0 > time }
        return later > 0 && later <= Self.most
            && (later < latest.count || latest.count <= Self.most)
    }

    /// The decoding time of the next packet: as far behind as the packets seen so far demand.
    mutating func decodingTime(_ time: Int64) -> Int64 {
        let place = latest.firstIndex { $0 > time } ?? latest.endIndex
        depth = max(depth, min(latest.count - place, Self.most))
        latest.insert(time, at: place)
        if latest.count > Self.most + 2 { latest.removeFirst() }
        return latest[max(0, latest.count - 1 - depth)]
    }
}
