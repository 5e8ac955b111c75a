import FathomGraph

/// Losses of neighbouring pixels.
extension LossBuilder {
    /// Dissimilarity of 3×3 windows of depth; pixels without a truth are given the prediction's place there.
    mutating func windowDissimilarity(_ scale: Scale, _ term: LossTerm) -> String {
        let error = graph.multiply(
            graph.subtract(scale.prediction, scale.target), scale.valid)
        let prediction = graph.add(scale.target, error)
        let dissimilarity = dissimilarity(prediction, scale.target, range: term.range)
        return mean(dissimilarity, weights: scale.valid)
    }

    /// (1 − SSIM) / 2 within 0…1 for each pixel: means over 3×3 windows, reflected at the border, with the constants
    /// (0.01 L)² and (0.03 L)² for values of range L (Wang et al. 2004; windows as Godard et al. 2017).
    mutating func dissimilarity(_ x: String, _ y: String, range: Float) -> String {
        let (first, second) = ((0.01 * range) * (0.01 * range), (0.03 * range) * (0.03 * range))
        let (paddedX, paddedY) = (reflected(x), reflected(y))
        let (meanX, meanY) = (windowMean(paddedX), windowMean(paddedY))
        let (squareX, squareY) = (square(meanX), square(meanY))
        let product = graph.multiply(meanX, meanY)
        let varianceX = graph.subtract(windowMean(square(paddedX)), squareX)
        let varianceY = graph.subtract(windowMean(square(paddedY)), squareY)
        let covariance = graph.subtract(windowMean(graph.multiply(paddedX, paddedY)), product)
        let above = graph.multiply(
            graph.add(graph.multiply(product, 2), first),
            graph.add(graph.multiply(covariance, 2), second))
        let below = graph.multiply(
            graph.add(graph.add(squareX, squareY), first),
            graph.add(graph.add(varianceX, varianceY), second))
        let similarity = graph.divide(above, below)
        return clamped(graph.add(graph.multiply(similarity, -0.5), 0.5), 0...1)
    }

    private mutating func reflected(_ edge: String) -> String {
        graph.node(
            "Pad", [edge, graph.constant([0, 0, 1, 1, 0, 0, 1, 1])], ["mode": .string("reflect")])
    }

    private mutating func windowMean(_ edge: String) -> String {
        graph.node(
            "AveragePool", [edge],
            ["kernel_shape": .integers([3, 3]), "strides": .integers([1, 1])])
    }

    /// Slopes of the prediction by its mean, each times exp(−|slope of the picture|) (Godard et al. 2017, 2019).
    mutating func smoothness(_ scale: Scale) -> String {
        let level = graph.mean(scale.prediction, axes: [1, 2, 3])
        let relative = graph.divide(scale.prediction, graph.add(level, 1e-7))
        let picture = colors(scale.image)
        var total = ""
        for axis in [3, 2] {
            let slope = absolute(difference(relative, axis: axis))
            let edge = graph.mean(absolute(difference(picture, axis: axis)), axes: [1])
            let weight = graph.node("Exp", [graph.node("Neg", [edge])])
            let part = graph.mean(graph.multiply(slope, weight))
            total = total.isEmpty ? part : graph.add(total, part)
        }
        return total
    }
}
