import FathomCore
import FathomDepth
import FathomPipeline
import Foundation

/// `fathom attack`: how a network's errors grow with adversarial perturbations of its pictures.
public struct AttackJob {
    /// A name or an ONNX file.
    public var model: String
    /// A training configuration, or a CSV or JSON Lines file.
    public var dataset: String
    /// The part of a training configuration's data.
    public var split = SplitName.test
    /// How pictures are changed.
    public var method = AttackMethod.fgsm
    /// Largest changes of a channel of a pixel, as parts of its range 0…1.
    public var epsilons: [Double] = [0, 0.002, 0.004, 0.008, 0.016]
    /// Steps of PGD.
    public var steps = 10
    /// Of PGD's random starts.
    public var seed: UInt64 = 0
    /// Pictures that are attacked, spread over the data set; all where it has fewer.
    public var limit = 100
    /// How it is judged.
    public var settings = JudgingSettings()
    /// The network's size and precision.
    public var configuration = RunConfiguration()
    /// Who works.
    public var pool = WorkerPool.machine
    /// Where all numbers go as JSON.
    public var json: String?
    /// Where the page goes.
    public var report: String?
    /// Called with the pictures done and their number.
    public var progress: ((Int, Int) -> Void)?

    /// An attack on a network with a data set.
    public init(model: String, dataset: String) {
        self.model = model
        self.dataset = dataset
    }

    /// Pictures that a page shows.
    private static let shown = 3

    /// Attacks and judges.
    public func run() throws(FathomError) -> AttackResult {
        let data = try EvaluationJob.dataset(dataset, split: split)
        let predictor = try ModelPredictor(
            try Network(model), configuration: configuration, pool: pool)
        let alignment = settings.alignment(for: predictor.kind)
        let judge = PictureJudge(
            settings: settings, alignment: alignment == .clip ? .leastSquares : alignment)
        var result = AttackResult(
            predictor: predictor.description, dataset: data.name, method: method,
            steps: method == .pgd ? steps : 1, settings: settings, alignment: judge.alignment)
        var found = [[[Metric: Double]]](repeating: [], count: epsilons.count)
        var attacks: [Shape: AdversarialAttack] = [:]
        let count = min(data.count, limit)
        for step in 0..<count {
            let index = step * data.count / count
            let sample = try data.sample(index)
            let clean = try predictor.predict(sample)
            guard let input = predictor.model.networkInput()?.values.first else { continue }
            let attack: AdversarialAttack
            if let known = attacks[input.shape] {
                attack = known
            } else {
                attack = try AdversarialAttack(
                    method, steps: steps, seed: seed, graph: predictor.graph,
                    card: predictor.model.card, shape: input.shape, pool: pool)
                attacks[input.shape] = attack
            }
            guard let goal = try goal(sample, clean, judge, predictor, attack.outputShape) else {
                result.skipped += 1
                progress?(step + 1, count)
                continue
            }
            for (place, epsilon) in epsilons.enumerated() {
                let picture = try attack.perturbed(
                    input, target: goal.target, weight: goal.weight, epsilon: Float(epsilon),
                    number: index)
                Self.note(picture, clean: input, predictor.model.card, &result)
                let map = try predictor.model.estimate(networkInput: picture)
                let prediction = DepthPrediction(
                    width: map.width, height: map.height, values: map.values, kind: map.kind)
                guard
                    let score = try judge.score(
                        prediction, truth: sample.depth, seed: OrdinalAccuracy.seed(sample.name))
                else { continue }
                found[place].append(score.metrics)
                if result.cases.count < Self.shown * epsilons.count {
                    result.cases.append(
                        AttackResult.Case(
                            name: sample.name, epsilon: epsilon,
                            picture: Self.picture(picture, predictor.model.card),
                            prediction: prediction, absRel: score.errors.absRel))
                }
            }
            result.pictures += 1
            progress?(step + 1, count)
        }
        guard result.pictures > 0 else {
            throw FathomError(
                operation: "attack", subject: data.name, cause: "no picture could be judged",
                remedy: "Check the data set, --cap and --crop")
        }
        result.rows = zip(epsilons, found).map { ($0, EvaluationResult.means($1)) }
        if let json { try EvaluationJob.write(try result.json(), to: json) }
        if let report { try EvaluationJob.write(Data(try result.html().utf8), to: report) }
        return result
    }

