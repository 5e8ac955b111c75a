/// The scale and shift that bring predicted inverse depth closest to the true one: argmin Σ (s·d + t − 1/g)².
///
/// The normal equations of MiDaS (Ranftl et al. 2020), from centred sums, so that many pictures can be joined into one fit.
/// A negative scale, which would swap near and far, counts as 0: then the fit is the mean.
public struct LeastSquaresFit: Hashable, Sendable {
    private var count = 0.0
    private var meanPrediction = 0.0
    private var meanTarget = 0.0
    private var variation = 0.0
    private var covariation = 0.0

    /// A fit to nothing yet.
    public init() {}

    /// Adds pairs of predicted and true inverse depth.
    public mutating func add(predictions: [Double], targets: [Double]) {
        precondition(predictions.count == targets.count, "a prediction for each target")
        guard !targets.isEmpty else { return }
        let number = Double(targets.count)
        let mean = predictions.reduce(0, +) / number
        let target = targets.reduce(0, +) / number
        var (own, both) = (0.0, 0.0)
        for (a, t) in zip(predictions, targets) {
            own += (a - mean) * (a - mean)
            both += (a - mean) * (t - target)
        }
        // Chan, Golub, LeVeque 1979: moments of a union from those of its parts.
        let (total, apart) = (count + number, (mean - meanPrediction, target - meanTarget))
        let factor = count * number / total
        variation += own + apart.0 * apart.0 * factor
        covariation += both + apart.0 * apart.1 * factor
        meanPrediction += apart.0 * number / total
        meanTarget += apart.1 * number / total
        count = total
    }

    /// By what predictions are multiplied; 0 where they don't vary or run against the truth.
    public var scale: Double {
        let scale = covariation / max(variation, 1e-12)
        return scale.isFinite ? max(scale, 0) : 0
    }

    /// What is then added.
    public var shift: Double { meanTarget - scale * meanPrediction }
}
