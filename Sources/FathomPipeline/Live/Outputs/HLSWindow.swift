import FathomCore
import FathomMedia
import Synchronization

/// A rolling HLS playlist in memory (RFC 8216): transport stream segments of about a second, the last few kept.
///
/// Nothing is encoded before somebody asks for the playlist, and no more half a minute after the last request.
/// Segments are named `0.ts`, `1.ts` in the playlist; whoever serves it may put a path or a query around that.
public final class HLSWindow: Sendable {
    private struct Segment {
        var number: Int
        var seconds: Double
        var followsBreak: Bool
        var bytes: [UInt8]
    }

    private struct State {
        var segments: [Segment] = []
        var nextNumber = 0
        /// Breaks among segments that are not in the list any more.
        var breaksGone = 0
        var longest = 2.0
        var lastRequest: UInt64 = 0
        var thread: JoinedThread?
        var isFinished = false
    }

    private let feed: LiveFeed
    private let configuration: LiveConfiguration
    private let state = Mutex(State())
    private let arrival = Condition()

    /// Ticks after which a segment ends at the next key frame, which is asked for.
    private static let length: Int64 = 90000
    /// Segments in the playlist.
    private static let listed = 5
    /// Segments that can be fetched: players ask for those of the list that they read before.
    private static let kept = 8
    /// Seconds without a request after which nobody watches.
    private static let patience: UInt64 = 30

    /// A window on a source's depth picture.
    public init(feed: LiveFeed, configuration: LiveConfiguration) {
        self.feed = feed
        self.configuration = configuration
    }

    /// The playlist; the first request starts the encoder and waits for the first segment.
    ///
    /// Blocks for at most `seconds`: to be called on a thread of its own.
    /// - Returns: `nil` when there is no segment in time.
    public func playlist(waiting seconds: Double) -> String? {
        request()
        let end = SystemClock.monotonicNanoseconds + UInt64(max(0, seconds) * 1e9)
        arrival.withLock {
            while state.withLock({ $0.segments.isEmpty && !$0.isFinished }) {
                let now = SystemClock.monotonicNanoseconds
                guard now < end else { return }
                arrival.wait(seconds: Double(end - now) / 1e9)
            }
        }
        return state.withLock { Self.playlist($0) }
    }

    /// The bytes of a segment; `nil` when there is none of this number, or no more.
    public func segment(_ number: Int) -> [UInt8]? {
        state.withLock { state in
            state.lastRequest = SystemClock.monotonicNanoseconds
            return state.segments.first { $0.number == number }?.bytes
        }
    }

    /// Ends the encoding.
    public func finish() {
        let thread = state.withLock { state in
            state.isFinished = true
            return state.thread
        }
        arrival.withLock { arrival.wakeAll() }
        thread?.join()
    }

