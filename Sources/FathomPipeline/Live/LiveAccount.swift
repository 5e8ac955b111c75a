import FathomCore
import FathomMedia
import Foundation
import Histogram
import Synchronization

/// Keeps the account of one live source: counters, ages, states, outputs. Any thread may write and read.
package final class LiveAccount: Sendable {
    /// Why a frame was not published.
    package enum DropReason: String {
        /// A newer frame was there before it was taken.
        case slow
        /// It was older than `--max-age`.
        case age
        /// The work ended before its turn.
        case end
        /// Its time is not after that of the frame before it.
        case time
    }

    private struct State {
        var status = LiveStatus()
        var ages = Histogram<UInt32>(
            highestTrackableValue: 600_000_000, numberOfSignificantValueDigits: .two)
        var recentAges = RecentValues(seconds: 5)
        var arrivals = RecentValues(seconds: 5)
        var lastPacket: UInt64?
        var dropsTold: [String: Int] = [:]
        var hasPlayed = false
        var lostAt: UInt64?
        var causesTold: Set<String> = []
        var outputs: [OutputAccount] = []
        var load: @Sendable () -> (load: [String: Double], limiting: String?) = { ([:], nil) }
    }

    let events: EventLog
    let name: String
    private let started = SystemClock.monotonicNanoseconds
    private let state = Mutex(State())

    package init(index: Int, name: String, events: EventLog) {
        self.events = events
        self.name = name
        state.withLock {
            $0.status.source = index
            $0.status.name = name
        }
    }

    // MARK: Reading

    package var status: LiveStatus {
        let now = SystemClock.monotonicNanoseconds
        let (status, outputs, load) = state.withLock { state in
            var status = state.status
            status.seconds = Double(now - started) / 1e9
            status.secondsSinceLastPacket = state.lastPacket.map { Double(now - $0) / 1e9 }
            status.inputRate = state.arrivals.rate(at: now)
            status.jitterMs = state.arrivals.jitter(at: now) * 1000
            status.outputRate = state.recentAges.rate(at: now)
            status.recentAgeMs = state.recentAges.statistics(at: now)
            if state.ages.totalCount > 0 {
                status.ageMs.p50 = Double(state.ages.valueAtPercentile(50)) / 1000
                status.ageMs.p95 = Double(state.ages.valueAtPercentile(95)) / 1000
                status.ageMs.p99 = Double(state.ages.valueAtPercentile(99)) / 1000
            }
            return (status, state.outputs, state.load)
        }
        var full = status
        full.outputs = outputs.map(\.status)
        (full.load, full.limitingStage) = load()
        return full
    }

    // MARK: Counting

    package func update(_ change: (inout LiveStatus) -> Void) {
        state.withLock { change(&$0.status) }
    }

    /// Takes note of how to ask for the stages' load.
    package func measureLoad(
        _ load: @escaping @Sendable () -> (load: [String: Double], limiting: String?)
    ) {
        state.withLock { $0.load = load }
    }

    package func packetArrived(at time: UInt64) { state.withLock { $0.lastPacket = time } }

    package func frameDecoded(at time: UInt64) {
        state.withLock { state in
            state.status.framesIn += 1
            state.arrivals.add(0, at: time)
        }
    }

    /// Frames that were thrown away before they were decoded.
    func discarded(_ count: Int) {
        state.withLock { $0.status.framesIn += count }
        dropped(.slow, count)
    }

    func decoderErrors(_ count: Int) { state.withLock { $0.status.decodeErrors += count } }

    package func dropped(_ reason: DropReason, _ count: Int = 1) {
        guard count > 0 else { return }
        state.withLock { state in
            state.status.framesDropped += count
            state.status.drops[reason.rawValue, default: 0] += count
        }
    }

    func published(_ frame: LiveFrame) {
        let milliseconds = frame.ageMs
        state.withLock { state in
            state.status.framesOut += 1
            if frame.picture.isDamaged { state.status.framesDamaged += 1 }
            state.status.width = frame.picture.format.width
            state.status.height = frame.picture.format.height
            state.status.ageMs.max = max(state.status.ageMs.max, milliseconds)
            state.ages.record(UInt64(min(milliseconds * 1000, 600_000_000)))
            state.recentAges.add(milliseconds, at: frame.published)
        }
    }

    /// An output's own account, shown among this source's.
    package func addOutput(_ name: String) -> OutputAccount {
        let output = OutputAccount(name: name, source: self.name, events: events)
        state.withLock { $0.outputs.append(output) }
        return output
    }

    // MARK: Coming and going

    /// The source plays.
    func connected(_ input: LiveInput) {
        let video = input.video.video
        let away = state.withLock { state -> Double? in
            let away = state.lostAt.map { Double(SystemClock.monotonicNanoseconds - $0) / 1e9 }
            let wasKnown = state.hasPlayed
            if wasKnown { state.status.reconnects += 1 }
            state.hasPlayed = true
            state.lostAt = nil
            state.causesTold = []
            state.status.state = .playing
            state.status.trouble = nil
            state.status.codec = input.video.codec
            state.status.width = video?.width ?? 0
            state.status.height = video?.height ?? 0
            return wasKnown ? away ?? 0 : nil
        }
        let what = input.effective.joined(separator: ", ")
        let values: [(key: String, value: EventLog.Value)] = [
            ("codec", .text(input.video.codec)), ("width", .whole(video?.width ?? 0)),
            ("height", .whole(video?.height ?? 0)),
        ]
        if let away {
            events.note(
                .recovered, source: name, [("seconds", .number(away))] + values,
                sentence: "\(name) is back after \(String(format: "%.1f", away)) s: \(what)")
        } else {
            events.note(.connected, source: name, values, sentence: "\(name) plays: \(what)")
        }
    }

    /// The source is away, or can't be opened; each cause is told once until it plays again.
    func lost(_ failure: LiveFailure) {
        let (event, isNew) = state.withLock { state in
            let wasPlaying = state.status.state == .playing
            state.status.state = state.hasPlayed ? .lost : .connecting
            state.status.trouble = failure.error.words
            if wasPlaying { state.lostAt = SystemClock.monotonicNanoseconds }
            let isNew = state.causesTold.insert(failure.reason.rawValue).inserted
            return (wasPlaying ? LiveEvent.lost : .failed, isNew || wasPlaying)
        }
        guard isNew else { return }
        events.note(
            event, source: name,
            [("reason", .text(failure.reason.rawValue)), ("cause", .text(failure.error.cause))],
            sentence: "\(failure.error)")
    }

    /// For how long the source has been away; `nil` while it plays, and before it ever did.
    var lostSeconds: Double? {
        state.withLock { state in
            state.lostAt.map { Double(SystemClock.monotonicNanoseconds - $0) / 1e9 }
        }
    }

    // MARK: Events that sum up

    /// Writes what was dropped since the last time, and the age of the last seconds; called now and then.
    func tellSums() {
        let (drops, ages, count) = state.withLock { state in
            let drops = state.status.drops.compactMap { reason, count -> (String, Int)? in
                let new = count - state.dropsTold[reason, default: 0]
                return new > 0 ? (reason, new) : nil
            }
            state.dropsTold = state.status.drops
            let now = SystemClock.monotonicNanoseconds
            return (drops, state.recentAges.statistics(at: now), state.recentAges.count(at: now))
        }
        for (reason, count) in drops {
            events.note(
                .dropped, source: name, [("count", .whole(count)), ("reason", .text(reason))])
        }
        if count > 0 {
            events.note(
                .age, source: name,
                [
                    ("frames", .whole(count)), ("p50", .number(ages.p50)),
                    ("p95", .number(ages.p95)), ("p99", .number(ages.p99)),
                    ("max", .number(ages.max)),
                ])
        }
        for output in state.withLock({ $0.outputs }) { output.tellDrops() }
    }
}

