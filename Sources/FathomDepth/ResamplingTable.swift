/// Which samples of a row (or column) make each output sample, and with what weights.
///
/// Shrinking averages over the area that an output sample covers, as OpenCV's INTER_AREA, so that nothing
/// aliases; enlarging is linear between sample centres.
package struct ResamplingTable: Sendable {
    /// Output samples.
    package let count: Int
    /// Weights an output sample has.
    package let taps: Int
    /// The first source sample of each output sample; `first + taps` stays inside the source.
    package let first: [Int32]
    /// Weight `k` of output sample `x` at `x * taps + k`; they add up to 1.
    package let weights: [Float]
    /// The same weights at `k * count + x`, for loops over `x`.
    package let transposedWeights: [Float]

    /// A table from `source` samples to `count`.
    ///
    /// - Parameters:
    ///   - scale: source samples an output sample covers.
    ///   - offset: where output 0 begins in the source, in samples.
    package init(source: Int, count: Int, scale: Double, offset: Double = 0) {
        precondition(source > 0 && count > 0, "resampling has at least one sample")
        self.count = count
        var starts: [Int] = []
        var lists: [[Double]] = []
        for x in 0..<count {
            let (start, list) = Self.coverage(
                from: Double(x) * scale + offset, length: scale, source: source)
            starts.append(start)
            lists.append(list)
        }
        let taps = lists.map(\.count).max() ?? 1
        var first = [Int32](repeating: 0, count: count)
        var weights = [Float](repeating: 0, count: count * taps)
        var transposed = weights
        for x in 0..<count {
            let start = min(starts[x], source - taps)
            first[x] = Int32(start)
            let total = lists[x].reduce(0, +)
            for (k, weight) in lists[x].enumerated() {
                let place = k + starts[x] - start
                weights[x * taps + place] = Float(weight / total)
                transposed[place * count + x] = Float(weight / total)
            }
        }
        self.taps = taps
        self.first = first
        self.weights = weights
        self.transposedWeights = transposed
    }

    private static func coverage(
        from: Double, length: Double, source: Int
    ) -> (start: Int, weights: [Double]) {
        let end = Double(source)
        guard length > 1 else {
            let centre = min(max(from + length / 2 - 0.5, 0), end - 1)
            let start = Int(centre)
            let share = centre - Double(start)
            return share > 0 ? (start, [1 - share, share]) : (start, [1])
        }
        let low = min(max(from, 0), end - 1)
        let high = min(max(from + length, low + 0.01), end)
        let start = Int(low)
        let last = min(Int(high.rounded(.up)), source)
        return (
            start, (start..<last).map { min(high, Double($0 + 1)) - max(low, Double($0)) }
        )
    }
}
