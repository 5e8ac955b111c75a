import FathomCore
import FathomDepth
import FathomGraph

/// How a picture is changed so that a network errs.
public enum AttackMethod: String, Hashable, Sendable, CaseIterable, Codable {
    /// One step along the sign of the gradient (Goodfellow, Shlens, Szegedy 2015).
    case fgsm
    /// Many small steps from a random start, each projected back (Madry et al. 2018).
    case pgd
}

/// Changes pictures within an L∞ ball so that a network's error grows.
///
/// Perturbations are in the picture's own numbers, 0…1, at the network's size; the result stays within 0…1. The loss is
/// the mean of weighted |output − target|.
final class AdversarialAttack {
    private let method: AttackMethod
    private let steps: Int
    private let seed: UInt64
    private let gradient: InputGradient
    private let low: [Float]
    private let high: [Float]
    private let deviation: [Float]

    /// The shape of the network's output, which target and weight have.
    var outputShape: Shape { gradient.outputShape }

    init(
        _ method: AttackMethod, steps: Int, seed: UInt64, graph: Graph, card: ModelCard,
        shape: Shape, pool: WorkerPool
    ) throws(FathomError) {
        self.method = method
        self.steps = steps
        self.seed = seed
        low = (0..<3).map { -card.mean[$0] / card.std[$0] }
        high = (0..<3).map { (1 - card.mean[$0]) / card.std[$0] }
        deviation = card.std
        gradient = try InputGradient(graph: graph, shape: shape, pool: pool) { builder, edges in
            let apart = builder.node("Abs", [builder.subtract(edges.output, edges.target)])
            return builder.sum(builder.multiply(apart, edges.weight))
        }
    }

    /// A picture (1×3×H×W, normalised) that differs by at most `epsilon` in each channel of each pixel.
    func perturbed(
        _ picture: Tensor, target: Tensor, weight: Tensor, epsilon: Float, number: Int
    ) throws(FathomError) -> Tensor {
        guard epsilon > 0 else { return picture }
        let clean = picture.values
        var values = clean
        if method == .pgd {
            var random = SeededRandom(seed &+ UInt64(number) &* 0x9e37_79b9)
            for place in values.indices {
                values[place] +=
                    random.uniform(-1...1) * epsilon / self.deviation(of: place, clean.count)
            }
            project(&values, clean, epsilon)
        }
        let count = method == .fgsm ? 1 : steps
        // Madry's usual step: the border can be reached from anywhere in the ball.
        let length = method == .fgsm ? epsilon : 2.5 * epsilon / Float(steps)
        for _ in 0..<count {
            let found = try gradient.run(
                Tensor(shape: picture.shape, values: values), target: target, weight: weight)
            found.gradient.withUnsafeBuffer { slope in
                for place in values.indices where slope[place] != 0 {
                    let step = length / deviation(of: place, clean.count)
                    values[place] += slope[place] > 0 ? step : -step
                }
            }
            project(&values, clean, epsilon)
        }
        return Tensor(shape: picture.shape, values: values)
    }

    private func deviation(of place: Int, _ count: Int) -> Float { deviation[place * 3 / count] }

    /// Back into the ball around the clean picture, and into what a picture can be.
    private func project(_ values: inout [Float], _ clean: [Float], _ epsilon: Float) {
        for place in values.indices {
            let channel = place * 3 / clean.count
            let reach = epsilon / deviation[channel]
            // A picture that was outside its range already (a letterbox is not) stays as far as it was.
            let least = min(max(clean[place] - reach, low[channel]), clean[place])
            let most = max(min(clean[place] + reach, high[channel]), clean[place])
            values[place] = min(max(values[place], least), most)
        }
    }
}