    /// The truth as the network's output would give it, in the scale and shift of its own clean prediction, and the
    /// weight of each of its pixels; nil where no pixel counts.
    private func goal(
        _ sample: DepthSample, _ clean: DepthPrediction, _ judge: PictureJudge,
        _ predictor: ModelPredictor, _ shape: Shape
    ) throws(FathomError) -> (target: Tensor, weight: Tensor)? {
        let (height, width) = (sample.depth.shape[0], sample.depth.shape[1])
        let counts = try judge.mask(sample.depth)
        let geometry = predictor.model.geometry(
            for: PictureFormat(width: width, height: height, chroma: .c444))
        var fit = LeastSquaresFit()
        try judge.add(clean, truth: sample.depth, to: &fit)
        guard clean.kind != .inverseDepth || fit.scale > 0 else { return nil }
        let (rows, columns) = (shape[shape.rank - 2], shape[shape.rank - 1])
        let truths = sample.depth.values
        var target = [Float](repeating: 0, count: shape.count)
        var weight = target
        func place(_ at: Int, _ count: Int, _ input: Int, _ start: Int, _ content: Int, _ full: Int)
            -> Int?
        {
            let share =
                ((Double(at) + 0.5) * Double(input) / Double(count) - Double(start))
                / Double(content)
            return share >= 0 && share < 1 ? Int(share * Double(full)) : nil
        }
        for y in 0..<rows {
            guard
                let row = place(
                    y, rows, geometry.inputHeight, geometry.contentY, geometry.contentHeight, height
                )
            else { continue }
            for x in 0..<columns {
                guard
                    let column = place(
                        x, columns, geometry.inputWidth, geometry.contentX, geometry.contentWidth,
                        width),
                    counts[row * width + column]
                else { continue }
                let truth = Double(truths[row * width + column])
                let isInverse = clean.kind == .inverseDepth
                target[y * columns + x] = Float(
                    isInverse ? (1 / truth - fit.shift) / fit.scale : truth)
                // Depth counts relative to itself, as absRel does.
                weight[y * columns + x] = Float(isInverse ? 1 : 1 / truth)
            }
        }
        let total = weight.reduce(0, +)
        guard total > 0 else { return nil }
        return (
            Tensor(shape: shape, values: target),
            Tensor(shape: shape, values: weight.map { $0 / total })
        )
    }

    /// Keeps account of how far a picture was changed and of what it holds.
    private static func note(
        _ picture: Tensor, clean: Tensor, _ card: ModelCard, _ result: inout AttackResult
    ) {
        let (changed, before) = (
            Self.picture(picture, card).values, Self.picture(clean, card).values
        )
        let largest = zip(changed, before).reduce(0) { max($0, abs($1.0 - $1.1)) }
        result.largestChange = max(result.largestChange, largest)
        let (low, high) = (changed.min() ?? 0, changed.max() ?? 0)
        let range = result.pictureRange
        result.pictureRange = min(range.lowerBound, low)...max(range.upperBound, high)
    }

    /// The picture that a network was given, 3×H×W in 0…1.
    private static func picture(_ input: Tensor, _ card: ModelCard) -> Tensor {
        let plane = input.shape[2] * input.shape[3]
        return Tensor(
            shape: [3, input.shape[2], input.shape[3]],
            values: input.values.enumerated().map { place, value in
                value * card.std[place / plane] + card.mean[place / plane]
            })
    }
}
