/// How steady a sequence of depth maps is along the picture's motion, and how sharp its edges are.
///
/// The two belong together: smoothing that smears lowers the first number and the second.
package struct StabilityMeasure {
    private var last: DepthMap?
    private var differences: Double = 0
    private var sharpness: Double = 0
    private var pairs = 0
    private var maps = 0

    /// Pixels whose brightness differs more than this after motion are not compared.
    private static let sameBrightness: Float = 0.04
    /// The share of the steepest steps that makes an edge.
    private static let edgeShare = 0.02

    /// A measure of nothing yet.
    package init() {}

    /// Counts the next map.
    ///
    /// - Parameter spread: the range of depth that both numbers are parts of: the same for all that is compared.
    package mutating func add(_ map: DepthMap, spread: Float) {
        if let last, last.width == map.width, last.height == map.height {
            let carried = CarriedDepth(
                from: (last.values, last.brightness), to: map, width: map.width, height: map.height)
            var sum: Double = 0
            var count = 0
            map.withValues { values in
                for index in values.indices where carried.change[index] < Self.sameBrightness {
                    sum += Double(abs(values[index] - carried.depth[index]) / spread)
                    count += 1
                }
            }
            if count > 0 {
                differences += sum / Double(count)
                pairs += 1
            }
        }
        sharpness += Self.sharpness(of: map, spread: spread)
        maps += 1
        last = map
    }

    /// Mean difference between neighbouring frames along the motion, as part of the range.
    package var warpedDifference: Double { pairs == 0 ? 0 : differences / Double(pairs) }

    /// Mean of the steepest 2 % of steps between neighbouring pixels, as part of the range.
    package var edgeSharpness: Double { maps == 0 ? 0 : sharpness / Double(maps) }

    private static func sharpness(of map: DepthMap, spread: Float) -> Double {
        guard map.width > 1, map.height > 1 else { return 0 }
        var steps: [Float] = []
        steps.reserveCapacity(map.count)
        map.withValues { values in
            for y in 0..<(map.height - 1) {
                for x in 0..<(map.width - 1) {
                    let at = y * map.width + x
                    let across = values[at + 1] - values[at]
                    let down = values[at + map.width] - values[at]
                    steps.append((across * across + down * down).squareRoot() / spread)
                }
            }
        }
        steps.sort(by: >)
        let edges = steps.prefix(max(Int(Double(steps.count) * edgeShare), 1))
        return edges.reduce(0) { $0 + Double($1) } / Double(edges.count)
    }
}
