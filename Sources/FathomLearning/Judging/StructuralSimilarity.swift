import Glibc

/// Structural similarity of two maps (Wang, Bovik, Sheikh, Simoncelli 2004): 11 × 11 Gaussian windows with σ = 1.5,
/// C₁ = (0.01 L)², C₂ = (0.03 L)², biased variances.
public enum StructuralSimilarity {
    /// Samples on each side of a window's centre.
    public static let radius = 5

    private static let weights: [Double] = {
        let raw = (-radius...radius).map { exp(-Double($0 * $0) / (2 * 1.5 * 1.5)) }
        let sum = raw.reduce(0, +)
        return raw.map { $0 / sum }
    }()

    /// The mean over all windows whose every pixel counts; nil where there is no such window.
    ///
    /// - Parameters:
    ///   - a: `width * height` values, `b` likewise.
    ///   - counts: which pixels count.
    ///   - dataRange: L, the span of the values.
    public static func mean(
        _ a: [Float], _ b: [Float], counts: [Bool], width: Int, height: Int, dataRange: Double
    ) -> Double? {
        precondition(
            a.count == width * height && b.count == a.count && counts.count == a.count,
            "maps of one size")
        guard width > 2 * radius, height > 2 * radius else { return nil }
        let window = 2 * radius + 1
        var known = [Int](repeating: 0, count: width)
        // Moments along the rows, of the last `window` rows: a, b, a², b², ab.
        var rows = [[Double]](repeating: [], count: window)
        let c1 = (0.01 * dataRange) * (0.01 * dataRange)
        let c2 = (0.03 * dataRange) * (0.03 * dataRange)
        let inner = width - 2 * radius
        var (sum, windows) = (0.0, 0)
        for y in 0..<height {
            for x in 0..<width { known[x] = counts[y * width + x] ? known[x] + 1 : 0 }
            rows[y % window] = momentsAlong(a, b, counts: counts, row: y, width: width)
            guard y >= window - 1 else { continue }
            var run = 0
            for x in 0..<width {
                run = known[x] >= window ? run + 1 : 0
                guard run >= window else { continue }
                let place = x - 2 * radius
                var moments = (0.0, 0.0, 0.0, 0.0, 0.0)
                for k in 0..<window {
                    let weight = weights[k]
                    let row = rows[(y + 1 + k) % window]
                    moments.0 += weight * row[place]
                    moments.1 += weight * row[inner + place]
                    moments.2 += weight * row[2 * inner + place]
                    moments.3 += weight * row[3 * inner + place]
                    moments.4 += weight * row[4 * inner + place]
                }
                let (meanA, meanB) = (moments.0, moments.1)
                let varianceA = moments.2 - meanA * meanA
                let varianceB = moments.3 - meanB * meanB
                let covariance = moments.4 - meanA * meanB
                sum +=
                    (2 * meanA * meanB + c1) * (2 * covariance + c2)
                    / ((meanA * meanA + meanB * meanB + c1) * (varianceA + varianceB + c2))
                windows += 1
            }
        }
        return windows > 0 ? sum / Double(windows) : nil
    }

    /// Weighted sums along one row for every window, a, b, a², b², ab behind one another.
    private static func momentsAlong(
        _ a: [Float], _ b: [Float], counts: [Bool], row: Int, width: Int
    ) -> [Double] {
        let inner = width - 2 * radius
        var result = [Double](repeating: 0, count: 5 * inner)
        var products = [Double](repeating: 0, count: 5 * width)
        for x in 0..<width where counts[row * width + x] {
            let (first, second) = (Double(a[row * width + x]), Double(b[row * width + x]))
            products[x] = first
            products[width + x] = second
            products[2 * width + x] = first * first
            products[3 * width + x] = second * second
            products[4 * width + x] = first * second
        }
        for moment in 0..<5 {
            for x in 0..<inner {
                var sum = 0.0
                for k in weights.indices { sum += weights[k] * products[moment * width + x + k] }
                result[moment * inner + x] = sum
            }
        }
        return result
    }
}
