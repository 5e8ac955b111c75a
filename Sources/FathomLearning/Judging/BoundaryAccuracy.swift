/// Sharpness and place of occluding edges: the scale-invariant boundary F1 of Depth Pro (Bochkovskii et al. 2024).
///
/// On inverse depth (depth floored at 1e−6), a pixel has an edge towards one of its four neighbours where the ratio of
/// both exceeds t. Precision and recall are means over the four directions of matched edges by predicted and by true ones
/// (1 at least); F1(t) is their harmonic mean, 0 if both are 0. Thresholds: ten from 1.05 to 1.25, weights ∝ t.
public enum BoundaryAccuracy {
    /// The share of the judged area whose truth must be known: edges of sparse truth say nothing.
    public static let leastKnown = 0.9

    private static let thresholds = (0..<10).map { 1.05 + 0.2 * Double($0) / 9 }

    /// The weighted F1 over pairs of neighbours that both count.
    ///
    /// - Parameters:
    ///   - prediction: aligned depth, `width * height` values; `truth` likewise.
    ///   - counts: which pixels count.
    public static func f1(
        prediction: [Float], truth: [Float], counts: [Bool], width: Int, height: Int
    ) -> Double {
        precondition(
            prediction.count == width * height && truth.count == prediction.count
                && counts.count == truth.count, "maps of one size")
        let bins = thresholds.count
        // Edges of each direction by the number of thresholds that they exceed: true, predicted, both.
        var tally = [[Int]](repeating: [Int](repeating: 0, count: 3 * (bins + 1)), count: 4)
        func note(_ here: Int, _ there: Int, _ direction: Int) {
            guard counts[here], counts[there] else { return }
            // Inverse depth there / here is depth here / there.
            for (direction, from, to) in [(direction, here, there), (direction + 1, there, here)] {
                let g = passed(truth[from], truth[to])
                let p = passed(prediction[from], prediction[to])
                tally[direction][g] += 1
                tally[direction][bins + 1 + p] += 1
                tally[direction][2 * (bins + 1) + min(g, p)] += 1
            }
        }
        for y in 0..<height {
            for x in 0..<width {
                let here = y * width + x
                if x + 1 < width { note(here, here + 1, 0) }
                if y + 1 < height { note(here, here + width, 2) }
            }
        }
        // An edge that passes k thresholds is one at each of the first k.
        func edges(_ direction: Int, _ kind: Int, above index: Int) -> Double {
            let start = kind * (bins + 1)
            return Double(tally[direction][(start + index + 1)...(start + bins)].reduce(0, +))
        }
        var (sum, weights) = (0.0, 0.0)
        for (index, threshold) in thresholds.enumerated() {
            var (recall, precision) = (0.0, 0.0)
            for direction in 0..<4 {
                let matched = edges(direction, 2, above: index)
                recall += matched / max(edges(direction, 0, above: index), 1) / 4
                precision += matched / max(edges(direction, 1, above: index), 1) / 4
            }
            weights += threshold
            if recall + precision > 0 {
                sum += threshold * 2 * recall * precision / (recall + precision)
            }
        }
        return sum / weights
    }

    /// How many thresholds the ratio of two neighbours' inverse depths exceeds.
    private static func passed(_ here: Float, _ there: Float) -> Int {
        let ratio = Double(max(here, 1e-6)) / Double(max(there, 1e-6))
        guard ratio > thresholds[0] else { return 0 }
        return thresholds.firstIndex { ratio <= $0 } ?? thresholds.count
    }
}
