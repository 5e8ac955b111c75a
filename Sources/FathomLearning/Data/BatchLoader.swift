import FathomCore
import FathomDepth
import Synchronization

/// What a training step gets.
public struct Batch: Sendable {
    /// The step it's for.
    public let step: Int
    /// Tensors by name, one dictionary for each picture of the clip in order of time: a single one for stills.
    ///
    /// `image` N×3×H×W, `target`, `valid` N×1×H×W; `intrinsics` N×4 (fx, fy, cx, cy of this size) where all samples have
    /// them, `pose` N×16, `flow` N×2×H×W likewise; `previous`, `next`, `otherEye` N×3×H×W and `baseline` N×1 where asked for.
    public let frames: [[String: Tensor]]
    /// The samples' names.
    public let names: [String]

    /// The first picture's tensors: all there is, for stills.
    public var tensors: [String: Tensor] { frames.first ?? [:] }
}

/// Batches for steps, in order, worked out by several threads ahead of time.
///
/// A batch is a function of data, seed and step only: neither the number of threads nor where a run was resumed changes it.
public final class BatchLoader: @unchecked Sendable {
    // Sendable: `queues` and `threads` are touched by the one thread that starts, asks and stops.

    /// What batches are made of.
    public let recipe: BatchRecipe
    private let threadCount: Int
    private var queues: [BoundedQueue<Result<Batch, FathomError>>] = []
    private var threads: [JoinedThread] = []
    private var nextStep = 0

    /// A loader that has not begun.
    public init(_ recipe: BatchRecipe, threads: Int = 2) {
        self.recipe = recipe
        threadCount = max(threads, 1)
    }

    deinit { stop() }

    /// Begins with a step; what was begun before is let go of.
    public func start(at step: Int = 0) {
        stop()
        nextStep = step
        for worker in 0..<threadCount {
            let queue = BoundedQueue<Result<Batch, FathomError>>(capacity: 2)
            queues.append(queue)
            let (recipe, stride) = (recipe, threadCount)
            threads.append(
                JoinedThread(name: "load \(worker)") {
                    var step = step + worker
                    while queue.send(recipe.result(step)) { step += stride }
                })
        }
    }

    /// The next step's batch; begins at step 0 if nothing was begun.
    public func next() throws(FathomError) -> Batch {
        if queues.isEmpty { start() }
        // Worker w makes every step whose distance from the first has the remainder w.
        let queue = queues.removeFirst()
        queues.append(queue)
        nextStep += 1
        guard let result = queue.receive() else {
            throw FathomError(
                .interrupted, operation: "load", subject: "a batch", cause: "loading was stopped")
        }
        return try result.get()
    }

    /// The step that `next()` will give.
    public var step: Int { nextStep }

    /// Ends the threads; what they have made is dropped.
    public func stop() {
        for queue in queues { queue.cancel() }
        for thread in threads { thread.join() }
        queues = []
        threads = []
    }
}

/// Everything that a batch depends on besides its step.
public struct BatchRecipe: Sendable {
    /// The data.
    public let data: PreparedData
    /// The part that is read.
    public let split: SplitName
    /// Samples of a batch.
    public let batchSize: Int
    /// How pictures are varied; nil for judging.
    public let augmentation: AugmentationConfiguration?
    /// Picks order and variation.
    public let seed: UInt64
    /// Whether the order is shuffled anew each time around; else it's the data's own.
    public let isShuffled: Bool

    /// Batches of a part; an empty part is an error.
    public init(
        _ data: PreparedData, split: SplitName, batchSize: Int,
        augmentation: AugmentationConfiguration? = nil, seed: UInt64 = 0, isShuffled: Bool = true
    ) throws(FathomError) {
        _ = try data.part(split)
        guard batchSize > 0 else {
            throw FathomError(
                .usage, operation: "use", subject: "batchSize \(batchSize)",
                cause: "a batch has at least one sample")
        }
        self.data = data
        self.split = split
        self.batchSize = batchSize
        self.augmentation = augmentation
        self.seed = seed
        self.isShuffled = isShuffled
    }

