import FathomCore
import FathomDepth
import FathomGraph

/// How a picture is changed so that a network errs.
public enum AttackMethod: String, Hashable, Sendable, CaseIterable, Codable {
    /// One step along the sign of the gradient (Goodfellow, Shlens, Szegedy 2015).
    case fgsm
    /// Many small steps from a random start, each projected back (Madry et al. 2018).
    case pgd

    /// How far a step goes. Madry's usual one for many: the border can be reached from anywhere in the ball.
    func step(_ epsilon: Float, steps: Int) -> Float {
        self == .fgsm ? epsilon : 2.5 * epsilon / Float(steps)
    }
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
    private let range: PictureRange

    /// The shape of the network's output, which target and weight have.
    var outputShape: Shape { gradient.outputShape }

    init(
        _ method: AttackMethod, steps: Int, seed: UInt64, graph: Graph, card: ModelCard,
        shape: Shape, pool: WorkerPool
    ) throws(FathomError) {
        self.method = method
        self.steps = steps
        self.seed = seed
        range = PictureRange(mean: card.mean, std: card.std)
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
            range.scatter(&values, clean, epsilon, &random)
        }
        let count = method == .fgsm ? 1 : steps
        for _ in 0..<count {
            let found = try gradient.run(
                Tensor(shape: picture.shape, values: values), target: target, weight: weight)
            found.gradient.withUnsafeBuffer { slope in
                range.climb(
                    &values, clean, slope, length: method.step(epsilon, steps: steps), epsilon)
            }
        }
        return Tensor(shape: picture.shape, values: values)
    }
}
