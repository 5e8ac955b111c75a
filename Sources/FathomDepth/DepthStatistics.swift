/// What one map's values are like, from a histogram; unaffected by a few wild values.
package struct DepthStatistics: Sendable {
    /// The value below which 1 % of the map lies.
    package let low: Float
    /// The value below which half of the map lies.
    package let median: Float
    /// The value below which 99 % of the map lies.
    package let high: Float

    private static let bins = 2048
    private static let sampled = 12_000

    /// Statistics of a map.
    package init(_ map: DepthMap) {
        (low, median, high) = map.withValues { values in
            // Some ten thousand values, spread by an odd step over rows and columns, are plenty.
            let places = stride(
                from: 0, to: values.count, by: max(values.count / Self.sampled, 1) | 1)
            var least = Float.greatestFiniteMagnitude
            var greatest = -Float.greatestFiniteMagnitude
            for index in places where values[index].isFinite {
                let value = values[index]
                least = min(least, value)
                greatest = max(greatest, value)
            }
            guard least < greatest else {
                return least == greatest ? (least, least, least) : (0, 0, 0)
            }
            let scale = Float(Self.bins) / (greatest - least)
            guard scale.isFinite, scale > 0 else { return (least, least, greatest) }
            return withUnsafeTemporaryAllocation(of: Int32.self, capacity: Self.bins) { counts in
                counts.initialize(repeating: 0)
                var total = 0
                for index in places where values[index].isFinite {
                    let value = values[index]
                    counts[min(Int((value - least) * scale), Self.bins - 1)] += 1
                    total += 1
                }
                func quantile(_ share: Double) -> Float {
                    var left = share * Double(total)
                    for bin in 0..<Self.bins {
                        let count = Double(counts[bin])
                        if left <= count, count > 0 {
                            return least + (Float(bin) + Float(left / count)) / scale
                        }
                        left -= count
                    }
                    return greatest
                }
                return (quantile(0.01), quantile(0.5), quantile(0.99))
            }
        }
    }
}

/// The distribution of all depth values of a clip in constant memory: a histogram that doubles its bins' width
/// when a value lies outside.
public struct ClipHistogram: Sendable {
    private static let bins = 4096
    private var counts = [UInt64](repeating: 0, count: bins)
    /// Bins cover -limit…limit.
    private var limit: Float = 1.0 / 64
    private var total: UInt64 = 0

    /// An empty histogram.
    public init() {}

    /// Counts a map's finite values.
    public mutating func add(_ map: DepthMap) {
        map.withValues { values in
            var greatest: Float = 0
            for value in values where value.isFinite { greatest = max(greatest, abs(value)) }
            while greatest >= limit, limit < 1e30 { widen() }
            let scale = Float(Self.bins / 2) / limit
            counts.withUnsafeMutableBufferPointer { counts in
                for value in values where value.isFinite {
                    let bin = Int(min(max((value + limit) * scale, 0), Float(Self.bins - 1)))
                    counts[bin] += 1
                }
            }
            total += UInt64(values.count)
        }
    }

    private mutating func widen() {
        var wider = [UInt64](repeating: 0, count: Self.bins)
        for bin in 0..<Self.bins { wider[Self.bins / 4 + bin / 2] += counts[bin] }
        counts = wider
        limit *= 2
    }

    /// The clip's range: from the 1st to the 99th percentile.
    public var range: DepthRange {
        DepthRange(minimum: quantile(0.01), maximum: quantile(0.99))
    }

    private func quantile(_ share: Double) -> Float {
        guard total > 0 else { return 0 }
        var left = share * Double(counts.reduce(0, +))
        for bin in 0..<Self.bins {
            let count = Double(counts[bin])
            if left <= count, count > 0 {
                return (Float(bin) + Float(left / count)) * limit / Float(Self.bins / 2) - limit
            }
            left -= count
        }
        return limit
    }
}
