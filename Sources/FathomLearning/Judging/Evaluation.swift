import FathomCore
import FathomDepth
import Synchronization

/// Judges predictions for the pictures of a data set.
///
/// Samples are read and scored by all threads of a pool, some pictures at a time; predictions are made one after the
/// other, clip by clip. Means are over pictures, or over clips where the alignment is one for a clip.
public struct Evaluation {
    /// What is judged.
    public var dataset: any DepthDataset
    /// What makes the predictions.
    public var predictor: any DepthPredictor
    /// How.
    public var settings: JudgingSettings
    /// Who reads and scores.
    public var pool: WorkerPool
    /// Called after each picture with the pictures done and their number.
    public var progress: ((Int, Int) -> Void)?
    /// Called with every picture that was judged, for reports.
    public var observer: ((DepthSample, EvaluationResult.Picture, PictureScore) -> Void)?

    /// An evaluation with the usual settings.
    public init(
        dataset: any DepthDataset, predictor: any DepthPredictor,
        settings: JudgingSettings = JudgingSettings(), pool: WorkerPool = .machine
    ) {
        self.dataset = dataset
        self.predictor = predictor
        self.settings = settings
        self.pool = pool
    }

    /// What is gathered on the way.
    private struct Tally {
        var result: EvaluationResult
        var done = 0
        var clips: [[Metric: Double]] = []
        var steadiness: [[Metric: Double]] = []
        var emptyPairs = 0
    }

    /// Judges all pictures; broken ones are skipped and listed.
    ///
    /// - Throws: when no picture could be judged, or the predictor fails.
    public func run() throws(FathomError) -> EvaluationResult {
        let alignment = settings.alignment(for: predictor.kind)
        let judge = PictureJudge(settings: settings, alignment: alignment)
        var tally = Tally(
            result: EvaluationResult(
                predictor: predictor.description, dataset: dataset.name, settings: settings,
                alignment: alignment, profile: ErrorProfile(cap: settings.cap)))
        for clip in clips() { try self.judge(clip, by: judge, into: &tally) }
        var result = tally.result
        guard !result.pictures.isEmpty else {
            let reason = result.skipped.first.map { "\($0.name): \($0.reason)" } ?? "it is empty"
            throw FathomError(
                operation: "judge", subject: dataset.name,
                cause: "no picture of \(dataset.count) could be judged; \(reason)",
                remedy: "Check the data set, --cap and --crop")
        }
        result.metrics = EvaluationResult.means(
            alignment == .clip ? tally.clips : result.pictures.map(\.metrics))
        result.metrics.merge(EvaluationResult.means(tally.steadiness)) { $1 }
        result.notes = notes(result, emptyPairs: tally.emptyPairs)
        return result
    }

    /// Numbers of samples by scene, in order.
    private func clips() -> [[Int]] {
        var order: [String] = []
        var groups: [String: [Int]] = [:]
        for index in 0..<dataset.count {
            let scene = dataset.scene(index)
            if groups[scene] == nil { order.append(scene) }
            groups[scene, default: []].append(index)
        }
        return order.compactMap { groups[$0] }
    }

