import FathomCore
import FathomLearning

/// A step whose gradients are given from outside.
final class ArrayStep: TrainingStep {
    private static let nothing = Tensor(shape: [0])
    let parameterNames: [String]
    var statisticNames: [String] { statistics.keys.sorted() }
    private let parameters: [String: Tensor]
    private let gradients: [String: Tensor]
    private let statistics: [String: Tensor]

    init(_ parameters: [(name: String, values: [Float])], statistics: [String: [Float]] = [:]) {
        parameterNames = parameters.map(\.name)
        func tensors(_ values: [Float]) -> Tensor { Tensor(shape: [values.count], values: values) }
        self.parameters = Dictionary(
            uniqueKeysWithValues: parameters.map { ($0.name, tensors($0.values)) })
        gradients = self.parameters.mapValues { Tensor(shape: $0.shape) }
        self.statistics = statistics.mapValues(tensors)
    }

    var infos: [ParameterInfo] {
        parameterNames.map { ParameterInfo(name: $0, count: values($0).count) }
    }

    func values(_ name: String) -> [Float] { parameters[name]?.values ?? [] }

    func setGradient(_ name: String, _ values: [Float]) {
        gradients[name]?.withUnsafeMutableBuffer { _ = $0.update(from: values) }
    }

    func withParameter<R>(_ name: String, _ body: (UnsafeMutableBufferPointer<Float>) -> R) -> R {
        (parameters[name] ?? Self.nothing).withUnsafeMutableBuffer(body)
    }
    func withGradient<R>(_ name: String, _ body: (UnsafeBufferPointer<Float>) -> R) -> R {
        (gradients[name] ?? Self.nothing).withUnsafeBuffer(body)
    }
    func withStatistic<R>(_ name: String, _ body: (UnsafeMutableBufferPointer<Float>) -> R) -> R {
        (statistics[name] ?? Self.nothing).withUnsafeMutableBuffer(body)
    }

    func compute(_ batch: [String: Tensor]) throws(FathomError) -> [String: Float] { ["loss": 0] }
}

/// A least-squares fit of `target` by `image` · weight + bias, and a running mean of the targets.
final class LinearStep: TrainingStep {
    let inner: ArrayStep
    /// The step at which the loss stops being a number.
    var breaksAt = Int.max
    private(set) var computed = 0

    init(inputs: Int) {
        inner = ArrayStep(
            [("encoder.weight", [Float](repeating: 0.1, count: inputs)), ("bias", [0])],
            statistics: ["mean": [0]])
    }

    var parameterNames: [String] { inner.parameterNames }
    var statisticNames: [String] { inner.statisticNames }
    func withParameter<R>(_ name: String, _ body: (UnsafeMutableBufferPointer<Float>) -> R) -> R {
        inner.withParameter(name, body)
    }
    func withGradient<R>(_ name: String, _ body: (UnsafeBufferPointer<Float>) -> R) -> R {
        inner.withGradient(name, body)
    }
    func withStatistic<R>(_ name: String, _ body: (UnsafeMutableBufferPointer<Float>) -> R) -> R {
        inner.withStatistic(name, body)
    }

    func compute(_ batch: [String: Tensor]) throws(FathomError) -> [String: Float] {
        guard let image = batch["image"], let target = batch["target"] else {
            throw FathomError(operation: "fit", subject: "the batch", cause: "it lacks a part")
        }
        let (count, width) = (image.shape[0], image.shape[1])
        let (x, y) = (image.values, target.values)
        let (weights, bias) = (inner.values("encoder.weight"), inner.values("bias")[0])
        var slope = [Float](repeating: 0, count: width)
        var (loss, shift): (Float, Float) = (0, 0)
        for row in 0..<count {
            var error = bias - y[row]
            for column in 0..<width { error += weights[column] * x[row * width + column] }
            loss += error * error / Float(count)
            shift += 2 * error / Float(count)
            for column in 0..<width {
                slope[column] += 2 * error * x[row * width + column] / Float(count)
            }
        }
        inner.setGradient("encoder.weight", slope)
        inner.setGradient("bias", [shift])
        let mean = y.reduce(0, +) / Float(count)
        withStatistic("mean") { $0[0] = 0.9 * $0[0] + 0.1 * mean }
        computed += 1
        return ["loss": computed >= breaksAt ? .nan : loss, "square": loss]
    }
}

/// Batches of made-up numbers, each a function of its number.
final class NumberedBatches: BatchSource {
    let batchSize = 4
    let batchesPerEpoch = 10
    private var place = 0

    func seek(to batch: Int) { place = batch }

    func next() -> [String: Tensor] {
        var random = SeededRandom(UInt64(place))
        place += 1
        let x: [Float] = (0..<12).map { _ in random.uniform(-1...1) }
        let y = (0..<4).map { row -> Float in 2 * x[3 * row] - x[3 * row + 1] + 0.5 }
        return [
            "image": Tensor(shape: [4, 3], values: x), "target": Tensor(shape: [4], values: y),
        ]
    }
}

/// Judges the fit's weights by their distance from the true ones.
final class TrueWeights: Validation {
    func judge(_ weights: NetworkWeights) -> ValidationResult {
        let fitted = weights["encoder.weight"]?.values ?? []
        let right: [Float] = [2, -1, 0]
        var distances: [Double] = []
        for (weight, wanted) in zip(fitted, right) {
            distances.append(Double(abs(weight - wanted)))
        }
        let plane = Tensor(shape: [2, 2], values: [0, 1, 2, 3])
        return ValidationResult(
            metrics: ["loss": distances.reduce(0, +), "absRel": distances[0]],
            pictures: [
                ValidationPicture(
                    name: "one", input: Tensor(shape: [3, 2, 2]), prediction: plane, truth: plane,
                    valid: Tensor(shape: [2, 2], values: [1, 1, 1, 0]), unit: .inverseDepth)
            ])
    }
}
