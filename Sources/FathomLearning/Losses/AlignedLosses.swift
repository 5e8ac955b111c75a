import FathomCore
import FathomGraph

/// A prediction brought to the truth's scale and shift.
struct Aligned {
    /// Aligned prediction − truth, 0 where the truth is unknown.
    var residual: String
}

/// Losses of relative depth: up to a scale and a shift for each picture (Ranftl et al. 2020).
extension LossBuilder {
    /// Aligns by least squares over `axes`, in closed form: scale = covariance / variance, shift by the means.
    ///
    /// The scale is kept at a tenth of the ratio of the deviations at least: a prediction that runs against the truth
    /// would otherwise be turned over, and learn to stay so.
    mutating func align(
        _ prediction: String, _ target: String, _ valid: String, axes: [Int], isNormalized: Bool
    ) -> Aligned {
        let tiny: Float = 1e-6
        let x = centered(prediction, valid, axes)
        let y = centered(target, valid, axes)
        let covariance = mean(graph.multiply(x, y), weights: valid, axes: axes)
        let variance = graph.add(mean(square(x), weights: valid, axes: axes), tiny)
        let spread = graph.add(mean(square(y), weights: valid, axes: axes), tiny)
        let least = graph.multiply(
            graph.node("Sqrt", [graph.divide(spread, variance)]), 0.1)
        let scale = graph.node("Max", [graph.divide(covariance, variance), least])
        var residual = graph.multiply(
            graph.subtract(graph.multiply(x, scale), y), valid)
        if isNormalized {
            let deviation = mean(absolute(y), weights: valid, axes: axes)
            residual = graph.divide(residual, graph.add(deviation, 1e-3))
        }
        return Aligned(residual: residual)
    }

    /// The difference from the mean.
    private mutating func centered(_ edge: String, _ valid: String, _ axes: [Int]) -> String {
        graph.subtract(edge, mean(edge, weights: valid, axes: axes))
    }

    /// Mean of |r| or r², r the aligned residual, without each picture's greatest ones if some are to be left out.
    mutating func scaleShiftInvariant(_ scale: Scale, _ term: LossTerm) -> String {
        let residual = aligned(scale, isNormalized: term.isNormalized).residual
        let distance = absolute(residual)
        let error = term.residual == .squared ? square(residual) : distance
        guard term.trim > 0 else { return mean(error, weights: scale.valid) }
        return mean(error, weights: kept(distance, scale.valid, trim: term.trim))
    }

    /// 1 for the pixels of each picture whose error is among the least, else 0.
    private mutating func kept(_ distance: String, _ valid: String, trim: Float) -> String {
        // Sorted errors of each picture, unknown pixels behind all others.
        let unknown = graph.multiply(graph.add(valid, -1), -1e9)
        let flat = graph.node(
            "Flatten", [graph.add(distance, unknown)], ["axis": .integer(1)])
        let length = graph.slice(graph.node("Shape", [flat]), axes: [0], from: [1], to: [2])
        let sorted = graph.nodes(
            "TopK", [flat, length], outputs: 2, ["axis": .integer(1), "largest": .integer(0)])[0]
        let counts = graph.sum(graph.node("Flatten", [valid], ["axis": .integer(1)]), axes: [1])
        let last = graph.node("Floor", [graph.multiply(counts, 1 - trim)])
        // With no pixel at all, the first; it counts for nothing.
        let index = graph.node(
            "Cast", [atLeast(0, graph.add(last, -1))],
            ["to": .integer(Int(ElementType.int64.onnxCode))])
        let limit = graph.node(
            "GatherElements", [sorted, index], ["axis": .integer(1)])
        let shaped = graph.node("Reshape", [limit, graph.constant([-1, 1, 1, 1])])
        let below = graph.node(
            "Cast", [graph.node("LessOrEqual", [distance, shaped])],
            ["to": .integer(Int(ElementType.float.onnxCode))])
        return graph.multiply(below, valid)
    }

    /// The mean of the slopes' absolute values of the residual, at full size and at every second, fourth … pixel, summed.
    mutating func gradientMatching(_ scale: Scale, _ term: LossTerm) -> String {
        var residual =
            term.isAligned
            ? aligned(scale, isNormalized: term.isNormalized).residual
            : graph.subtract(scale.prediction, scale.target)
        var valid = scale.valid
        var total = ""
        for level in 0..<term.scales {
            if level > 0 {
                residual = halved(residual)
                valid = halved(valid)
            }
            let part = graph.add(
                slope(residual, valid, axis: 3), slope(residual, valid, axis: 2))
            total = total.isEmpty ? part : graph.add(total, part)
        }
        return total
    }

    /// |difference of neighbours| where both are known, over the number of known pixels (as MiDaS counts).
    private mutating func slope(_ residual: String, _ valid: String, axis: Int) -> String {
        let (first, second) = neighbours(valid, axis: axis)
        let both = graph.multiply(first, second)
        let change = absolute(difference(residual, axis: axis))
        return graph.divide(
            graph.sum(graph.multiply(change, both)), atLeast(1, graph.sum(valid)))
    }

    private mutating func halved(_ edge: String) -> String {
        let end = Int(Int32.max)
        return graph.slice(edge, axes: [2, 3], from: [0, 0], to: [end, end], steps: [2, 2])
    }
}