/// Keeps the account of one output.
public final class OutputAccount: Sendable {
    private struct State {
        var status: OutputStatus
        var dropsTold = 0
        var failureTold: String?
    }
    private let state: Mutex<State>
    private let source: String
    private let events: EventLog

    init(name: String, source: String, events: EventLog) {
        state = Mutex(State(status: OutputStatus(name: name)))
        self.source = source
        self.events = events
    }

    /// How the output is.
    public var status: OutputStatus { state.withLock { $0.status } }

    /// Changes counters and the like.
    public func update(_ change: (inout OutputStatus) -> Void) {
        state.withLock { change(&$0.status) }
    }

    /// It works: the next failure is told again.
    public func works() {
        let recovered = state.withLock { state in
            defer { state.failureTold = nil }
            // What was lost while it was away is no sign of slowness.
            if state.status.state != "working" { state.dropsTold = state.status.dropped }
            state.status.state = "working"
            state.status.trouble = nil
            return state.failureTold != nil ? state.status.name : nil
        }
        if let recovered {
            events.note(
                .recovered, source: source, [("output", .text(recovered))],
                sentence: "\(recovered) works again")
        }
    }

    /// It doesn't work; each cause is told once until it works again.
    public func failed(_ error: FathomError, isFinal: Bool = false) {
        let text = "\(error)"
        let name = state.withLock { state in
            state.status.state = isFinal ? "failed" : "connecting"
            state.status.trouble = text
            defer { state.failureTold = error.cause }
            return state.failureTold == error.cause ? nil : state.status.name
        }
        if let name {
            events.note(
                .failed, source: source, [("output", .text(name)), ("cause", .text(error.cause))],
                sentence: text)
        }
    }

