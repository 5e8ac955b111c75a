import FathomCore
import Glibc

/// What one thread did for one step of a run.
public struct StepEvent: Sendable {
    /// The step's place in the order of execution, from 0.
    public let step: Int
    /// The node it belongs to.
    public let node: String
    /// The operator, or what the engine does on its own account.
    public let operation: String
    /// The thread: 0 is the one that asked, the others count in the order in which they appear.
    public let thread: Int
    /// When the thread's first chunk began, in nanoseconds of the monotonic clock.
    public let start: UInt64
    /// When its last chunk ended.
    public let end: UInt64
    /// Chunks that it did.
    public let chunks: Int
}

/// How long a step of a run took, all its threads together.
public struct StepTime: Sendable {
    /// The node it belongs to.
    public let node: String
    /// The operator, or what the engine does on its own account.
    public let operation: String
    /// Wall seconds from the first chunk's begin to the last one's end.
    public let seconds: Double
}

extension Session {
    /// Computes the outputs once and says what each thread did when, step by step; `execute` pays nothing for it.
    public func trace() throws(FathomError) -> [StepEvent] {
        var events: [StepEvent] = []
        var threads = [pthread_self()]
        for (index, step) in steps.enumerated() {
            events += try trace(step, index, &threads)
        }
        return events
    }

    /// Computes the outputs once and says how long each step took, in order.
    public func profile() throws(FathomError) -> [StepTime] {
        let steps = Dictionary(grouping: try trace(), by: \.step).sorted { $0.key < $1.key }
        return steps.map { _, events in
            let start = events.map(\.start).min() ?? 0
            let end = events.map(\.end).max() ?? 0
            return StepTime(
                node: events[0].node, operation: events[0].operation,
                seconds: Double(end - start) / 1e9)
        }
    }

    private func trace(
        _ bound: BoundStep, _ index: Int, _ threads: inout [pthread_t]
    ) throws(FathomError) -> [StepEvent] {
        let count = max(bound.step.chunks, 0)
        let marks = ChunkMarks(count: count)
        let body = bound.body
        pool.run(chunks: count) { chunk in
            let start = SystemClock.monotonicNanoseconds
            body(chunk)
            marks.set(
                chunk,
                ChunkMarks.Mark(
                    thread: pthread_self(), start: start, end: SystemClock.monotonicNanoseconds))
        }
        if let failure = bound.step.failure { throw failure }
        let planned = plan.steps[index]
        let byThread = Dictionary(grouping: marks.all, by: \.thread)
        for thread in byThread.keys where !threads.contains(thread) { threads.append(thread) }
        return byThread.map { thread, marks in
            StepEvent(
                step: index, node: planned.node, operation: planned.operation,
                thread: threads.firstIndex(of: thread) ?? 0,
                start: marks.map(\.start).min() ?? 0, end: marks.map(\.end).max() ?? 0,
                chunks: marks.count)
        }.sorted { $0.thread < $1.thread }
    }
}

/// Where each chunk notes who did it when.
private final class ChunkMarks: @unchecked Sendable {
    // Sendable: every chunk writes its own element, and they are read when all are done.
    struct Mark {
        var thread: pthread_t = 0
        var start: UInt64 = 0
        var end: UInt64 = 0
    }

    private let storage: UnsafeMutableBufferPointer<Mark>

    init(count: Int) {
        storage = .allocate(capacity: count)
        storage.initialize(repeating: Mark())
    }

    deinit { storage.deallocate() }

    func set(_ chunk: Int, _ mark: Mark) { storage[chunk] = mark }
    var all: [Mark] { Array(storage) }
}
