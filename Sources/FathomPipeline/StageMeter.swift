import FathomCore
import Histogram
import Synchronization

/// What one stage did: how many items, how long it was busy with each.
public struct StageReport: Sendable, Codable, Equatable {
    /// Items that went through.
    public var items: Int
    /// Seconds of work, without waiting.
    public var busySeconds: Double
    /// Median milliseconds of work an item.
    public var p50Ms: Double
    /// 95th percentile of the milliseconds of work an item.
    public var p95Ms: Double
    /// Mean number of items that waited before the stage.
    public var queueMean: Double
}

/// Counts and times the work of one stage; written by the stage's thread, read by the progress line.
public final class StageMeter: Sendable {
    /// The stage's name in reports.
    public let name: String
    private struct State {
        var items = 0
        var busyNanoseconds: UInt64 = 0
        var histogram = Histogram<UInt32>(
            highestTrackableValue: 600_000_000, numberOfSignificantValueDigits: .two)
    }
    private let state = Mutex(State())

    /// A meter at zero.
    public init(name: String) { self.name = name }

    /// Runs and times the work on one item.
    public func measure<R, E: Error>(_ work: () throws(E) -> R) throws(E) -> R {
        let start = SystemClock.monotonicNanoseconds
        let result = try work()
        record(nanoseconds: SystemClock.monotonicNanoseconds - start)
        return result
    }

    /// Counts one item with the time spent on it.
    public func record(nanoseconds: UInt64) {
        state.withLock { state in
            state.items += 1
            state.busyNanoseconds += nanoseconds
            // Microseconds; an item of over ten minutes counts as ten minutes.
            state.histogram.record(min(nanoseconds / 1000, 600_000_000))
        }
    }

    /// Adds work that belongs to no item of its own (opening, draining).
    public func recordOverhead(nanoseconds: UInt64) {
        state.withLock { $0.busyNanoseconds += nanoseconds }
    }

    /// Items and busy seconds so far.
    public var soFar: (items: Int, busySeconds: Double) {
        state.withLock { ($0.items, Double($0.busyNanoseconds) / 1e9) }
    }

    /// The whole account.
    public func report(queueMean: Double) -> StageReport {
        state.withLock { state in
            StageReport(
                items: state.items, busySeconds: Double(state.busyNanoseconds) / 1e9,
                p50Ms: Double(state.histogram.valueAtPercentile(50)) / 1000,
                p95Ms: Double(state.histogram.valueAtPercentile(95)) / 1000,
                queueMean: queueMean)
        }
    }
}