    fileprivate func tellDrops() {
        let told = state.withLock { state -> (String, Int)? in
            let new = state.status.dropped - state.dropsTold
            state.dropsTold = state.status.dropped
            return new > 0 && state.status.state == "working" ? (state.status.name, new) : nil
        }
        if let (name, count) = told {
            events.note(
                .slowOutput, source: source, [("output", .text(name)), ("dropped", .whole(count))],
                sentence: "\(name) is slow: \(count) dropped since the last word on it")
        }
    }
}

/// The values of the last seconds, at most a few thousand.
struct RecentValues {
    private let nanoseconds: UInt64
    private var values: [(time: UInt64, value: Double)] = []
    private static let most = 4096

    init(seconds: Double) { nanoseconds = UInt64(seconds * 1e9) }

    mutating func add(_ value: Double, at time: UInt64) {
        if values.count >= Self.most { values.removeFirst(Self.most / 2) }
        values.append((time, value))
        if let first = values.first, time > first.time + 2 * nanoseconds {
            values.removeAll { $0.time + nanoseconds < time }
        }
    }

    private func recent(at now: UInt64) -> ArraySlice<(time: UInt64, value: Double)> {
        let first = values.firstIndex { $0.time + nanoseconds >= now } ?? values.endIndex
        return values[first...]
    }

    func count(at now: UInt64) -> Int { recent(at: now).count }

    /// Values a second.
    func rate(at now: UInt64) -> Double {
        let recent = recent(at: now)
        guard let first = recent.first, let last = recent.last, last.time > first.time else {
            return 0
        }
        return Double(recent.count - 1) / (Double(last.time - first.time) / 1e9)
    }

    /// Mean deviation of the intervals between values from their mean, in seconds.
    func jitter(at now: UInt64) -> Double {
        let recent = recent(at: now)
        let intervals = zip(recent.dropFirst(), recent).map {
            Double(Int64($0.time) - Int64($1.time)) / 1e9
        }
        guard intervals.count > 1 else { return 0 }
        let mean = intervals.reduce(0, +) / Double(intervals.count)
        return intervals.reduce(0) { $0 + abs($1 - mean) } / Double(intervals.count)
    }

    func statistics(at now: UInt64) -> AgeStatistics {
        let sorted = recent(at: now).map(\.value).sorted()
        var result = AgeStatistics()
        guard let largest = sorted.last else { return result }
        func percentile(_ share: Double) -> Double {
            sorted[min(sorted.count - 1, Int(share * Double(sorted.count)))]
        }
        result.p50 = percentile(0.5)
        result.p95 = percentile(0.95)
        result.p99 = percentile(0.99)
        result.max = largest
        return result
    }
}
