import FathomCore

/// How often a prediction knows which of two points is nearer.
///
/// Random pairs of pixels with known truth whose depths differ by more than a ratio; a pair counts as right where the
/// prediction orders it like the truth, half where it gives both the same value. No alignment is needed.
public enum OrdinalAccuracy {
    /// Pairs that are judged at most.
    public static let pairs = 20_000
    /// Pairs that are drawn to find them.
    public static let draws = 4 * pairs
    /// The larger depth is more than this many times the smaller one.
    public static let ratio = 1.15

    /// The share of pairs in the right order; nil where no pair differs enough.
    ///
    /// - Parameters:
    ///   - nearness: the prediction, larger is nearer, one value for each truth.
    ///   - truths: depth.
    ///   - seed: the same seed draws the same pairs.
    public static func share(nearness: [Float], truths: [Double], seed: UInt64) -> Double? {
        precondition(nearness.count == truths.count, "a prediction for each truth")
        guard truths.count > 1 else { return nil }
        var random = SeededRandom(seed)
        let pairs = (0..<draws).map { _ in
            (
                Int.random(in: truths.indices, using: &random),
                Int.random(in: truths.indices, using: &random)
            )
        }
        return share(nearness: nearness, truths: truths, drawn: pairs)
    }

    /// The share among the first `pairs` of given pairs that differ enough.
    package static func share(
        nearness: [Float], truths: [Double], drawn: [(Int, Int)]
    ) -> Double? {
        var (right, judged) = (0.0, 0)
        for (i, j) in drawn where judged < pairs {
            let (low, high) = (min(truths[i], truths[j]), max(truths[i], truths[j]))
            guard high > ratio * low else { continue }
            judged += 1
            if nearness[i] == nearness[j] {
                right += 0.5
            } else if (nearness[i] > nearness[j]) == (truths[i] < truths[j]) {
                right += 1
            }
        }
        return judged > 0 ? right / Double(judged) : nil
    }

    /// The seed that belongs to a picture's name (FNV-1a).
    public static func seed(_ name: String) -> UInt64 {
        name.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
}
