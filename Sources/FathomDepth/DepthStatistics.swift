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

/// The distribution of all depth values of a clip in constant memory: 64 bins for each power of two, of either
/// sign, so that neither the scale nor a few wild values matter.
public struct ClipHistogram: Sendable {
    private static let bins = 1 << 15
    private var counts = [UInt64](repeating: 0, count: bins)

    /// An empty histogram.
    public init() {}

    /// Counts a map's finite values.
    public mutating func add(_ map: DepthMap) {
        map.withValues { values in
            counts.withUnsafeMutableBufferPointer { counts in
                for value in values where value.isFinite { counts[Self.bin(value)] += 1 }
            }
        }
    }

    /// The bits of a number, put in the numbers' order, without the last 17 of the fraction.
    private static func bin(_ value: Float) -> Int {
        let bits = value.bitPattern
        return Int((bits >> 31 == 1 ? ~bits : bits | 1 << 31) >> 17)
    }

    /// The least number of a bin.
    private static func start(_ bin: Int) -> Float {
        let bits = UInt32(bin) << 17
        return Float(bitPattern: bits >> 31 == 1 ? bits & ~(1 << 31) : ~bits)
    }

    /// The clip's range: from the 1st to the 99th percentile.
    public var range: DepthRange {
        DepthRange(minimum: quantile(0.01), maximum: quantile(0.99))
    }

    private func quantile(_ share: Double) -> Float {
        var left = share * Double(counts.reduce(0, +))
        for bin in 0..<Self.bins where counts[bin] > 0 {
            let count = Double(counts[bin])
            if left <= count {
                let (low, high) = (Self.start(bin), Self.start(min(bin + 1, Self.bins - 1)))
                return high.isFinite ? low + (high - low) * Float(left / count) : low
            }
            left -= count
        }
        return 0
    }
}