    /// Steps until every sample has been read once; the last batch of a round may reach into the next.
    public var stepsPerEpoch: Int {
        (data.count(split) + batchSize - 1) / batchSize
    }

    func result(_ step: Int) -> Result<Batch, FathomError> {
        do throws(FathomError) { return .success(try batch(step)) } catch {
            return .failure(error)
        }
    }

    /// The batch of a step. A sample that can't be read is noted and replaced by the next in the order.
    public func batch(_ step: Int) throws(FathomError) -> Batch {
        var slots: [[[String: Tensor]]] = []
        var names: [String] = []
        for slot in 0..<batchSize {
            let position = step * batchSize + slot
            let (clip, name) = try readable(position)
            var random = SeededRandom(
                seed &* 0x9e37_79b9_7f4a_7c15 &+ UInt64(bitPattern: Int64(position)))
            let draw = augmentation.map { Augmentation($0, random: &random) }
            var frames: [[String: Tensor]] = []
            for sample in clip {
                frames.append(
                    try SamplePreparation(data.configuration).tensors(sample, draw))
            }
            slots.append(frames)
            names.append(name)
        }
        let count = slots.map(\.count).min() ?? 0
        return Batch(
            step: step,
            frames: (0..<count).map { time in Self.stacked(slots.map { $0[time] }) },
            names: names)
    }

    /// The sample at a position of the endless order, or the next one that can be read.
    private func readable(_ position: Int) throws(FathomError) -> ([DepthSample], String) {
        let count = data.count(split)
        let order = Shuffle(count: count, seed: seed, round: position / count)
        var failure: FathomError?
        for attempt in 0..<min(count, 256) {
            let place = (position % count + attempt) % count
            let index = isShuffled ? order[place] : place
            do throws(FathomError) {
                let clip = try data.clip(split, index)
                return (clip, try data.name(split, index))
            } catch {
                data.report(try data.name(split, index), error)
                failure = failure ?? error
            }
        }
        throw failure
            ?? FathomError(operation: "read", subject: "samples", cause: "there are none")
    }

    /// Samples beside one another; keys that not all have are left out.
    private static func stacked(_ samples: [[String: Tensor]]) -> [String: Tensor] {
        guard let first = samples.first else { return [:] }
        var result: [String: Tensor] = [:]
        for (key, tensor) in first {
            let all = samples.compactMap { $0[key] }.filter { $0.shape == tensor.shape }
            guard all.count == samples.count else { continue }
            result[key] = Tensor(shape: Shape([all.count] + tensor.shape.dimensions)) { target in
                for (slot, one) in all.enumerated() {
                    one.withUnsafeBuffer { source in
                        guard let from = source.baseAddress else { return }
                        target.baseAddress.map {
                            ($0 + slot * source.count).update(from: from, count: source.count)
                        }
                    }
                }
            }
        }
        return result
    }
}

/// A permutation that is worked out place by place, without a list of all: a Feistel network over the numbers below the
/// next power of four, walked until it lands within the count (Black and Rogaway 2002).
struct Shuffle {
    private let count: Int
    private let half: Int
    private let keys: [UInt64]

    init(count: Int, seed: UInt64, round: Int) {
        self.count = count
        var bits = 1
        while 1 << (2 * bits) < count { bits += 1 }
        half = bits
        var random = SeededRandom(seed ^ UInt64(bitPattern: Int64(round)) &* 0xd134_2543_de82_ef95)
        keys = (0..<4).map { _ in random.next() }
    }

    subscript(place: Int) -> Int {
        var value = place
        repeat {
            var (left, right) = (value >> half, value & (1 << half - 1))
            for key in keys {
                var random = SeededRandom(key ^ UInt64(right))
                let mixed = Int(random.next() & UInt64(1 << half - 1))
                (left, right) = (right, left ^ mixed)
            }
            value = left << half | right
        } while value >= count
        return value
    }
}
