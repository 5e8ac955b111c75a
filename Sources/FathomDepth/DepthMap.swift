import Synchronization

/// Depth of one picture at the network's resolution, with the brightness of the picture on the same grid.
///
/// Both are float32, `height` × `width`, row-major without gaps, upright, and cover the whole picture.
/// Values are finite; inverse depth is at least 0. Brightness is luma in 0…1: what the temporal filter,
/// the cut detector and the upsampler are guided by.
public final class DepthMap: @unchecked Sendable {
    // Sendable: written through `withMutableValues` only by the one that made it, before it is shared.

    /// Width in values.
    public let width: Int
    /// Height in values.
    public let height: Int
    /// What the values mean.
    public let kind: DepthKind
    /// How many values the network gave that were not finite.
    public private(set) var nonFiniteCount: Int
    private let storage: DepthStorage
    private let pool: DepthMapPool?

    fileprivate init(
        width: Int, height: Int, kind: DepthKind, nonFiniteCount: Int, storage: DepthStorage,
        pool: DepthMapPool?
    ) {
        self.width = width
        self.height = height
        self.kind = kind
        self.nonFiniteCount = nonFiniteCount
        self.storage = storage
        self.pool = pool
    }

    /// A map from values and brightness of `width * height` numbers each, for tests and embedding programs.
    public convenience init(
        width: Int, height: Int, kind: DepthKind, values: [Float], brightness: [Float],
        nonFiniteCount: Int = 0
    ) {
        precondition(width > 0 && height > 0, "a depth map has at least one value")
        precondition(
            values.count == width * height && brightness.count == values.count,
            "a depth map has width × height values and as many of brightness")
        let storage = DepthStorage(count: values.count)
        self.init(
            width: width, height: height, kind: kind, nonFiniteCount: nonFiniteCount,
            storage: storage, pool: nil)
        withMutableValues { depth, light in
            _ = depth.update(fromContentsOf: values)
            _ = light.update(fromContentsOf: brightness)
        }
    }

    deinit { pool?.giveBack(storage) }

    /// The number of values.
    public var count: Int { width * height }

    /// Reads the depth.
    public func withValues<R, E: Error>(
        _ body: (UnsafeBufferPointer<Float>) throws(E) -> R
    ) throws(E) -> R {
        try body(UnsafeBufferPointer(start: storage.memory, count: count))
    }

    /// Reads the brightness of the picture.
    public func withBrightness<R, E: Error>(
        _ body: (UnsafeBufferPointer<Float>) throws(E) -> R
    ) throws(E) -> R {
        try body(UnsafeBufferPointer(start: storage.memory + count, count: count))
    }

    /// Writes depth and brightness; only before the map is shared.
    package func withMutableValues<R, E: Error>(
        _ body: (UnsafeMutableBufferPointer<Float>, UnsafeMutableBufferPointer<Float>) throws(E) ->
            R
    ) throws(E) -> R {
        try body(
            UnsafeMutableBufferPointer(start: storage.memory, count: count),
            UnsafeMutableBufferPointer(start: storage.memory + count, count: count))
    }

    /// Replaces what is not finite and counts it; inverse depth is raised to at least 0.
    ///
    /// Unknown counts as far: 0 in inverse depth, the farthest finite value in depth. Only before the map is shared.
    package func replaceNonFinite() {
        let isLargeNear = kind.isLargeNear
        nonFiniteCount = withMutableValues { values, _ in
            var count = 0
            var greatest: Float = 0
            for index in values.indices {
                let value = values[index]
                if value.isFinite {
                    greatest = max(greatest, value)
                    if isLargeNear { values[index] = max(value, 0) }
                } else {
                    count += 1
                }
            }
            if count == 0 { return 0 }
            for index in values.indices where !values[index].isFinite {
                let isInfinitelyNear = isLargeNear && values[index] == .infinity
                values[index] = isInfinitelyNear || !isLargeNear ? greatest : 0
            }
            return count
        }
    }

    /// The depth as an array, for tests and files.
    public var values: [Float] { withValues { Array($0) } }

    /// The brightness as an array, for tests.
    public var brightness: [Float] { withBrightness { Array($0) } }
}

/// Memory of depth maps, used again when the last holder lets a map go.
public final class DepthMapPool: Sendable {
    private struct Free {
        var storages: [DepthStorage] = []
    }
    private let free = Mutex(Free())
    private static let mostKept = 16

    /// An empty pool.
    public init() {}

    /// A map whose values are not yet set.
    package func take(
        width: Int, height: Int, kind: DepthKind, nonFiniteCount: Int = 0
    ) -> DepthMap {
        let count = width * height
        let storage =
            free.withLock { free -> DepthStorage? in
                guard let index = free.storages.lastIndex(where: { $0.count == count }) else {
                    return nil
                }
                return free.storages.remove(at: index)
            } ?? DepthStorage(count: count)
        return DepthMap(
            width: width, height: height, kind: kind, nonFiniteCount: nonFiniteCount,
            storage: storage, pool: self)
    }

    fileprivate func giveBack(_ storage: DepthStorage) {
        free.withLock { free in
            if free.storages.count == Self.mostKept { free.storages.removeFirst() }
            free.storages.append(storage)
        }
    }
}

/// Memory for `count` values of depth and as many of brightness.
fileprivate final class DepthStorage: @unchecked Sendable {
    // Sendable: owned by one map or by the pool at a time.
    let memory: UnsafeMutablePointer<Float>
    let count: Int

    init(count: Int) {
        self.count = count
        memory = .allocate(capacity: 2 * count)
        memory.initialize(repeating: 0, count: 2 * count)
    }

    deinit { memory.deallocate() }
}