    private func judge(
        _ clip: [Int], by judge: PictureJudge, into tally: inout Tally
    ) throws(FathomError) {
        predictor.beginClip()
        // Relative depth of a clip with poses is carried from picture to picture in one scale.
        var made: [Int: DepthPrediction] = [:]
        var fit: LeastSquaresFit?
        let isMetric = judge.alignment == .none
        if judge.alignment == .clip || (!isMetric && clip.count > 1 && hasPoses(clip)) {
            var joined = LeastSquaresFit()
            for index in clip {
                // What cannot be read is listed when it is judged.
                guard let sample = try? dataset.sample(index) else { continue }
                let prediction = try predictor.predict(sample)
                try judge.add(prediction, truth: sample.depth, to: &joined)
                made[index] = prediction
            }
            fit = joined
        }
        var steadiness = ClipErrors(judge: judge, fit: fit)
        var scored: [[Metric: Double]] = []
        let share = 2 * pool.threads
        let (dataset, finalFit) = (dataset, fit)
        for start in stride(from: 0, to: clip.count, by: share) {
            let part = Array(clip[start..<min(start + share, clip.count)])
            let samples = parallel(part) { (index) throws(FathomError) -> DepthSample in
                try dataset.sample(index)
            }
            var work: [Work] = []
            for (index, sample) in zip(part, samples) {
                switch sample {
                case .success(let sample):
                    let prediction: DepthPrediction
                    if let earlier = made[index] {
                        prediction = earlier
                    } else {
                        prediction = try predictor.predict(sample)
                    }
                    work.append(Work(index: index, sample: sample, prediction: prediction))
                    if clip.count > 1 { steadiness.add(sample, prediction) }
                case .failure(let error):
                    tally.result.skipped.append(
                        .init(name: dataset.sampleName(index), reason: error.description))
                }
            }
            let scores = parallel(work) { (work) throws(FathomError) -> PictureScore? in
                try judge.score(
                    work.prediction, truth: work.sample.depth, clipFit: finalFit,
                    seed: OrdinalAccuracy.seed(work.sample.name))
            }
            for (work, score) in zip(work, scores) {
                if let picture = note(work, try score.get(), &tally) {
                    scored.append(picture.metrics)
                }
            }
            tally.done += part.count
            progress?(tally.done, dataset.count)
        }
        if !scored.isEmpty { tally.clips.append(EvaluationResult.means(scored)) }
        let steady: [(Metric, Double?)] = [(.opw, steadiness.opw), (.tae, steadiness.tae)]
        tally.steadiness.append(steady.reduce(into: [:]) { $0[$1.0] = $1.1 })
        tally.emptyPairs += steadiness.emptyPairs
    }

    private struct Work: Sendable {
        let index: Int
        let sample: DepthSample
        let prediction: DepthPrediction
    }

    private func note(
        _ work: Work, _ score: PictureScore?, _ tally: inout Tally
    ) -> EvaluationResult.Picture? {
        guard let score else {
            tally.result.skipped.append(
                .init(
                    name: work.sample.name,
                    reason: "no pixel's depth is known between floor and cap within the crop"))
            return nil
        }
        let picture = EvaluationResult.Picture(
            name: work.sample.name, index: work.index, scene: work.sample.scene,
            pixels: score.pixels, metrics: score.metrics, ratio: score.ratio,
            unusable: work.prediction.unusable)
        tally.result.pictures.append(picture)
        tally.result.profile.add(
            depth: score.depth, truth: work.sample.depth.values, counts: score.counts)
        observer?(work.sample, picture, score)
        return picture
    }

    private func hasPoses(_ clip: [Int]) -> Bool {
        guard let first = clip.first, let sample = try? dataset.sample(first) else { return false }
        return sample.pose != nil && sample.intrinsics != nil
    }

    private func notes(_ result: EvaluationResult, emptyPairs: Int) -> [Metric: String] {
        var notes: [Metric: String] = [:]
        let reasons: [(Metric, String)] = [
            (.ssim, "no 11 × 11 window of known truth"),
            (.ordinal, "no pair of points differs enough"),
            (.boundaryF1, "truth is known in less than 90 % of the judged area"),
        ]
        for (metric, reason) in reasons {
            let without = result.pictures.count { $0.metrics[metric] == nil }
            guard without > 0 else { continue }
            notes[metric] =
                without == result.pictures.count
                ? reason : "without \(without) pictures: \(reason)"
        }
        if result.metrics[.opw] == nil { notes[.opw] = "no clip with optical flow" }
        if result.metrics[.tae] == nil {
            notes[.tae] = "no clip with poses and intrinsics"
        } else if emptyPairs > 0 {
            notes[.tae] = "\(emptyPairs) directions of pairs without overlap count 0"
        }
        return notes
    }

    /// What a function makes of each element, by all threads, in the elements' order.
    private func parallel<Element: Sendable, Product: Sendable>(
        _ elements: [Element], _ body: @Sendable (Element) throws(FathomError) -> Product
    ) -> [Result<Product, FathomError>] {
        let found = Mutex<[Int: Result<Product, FathomError>]>([:])
        // In parentheses: a trailing closure would be the one that the pool keeps.
        pool.run(
            chunks: elements.count,
            { chunk in
                let product: Result<Product, FathomError>
                do throws(FathomError) {
                    product = .success(try body(elements[chunk]))
                } catch {
                    product = .failure(error)
                }
                found.withLock { $0[chunk] = product }
            })
        let products = found.withLock { $0 }
        return elements.indices.compactMap { products[$0] }
    }
}
