import Glibc

/// How the range of an edge is chosen from what was seen there.
public enum RangeMethod: String, CaseIterable, Hashable, Sendable {
    /// All but the outermost 0.01 % of the numbers.
    case percentile
    /// The range whose 255 steps give the least mean squared error.
    case mse
    /// The range whose distribution in 255 steps tells most of that of all numbers but 0 (least Kullback–Leibler
    /// divergence; Migacz, "8-bit Inference with TensorRT", 2017). Cares for the many, not for the large.
    case entropy
}

/// Counts the numbers of an edge by size, over any number of frames and whatever their range turns out to be.
package struct EdgeHistogram {
    private static let bins = 4096

    /// Nothing seen yet.
    package init() {}

    /// Numbers per bin, from −limit to limit.
    private var counts = [Int](repeating: 0, count: bins)
    /// Half the width; 0 before the first number that is not 0.
    private var limit: Float = 0
    /// The least number seen.
    package private(set) var low: Float = .infinity
    /// The greatest number seen.
    package private(set) var high: Float = -.infinity
    private var total = 0

    /// Adds numbers; those that are none are left out.
    package mutating func add(_ values: UnsafeBufferPointer<Float>) {
        var (least, greatest) = (Float.infinity, -Float.infinity)
        for value in values where value.isFinite {
            least = min(least, value)
            greatest = max(greatest, value)
        }
        guard least <= greatest else { return }
        low = min(low, least)
        high = max(high, greatest)
        widen(max(-least, greatest))
        guard limit > 0 else {
            counts[Self.bins / 2] += values.count
            total += values.count
            return
        }
        let factor = Float(Self.bins / 2) / limit
        counts.withUnsafeMutableBufferPointer { counts in
            for value in values where value.isFinite {
                let place = Int((value * factor).rounded(.down)) + Self.bins / 2
                counts[min(max(place, 0), Self.bins - 1)] += 1
                total += 1
            }
        }
    }

    /// Doubles the width until a magnitude fits; pairs of bins become one.
    private mutating func widen(_ magnitude: Float) {
        guard magnitude > limit, magnitude.isFinite else { return }
        guard limit > 0 else {
            limit = magnitude
            return
        }
        while limit < magnitude {
            limit *= 2
            var wide = [Int](repeating: 0, count: Self.bins)
            for (index, count) in counts.enumerated() { wide[Self.bins / 4 + index / 2] += count }
            counts = wide
        }
    }

    /// The range by a method; what lies beyond it will be clipped.
    package func range(_ method: RangeMethod) -> ClosedRange<Float> {
        guard total > 0, low <= high else { return 0...0 }
        let whole = min(low, 0)...max(high, 0)
        guard limit > 0 else { return whole }
        switch method {
        case .percentile: return percentile(within: whole)
        case .mse: return best(within: whole) { error($0) }
        case .entropy: return best(within: whole) { divergence($0) }
        }
    }

    private var width: Float { 2 * limit / Float(Self.bins) }
    private func center(_ bin: Int) -> Float { (Float(bin - Self.bins / 2) + 0.5) * width }

    private static let outside = 1e-4

    private func percentile(within whole: ClosedRange<Float>) -> ClosedRange<Float> {
        // On each side that has numbers, so that one without any keeps its bound.
        let most = Int(Double(total) * Self.outside / 2)
        var (first, last) = (0, Self.bins - 1)
        var left = most
        while first < Self.bins / 2, counts[first] <= left {
            left -= counts[first]
            first += 1
        }
        left = most
        while last >= Self.bins / 2, counts[last] <= left {
            left -= counts[last]
            last -= 1
        }
        let bottom = center(first) - width / 2
        let top = center(last) + width / 2
        return max(whole.lowerBound, min(bottom, 0))...min(whole.upperBound, max(top, 0))
    }

    /// Ranges tried: the whole one and smaller ones, both ends drawn in alike.
    private static let shares = stride(from: Float(1), through: 0.3, by: -0.02)

    private func best(
        within whole: ClosedRange<Float>, _ cost: (ClosedRange<Float>) -> Double
    ) -> ClosedRange<Float> {
        var best = whole
        var least = Double.infinity
        for share in Self.shares {
            let range = whole.lowerBound * share...whole.upperBound * share
            let cost = cost(range)
            if cost < least {
                least = cost
                best = range
            }
        }
        return best
    }

    /// The squared error when the range has 255 steps: what rounding costs within, clipping beyond.
    private func error(_ range: ClosedRange<Float>) -> Double {
        let step = Double(range.upperBound - range.lowerBound) / 255
        var sum = 0.0
        for (bin, count) in counts.enumerated() where count > 0 {
            let value = center(bin)
            let beyond = Double(max(range.lowerBound - value, value - range.upperBound, 0))
            // 0 itself is kept exactly, and after a clip it is most of what there is.
            let isZero = bin == Self.bins / 2 && low >= 0
            sum += Double(count) * (beyond * beyond + (isZero ? 0 : step * step / 12))
        }
        return sum
    }

    /// Kullback–Leibler divergence of the distribution in 255 steps from that with the outliers put at the range's ends.
    private func divergence(_ range: ClosedRange<Float>) -> Double {
        let middle = Self.bins / 2
        var counts = counts
        // What clips to 0 is exact, and would drown the rest.
        if low >= 0 { counts[middle] = 0 }
        let first = min(max(Int((range.lowerBound / width).rounded()) + middle, 0), middle)
        let last = min(
            max(Int((range.upperBound / width).rounded()) + middle, first + 1), Self.bins)
        var clipped = counts[first..<last].map(Double.init)
        let inner = clipped
        clipped[0] += Double(counts[..<first].reduce(0, +))
        clipped[clipped.count - 1] += Double(counts[last...].reduce(0, +))
        let steps = 255
        guard clipped.count > steps else { return .infinity }
        var coarse = [Double](repeating: 0, count: clipped.count)
        for step in 0..<steps {
            let part = step * clipped.count / steps..<(step + 1) * clipped.count / steps
            let filled = part.filter { inner[$0] > 0 }
            let sum = part.reduce(0) { $0 + inner[$1] }
            for bin in filled { coarse[bin] = sum / Double(filled.count) }
        }
        let (sumClipped, sumCoarse) = (clipped.reduce(0, +), coarse.reduce(0, +))
        guard sumClipped > 0, sumCoarse > 0 else { return .infinity }
        var divergence = 0.0
        for (p, q) in zip(clipped, coarse) where p > 0 {
            // A number that the coarse distribution cannot have at all costs much, not everything.
            divergence += p / sumClipped * log(p / sumClipped / max(q / sumCoarse, 1e-9))
        }
        return divergence
    }
}
