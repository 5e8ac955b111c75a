import Glibc

/// Where errors lie: how often each relative error occurs, and how errors grow with distance.
public struct ErrorProfile: Sendable {
    /// Pixels by signed relative error (p − g) / g, from `histogramRange` in even steps; beyond it in the last places.
    public private(set) var histogram: [Int]
    /// Distances that bound the bins, rising; the last one is the cap.
    public let edges: [Double]
    /// Pixels of each bin.
    public private(set) var counts: [Int]
    private var relative: [Double]
    private var absolute: [Double]

    /// Relative errors that the histogram covers.
    public static let histogramRange = -1.0...1.0
    private static let histogramSteps = 40
    private static let bins = 12

    /// An empty profile up to a cap: each bin reaches √2 times as far as the one before.
    public init(cap: Double) {
        histogram = [Int](repeating: 0, count: Self.histogramSteps)
        edges = [0] + (0..<Self.bins).map { cap * pow(2, Double($0 + 1 - Self.bins) / 2) }
        counts = [Int](repeating: 0, count: Self.bins)
        relative = [Double](repeating: 0, count: Self.bins)
        absolute = relative
    }

    /// Mean |p − g| / g of each bin; nil where it is empty.
    public var relativeErrors: [Double?] { means(relative) }
    /// Mean |p − g| of each bin, metres; nil where it is empty.
    public var absoluteErrors: [Double?] { means(absolute) }

    private func means(_ sums: [Double]) -> [Double?] {
        zip(sums, counts).map { $1 > 0 ? $0 / Double($1) : nil }
    }

    /// Adds a picture.
    public mutating func add(depth: [Float], truth: [Float], counts mask: [Bool]) {
        let (low, high) = (Self.histogramRange.lowerBound, Self.histogramRange.upperBound)
        let steps = Double(histogram.count) / (high - low)
        for place in mask.indices where mask[place] {
            let (p, g) = (Double(depth[place]), Double(truth[place]))
            let error = (p - g) / g
            let step = (min(max(error, low), high) - low) * steps
            histogram[min(Int(step), histogram.count - 1)] += 1
            let bin = edges.dropFirst().firstIndex { g < $0 } ?? edges.count - 1
            counts[bin - 1] += 1
            relative[bin - 1] += abs(error)
            absolute[bin - 1] += abs(p - g)
        }
    }
}