    private static func playlist(_ state: State) -> String? {
        let listed = state.segments.suffix(Self.listed)
        guard let first = listed.first else { return nil }
        let hidden = state.segments.dropLast(listed.count).count { $0.followsBreak }
        var lines = [
            "#EXTM3U", "#EXT-X-VERSION:3",
            "#EXT-X-TARGETDURATION:\(Int(state.longest.rounded(.up)))",
            "#EXT-X-MEDIA-SEQUENCE:\(first.number)",
            "#EXT-X-DISCONTINUITY-SEQUENCE:\(state.breaksGone + hidden)",
        ]
        for segment in listed {
            if segment.followsBreak { lines.append("#EXT-X-DISCONTINUITY") }
            let milliseconds = Int((segment.seconds * 1000).rounded())
            let rest = String(1000 + milliseconds % 1000).dropFirst()
            lines.append("#EXTINF:\(milliseconds / 1000).\(rest),")
            lines.append("\(segment.number).ts")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    // MARK: Cutting

    private func request() {
        state.withLock { state in
            state.lastRequest = SystemClock.monotonicNanoseconds
            guard state.thread == nil, !state.isFinished else { return }
            state.thread = JoinedThread(name: "live-hls") { [self] in run() }
        }
    }

    private var isWanted: Bool {
        state.withLock { state in
            let now = SystemClock.monotonicNanoseconds
            return !state.isFinished && now < state.lastRequest + Self.patience * 1_000_000_000
        }
    }

    private func run() {
        while true {
            if isWanted { cut() }
            state.withLock { Self.forget(&$0) }
            let isOver = arrival.withLock { () -> Bool in
                while !isWanted {
                    if state.withLock({ $0.isFinished }) { return true }
                    arrival.wait(seconds: 0.25)
                }
                return false
            }
            if isOver { return }
        }
    }

    /// Cuts segments for as long as somebody watches.
    private func cut() {
        let video = feed.video(configuration)
        let packets = video.subscribe()
        defer { packets.cancel() }
        var groups = WholeGroups()
        var cutter: Cutter?
        while isWanted {
            switch packets.next(seconds: 0.25) {
            case .end:
                state.withLock { $0.isFinished = true }
                return
            case .nothing: continue
            case .item(let picture):
                guard groups.admits(picture.packet, dropped: packets.dropped) else { continue }
                do throws(FathomError) {
                    if let segment = try take(picture, &cutter) { publish(segment) }
                    if cutter?.isNew == true {
                        video.requestKeyFrame(from: picture.time + Self.length)
                    }
                } catch {
                    // Only want of memory ends here: begin anew with the next key frame.
                    cutter = nil
                    groups.restart()
                }
            }
        }
    }

    /// A transport stream that is being written.
    private struct Cutter {
        let writer: StreamWriter
        var begun: Int64
        var last: Int64
        var followsBreak: Bool
        /// Whether nothing but its first packet is in the segment under way.
        var isNew = true
    }

    /// Writes a packet; gives the segment that ended before it.
    private func take(
        _ picture: LiveVideoPacket, _ cutter: inout Cutter?
    ) throws(FathomError) -> (seconds: Double, followsBreak: Bool, bytes: [UInt8])? {
        let time = picture.time
        var ended: (Double, Bool, [UInt8])?
        if let current = cutter, picture.packet.packet.isKey {
            let isOther = !current.writer.holds(picture.packet.stream)
            if isOther || time - current.begun >= Self.length {
                let bytes = try current.writer.takeBytes()
                ended = (Double(time - current.begun) / 90000, current.followsBreak, bytes)
                cutter?.begun = time
                cutter?.followsBreak = false
                cutter?.isNew = true
                if isOther { cutter = nil }
            } else {
                cutter?.isNew = false
            }
        } else {
            cutter?.isNew = false
        }
        if cutter == nil {
            guard picture.packet.packet.isKey else { return ended }
            // Every restart but the very first breaks the stream of times and parameters.
            let isFirst = state.withLock { $0.nextNumber == 0 } && ended == nil
            cutter = Cutter(
                writer: try StreamWriter(
                    .memory, streams: [picture.packet.stream], origin: 0),
                begun: time, last: time, followsBreak: !isFirst)
        }
        try cutter?.writer.write(picture.packet)
        cutter?.last = time
        return ended
    }

    private func publish(_ segment: (seconds: Double, followsBreak: Bool, bytes: [UInt8])) {
        state.withLock { state in
            state.segments.append(
                Segment(
                    number: state.nextNumber, seconds: segment.seconds,
                    followsBreak: segment.followsBreak, bytes: segment.bytes))
            state.nextNumber += 1
            state.longest = max(state.longest, segment.seconds)
            while state.segments.count > Self.kept {
                if state.segments.removeFirst().followsBreak { state.breaksGone += 1 }
            }
        }
        arrival.withLock { arrival.wakeAll() }
    }

    /// Nobody watches: what a later viewer gets begins anew.
    private static func forget(_ state: inout State) {
        state.breaksGone += state.segments.count { $0.followsBreak }
        state.segments = []
    }
}
