import FathomCore
import FathomDepth
import FathomEngine
import FathomGraph

/// Judges weights on the first validation samples: the loss and its parts as in training, but with the running
/// statistics, and the errors of the depth.
final class NetworkValidation: Validation {
    private let assembly: TrainingAssembly
    private let judging: TrainingConfiguration.Judging
    private let options: SessionOptions
    private let recipe: BatchRecipe
    private let batchCount: Int
    private let judge: PictureJudge

    /// Needs at least one validation sample.
    init(
        _ assembly: TrainingAssembly, _ judging: TrainingConfiguration.Judging,
        options: SessionOptions
    ) throws(FathomError) {
        let configuration = assembly.configuration
        self.assembly = assembly
        self.judging = judging
        self.options = options
        recipe = try BatchRecipe(
            assembly.data, split: .validation, batchSize: configuration.batchSize,
            isShuffled: false)
        let samples = min(judging.samples, assembly.data.count(.validation))
        // Whole batches, so that no sample counts twice, unless there are fewer than one batch has.
        batchCount = max(1, samples / configuration.batchSize)
        var settings = JudgingSettings()
        // Where the data know farther depths, errors are still taken as they usually are: one pixel that is put at the
        // horizon would outweigh all others.
        settings.cap = min(settings.cap, Double(configuration.data.limits.upperBound))
        settings.floor = max(settings.floor, Double(configuration.data.limits.lowerBound))
        judge = PictureJudge(
            settings: settings,
            alignment: judging.alignment ?? Self.alignment(configuration.loss))
    }

    /// What a loss leaves open is found from the truth.
    private static func alignment(_ loss: LossConfiguration) -> DepthAlignment {
        let kinds = Set(loss.terms.map(\.kind))
        if kinds.contains(.scaleShiftInvariant) { return .leastSquares }
        let isSelfTaught = loss.terms.contains { $0.kind == .photometric && $0.views == .monocular }
        return isSelfTaught ? .median : .none
    }

    func judge(_ weights: NetworkWeights) throws(FathomError) -> ValidationResult {
        let session = try session(weights)
        var sums: [String: (sum: Double, count: Int)] = [:]
        func add(_ name: String, _ value: Double) {
            let old = sums[name] ?? (0, 0)
            sums[name] = (old.sum + value, old.count + 1)
        }
        var pictures: [ValidationPicture] = []
        for number in 0..<batchCount {
            let batch = try recipe.batch(number)
            let tensors = LoadedBatches.joined(batch.frames)
            var inputs: [String: Tensor] = [:]
            for name in session.inputShapes.keys { inputs[name] = tensors[name] }
            let outputs = try session.run(inputs)
            for (name, edge) in [("loss", assembly.loss.total)]
                + TrainingAssembly.names(assembly.loss).map({ ($0.name, $0.edge) })
            {
                add(name, Double(outputs[edge]?.values.first ?? .nan))
            }
            guard let prediction = outputs[assembly.network.graph.outputs[0].name] else { continue }
            let pictureCount = assembly.picturesInBatch
            for index in 0..<pictureCount {
                let picture = try picture(index, tensors, prediction, batch.names)
                if let errors = try errors(picture) {
                    add("absRel", errors.absRel)
                    add("rmse", errors.rmse)
                    add("delta1", errors.delta1)
                }
                if pictures.count < judging.pictures, index < batch.names.count {
                    pictures.append(picture)
                }
            }
        }
        let metrics = sums.mapValues { $0.sum / Double($0.count) }
        return ValidationResult(metrics: metrics, pictures: pictures)
    }

    private func session(_ weights: NetworkWeights) throws(FathomError) -> Session {
        var graph = try assembly.learner.with(weights).graph
        graph.outputs = Array(graph.outputs.prefix(1))
        var builder = GraphBuilder(extending: graph)
        for edge in [assembly.loss.total] + assembly.loss.terms.map(\.edge)
        where !builder.graph.outputs.contains(where: { $0.name == edge }) {
            builder.output(edge)
        }
        // As it is shipped: what has whole numbers computes on them.
        let whole = try builder.finish().withWholeWeights()
        let shapes = assembly.shapes(pictures: assembly.picturesInBatch)
        let names = Set(whole.inputs.map(\.name))
        return try Session(
            whole, inputShapes: shapes.filter { names.contains($0.key) }, options: options)
    }

    /// A picture of a batch, cut out and undone of its normalisation.
    private func picture(
        _ index: Int, _ tensors: [String: Tensor], _ prediction: Tensor, _ names: [String]
    ) throws(FathomError) -> ValidationPicture {
        func plane(_ tensor: Tensor?, _ count: Int) throws(FathomError) -> Tensor {
            guard let tensor, tensor.shape.rank == 4, tensor.shape[1] == count else {
                throw FathomError(
                    operation: "validate", subject: assembly.configuration.name,
                    cause: "a validation batch lacks its picture or depth")
            }
            let (height, width) = (tensor.shape[2], tensor.shape[3])
            let size = count * height * width
            return tensor.withUnsafeBuffer { values in
                Tensor(
                    shape: count == 1 ? [height, width] : [count, height, width],
                    values: values[index * size..<(index + 1) * size])
            }
        }
        let data = assembly.configuration.data
        return ValidationPicture(
            name: names[index % max(names.count, 1)],
            input: data.normalization.restored(try plane(tensors["image"], 3)),
            prediction: try plane(prediction, 1), truth: try plane(tensors["target"], 1),
            valid: try plane(tensors["valid"], 1),
            unit: data.target)
    }

    /// The errors of a picture's depth; nil where no depth is known.
    private func errors(_ picture: ValidationPicture) throws(FathomError) -> DepthErrors? {
        let target = assembly.configuration.data.target
        let (height, width) = (picture.truth.shape[0], picture.truth.shape[1])
        let isInverse = target == .inverseDepth
        let prediction = DepthPrediction(
            width: width, height: height,
            values: isInverse
                ? picture.prediction.values : picture.prediction.values.map(target.metres),
            kind: isInverse ? .inverseDepth : .metres)
        let truth = Tensor(
            shape: picture.truth.shape,
            values: zip(picture.truth.values, picture.valid.values).map { value, valid in
                valid > 0 ? target.metres(value) : 0
            })
        return try judge.score(prediction, truth: truth, seed: 0)?.errors
    }
}
