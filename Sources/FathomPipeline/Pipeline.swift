import FathomCore
import Synchronization

/// Stages on threads of their own, joined by bounded queues, with one end for all of them.
///
/// A stage is a closure that receives from its input queue until `nil`, and sends until it gets `false`.
/// When a stage throws, the error that came first is kept, its inputs are cancelled so that everything
/// before it stops, and its outputs are finished so that everything behind it still writes what it has.
public final class Pipeline: Sendable {
    /// Asked for by a person or by an error: sources stop reading, what is under way is still written.
    public let cancellation: Cancellation
    private let stages = Mutex<[Stage]>([])
    private let firstError = Mutex<FathomError?>(nil)

    private struct Stage: Sendable {
        let meter: StageMeter
        let queueMean: @Sendable () -> Double
        let queueFill: @Sendable () -> (fill: Int, capacity: Int)
        /// The work; `nil` once it runs.
        var body: (@Sendable () -> Void)?
    }

    /// An empty pipeline.
    public init(cancellation: Cancellation) { self.cancellation = cancellation }

    /// Adds a source: a stage without an input queue.
    public func addSource(
        _ name: String, finishing outputs: [any QueueEnds] = [],
        _ work: @escaping @Sendable (StageMeter) throws(FathomError) -> Void
    ) {
        add(name, input: nil, outputs: outputs, work)
    }

    /// Adds a stage that receives from `input` and sends to `outputs`; both ends are closed when it ends.
    public func addStage(
        _ name: String, from input: any QueueEnds, finishing outputs: [any QueueEnds] = [],
        _ work: @escaping @Sendable (StageMeter) throws(FathomError) -> Void
    ) {
        add(name, input: input, outputs: outputs, work)
    }

    private func add(
        _ name: String, input: (any QueueEnds)?, outputs: [any QueueEnds],
        _ work: @escaping @Sendable (StageMeter) throws(FathomError) -> Void
    ) {
        let meter = StageMeter(name: name)
        let stage = Stage(
            meter: meter, queueMean: { input?.meanFill ?? 0 },
            queueFill: { (input?.fill ?? 0, input?.capacity ?? 0) },
            body: { [self] in
                do throws(FathomError) {
                    try work(meter)
                } catch {
                    firstError.withLock { if $0 == nil { $0 = error } }
                    cancellation.cancel()
                }
                input?.cancel()
                for output in outputs { output.finish() }
            })
        stages.withLock { $0.append(stage) }
    }

    /// Runs every stage to its end and throws the first error.
    public func run() throws(FathomError) {
        // The work is taken out, so that all it holds (this pipeline, too) is let go of at its end.
        let work = stages.withLock { stages in
            defer { for index in stages.indices { stages[index].body = nil } }
            return stages.compactMap { stage in stage.body.map { (stage.meter.name, $0) } }
        }
        let threads = work.map { name, body in JoinedThread(name: name, body) }
        for thread in threads { thread.join() }
        if let error = firstError.withLock({ $0 }) { throw error }
    }

    /// The account of every stage, in the order of their making.
    public var reports: [(name: String, report: StageReport)] {
        stages.withLock { $0 }.map { ($0.meter.name, $0.meter.report(queueMean: $0.queueMean())) }
    }

    /// Fill of each stage's input queue at this moment; sources have none.
    public var queueFills: [(name: String, fill: Int, capacity: Int)] {
        stages.withLock { $0 }.compactMap { stage in
            let (fill, capacity) = stage.queueFill()
            return capacity == 0 ? nil : (stage.meter.name, fill, capacity)
        }
    }

    /// The stage that has been busiest so far: the one that sets the speed.
    public var limitingStage: String? {
        stages.withLock { $0 }.max { $0.meter.soFar.busySeconds < $1.meter.soFar.busySeconds }
            .flatMap { $0.meter.soFar.items > 0 ? $0.meter.name : nil }
    }
}

/// A queue's two ends, whatever goes through it.
public protocol QueueEnds: Sendable {
    /// The sender's last word.
    func finish()
    /// The receiver's last word.
    func cancel()
    /// Items that wait now.
    var fill: Int { get }
    /// Most items that may wait.
    var capacity: Int { get }
    /// Mean of the items that waited.
    var meanFill: Double { get }
}

extension BoundedQueue: QueueEnds {}
