import FathomGraph

/// Losses of each pixel for itself.
extension LossBuilder {
    /// Mean of r², r = prediction − target.
    mutating func meanSquare(_ scale: Scale) -> String {
        let error = graph.subtract(scale.prediction, scale.target)
        return mean(square(error), weights: scale.valid)
    }

    /// Mean of |r|.
    mutating func meanAbsolute(_ scale: Scale) -> String {
        mean(distance(scale), weights: scale.valid)
    }

    /// Mean of r² / 2 where |r| ≤ δ, else δ (|r| − δ / 2).
    mutating func huber(_ scale: Scale, _ term: LossTerm) -> String {
        let error = distance(scale)
        // With m = min(|r|, δ) both are m (|r| − m / 2).
        let inner = graph.node("Min", [error, graph.constant(term.threshold)])
        let rest = graph.subtract(error, graph.multiply(inner, 0.5))
        return mean(graph.multiply(inner, rest), weights: scale.valid)
    }

    /// Mean of |r| where |r| ≤ c, else (r² + c²) / 2c; c is a share of the greatest |r| of the batch (Laina et al. 2016).
    mutating func reverseHuber(_ scale: Scale, _ term: LossTerm) -> String {
        let error = distance(scale)
        let greatest = graph.node(
            "ReduceMax", [graph.multiply(error, scale.valid)], ["keepdims": .integer(0)])
        let threshold = atLeast(
            1e-5, withoutGradient(graph.multiply(greatest, term.threshold)))
        // Beyond c: (r² + c²) / 2c = |r| + (|r| − c)² / 2c.
        let beyond = graph.node("Relu", [graph.subtract(error, threshold)])
        let extra = graph.divide(square(beyond), graph.multiply(threshold, 2))
        return mean(graph.add(error, extra), weights: scale.valid)
    }

    /// Mean of d² − λ (mean of d)² for each picture, d = ln prediction − ln target (Eigen et al. 2014), averaged over
    /// pictures. 0.001 is added to both before the logarithm.
    mutating func scaleInvariantLog(_ scale: Scale, _ term: LossTerm) -> String {
        let prediction = logarithm(scale.prediction)
        let difference = graph.subtract(prediction, logarithm(scale.target))
        let axes = [1, 2, 3]
        let square = mean(square(difference), weights: scale.valid, axes: axes)
        let bias = mean(difference, weights: scale.valid, axes: axes)
        let forgiven = graph.multiply(self.square(bias), term.lambda)
        return graph.mean(graph.subtract(square, forgiven))
    }

    private mutating func distance(_ scale: Scale) -> String {
        absolute(graph.subtract(scale.prediction, scale.target))
    }

    /// The logarithm of what is learnt, which may be one already.
    private mutating func logarithm(_ edge: String) -> String {
        guard edges.interface.learns != .logDepth else { return edge }
        return graph.node("Log", [graph.add(edge, 1e-3)])
    }
}
