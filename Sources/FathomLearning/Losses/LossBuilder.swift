import FathomCore
import FathomGraph

/// Appends losses to a graph: what several of them share.
struct LossBuilder {
    var graph: GraphBuilder
    let edges: LossEdges
    let seed: UInt64
    /// Initializers that losses have added to be learnt.
    var parameters: [String] = []
    private var alignments: [AlignmentKey: Aligned] = [:]

    /// The prediction and the truth at one scale.
    struct Scale: Hashable {
        var prediction: String
        var target: String
        var valid: String
        var image: String
        /// By how much smaller than the finest one it is.
        var factor: Int
    }

    /// What belongs to a scale's alignment, made once for all losses.
    private struct AlignmentKey: Hashable {
        var scale: Scale
        var isNormalized: Bool
    }

    init(_ graph: GraphBuilder, _ edges: LossEdges, seed: UInt64) {
        self.graph = graph
        self.edges = edges
        self.seed = seed
    }

    /// Adds an input of a batch if the graph hasn't it.
    mutating func input(_ name: String) throws(FathomError) {
        guard !graph.graph.inputs.contains(where: { $0.name == name }) else { return }
        let (batch, height, width) = (
            Dimension.named("batch"), Dimension.named("height"), Dimension.named("width")
        )
        switch name {
        case "target", "valid": graph.input(name, [batch, .fixed(1), height, width])
        case "flow": graph.input(name, [batch, .fixed(2), height, width])
        case "intrinsics": graph.input(name, [batch, .fixed(4)])
        case "baseline": graph.input(name, [batch, .fixed(1)])
        default: graph.input(name, [batch, .fixed(3), height, width])
        }
    }

    /// A loss, summed over the scales of the network.
    mutating func sumOfScales(_ term: LossTerm) throws(FathomError) -> String {
        var total = try loss(
            term,
            Scale(
                prediction: edges.prediction, target: "target", valid: "valid", image: edges.image,
                factor: 1))
        var weight: Float = 1
        for (index, prediction) in edges.coarser.enumerated() {
            let factor = 2 << index
            weight /= 2
            let scale = Scale(
                prediction: prediction, target: every(factor, "target", term),
                valid: every(factor, "valid", term), image: every(factor, edges.image, term),
                factor: factor)
            let part = try loss(term, scale)
            total = graph.add(total, graph.multiply(part, weight))
        }
        return total
    }

    private mutating func loss(_ term: LossTerm, _ scale: Scale) throws(FathomError) -> String {
        switch term.kind {
        case .mse: return meanSquare(scale)
        case .l1: return meanAbsolute(scale)
        case .huber: return huber(scale, term)
        case .berhu: return reverseHuber(scale, term)
        case .scaleInvariantLog: return scaleInvariantLog(scale, term)
        case .scaleShiftInvariant: return scaleShiftInvariant(scale, term)
        case .gradientMatching: return gradientMatching(scale, term)
        case .ssim: return windowDissimilarity(scale, term)
        case .smoothness: return smoothness(scale)
        case .temporal: return try temporal(scale, term)
        case .photometric: return try photometric(scale, term)
        }
    }

    /// Every `factor`-th pixel of an input that the loss reads.
    private mutating func every(_ factor: Int, _ edge: String, _ term: LossTerm) -> String {
        guard edge == edges.image || term.inputs.contains(edge), term.kind != .photometric else {
            return edge
        }
        let name = "\(edge)/\(factor)"
        if graph.graph.nodes.contains(where: { $0.outputs == [name] }) { return name }
        let part = graph.slice(
            edge, axes: [2, 3], from: [factor / 2, factor / 2],
            to: [Int(Int32.max), Int(Int32.max)], steps: [factor, factor])
        return graph.node("Identity", [part], name: name)
    }

    /// The alignment of a scale's prediction with its truth, for each picture.
    mutating func aligned(_ scale: Scale, isNormalized: Bool) -> Aligned {
        let key = AlignmentKey(scale: scale, isNormalized: isNormalized)
        if let known = alignments[key] { return known }
        let result = align(
            scale.prediction, scale.target, scale.valid, axes: [1, 2, 3],
            isNormalized: isNormalized)
        alignments[key] = result
        return result
    }
}

/// Arithmetic that losses share.
extension LossBuilder {
    /// The sum of `values` · `weights` by the sum of `weights`; 0 where those are all 0.
    mutating func mean(_ values: String, weights: String) -> String {
        let sum = graph.sum(graph.multiply(values, weights))
        return graph.divide(sum, atLeast(1, graph.sum(weights)))
    }

    /// As `mean`, over some axes, which stay with length 1.
    mutating func mean(_ values: String, weights: String, axes: [Int]) -> String {
        let sum = graph.sum(graph.multiply(values, weights), axes: axes)
        return graph.divide(sum, atLeast(1, graph.sum(weights, axes: axes)))
    }

    mutating func atLeast(_ number: Float, _ edge: String) -> String {
        graph.node("Max", [edge, graph.constant(number)])
    }

    mutating func absolute(_ edge: String) -> String { graph.node("Abs", [edge]) }

    mutating func reciprocal(_ edge: String) -> String {
        graph.divide(graph.constant(1 as Float), edge)
    }

    mutating func square(_ edge: String) -> String { graph.multiply(edge, edge) }

    mutating func clamped(_ edge: String, _ range: ClosedRange<Float>) -> String {
        graph.node(
            "Clip", [edge, graph.constant(range.lowerBound), graph.constant(range.upperBound)])
    }

    /// A value that nothing is learnt by: its whole 2⁻²⁰ths, which have no slope.
    mutating func withoutGradient(_ edge: String) -> String {
        let steps: Float = 0x1p20
        return graph.multiply(graph.node("Floor", [graph.multiply(edge, steps)]), 1 / steps)
    }

    /// The difference of neighbours along an axis: one shorter.
    mutating func difference(_ edge: String, axis: Int) -> String {
        let (first, second) = neighbours(edge, axis: axis)
        return graph.subtract(second, first)
    }

    /// All but the last along an axis, and all but the first.
    mutating func neighbours(_ edge: String, axis: Int) -> (String, String) {
        let end = Int(Int32.max)
        return (
            graph.slice(edge, axes: [axis], from: [0], to: [-1]),
            graph.slice(edge, axes: [axis], from: [1], to: [end])
        )
    }

    /// The picture in 0…1 of a normalised one.
    mutating func colors(_ image: String) -> String {
        func triple(_ numbers: [Float]) -> Tensor { Tensor(shape: [1, 3, 1, 1], values: numbers) }
        let deviation = graph.constant(triple(edges.interface.std), near: "deviation")
        let mean = graph.constant(triple(edges.interface.mean), near: "mean")
        return graph.add(graph.multiply(image, deviation), mean)
    }
}
