import FathomCore
import FathomDepth

/// The pictures that a report shows: the worst and the best of an evaluation, small.
final class CaseGallery {
    /// One picture, prediction, truth and error, at the report's size.
    struct Case {
        let result: EvaluationResult.Picture
        let width: Int
        let height: Int
        /// 3×H×W, 0…1.
        let picture: [Float]
        /// Metres.
        let depth: [Float]
        /// Metres, 0 = unknown or not judged.
        let truth: [Float]
        /// |p − g| / g, NaN where it isn't known.
        let error: [Float]
        /// How much each pixel decides, 0…1; nil where there is no network.
        var saliency: [Float]?
        var absRel: Double { result.metrics[.absRel] ?? 0 }
    }

    private static let longSide = 320
    private static let most = 4
    /// Largest error first.
    private(set) var worst: [Case] = []
    /// Smallest error first; none that is among the worst.
    private(set) var best: [Case] = []

    /// Looks at a picture that was judged.
    func add(_ sample: DepthSample, _ result: EvaluationResult.Picture, _ score: PictureScore) {
        let absRel = result.metrics[.absRel] ?? 0
        let isWorst = worst.count < Self.most || absRel > worst[worst.count - 1].absRel
        let isBest = best.count < Self.most || absRel < best[best.count - 1].absRel
        guard isWorst || isBest else { return }
        let item = Self.shrunk(sample, result, score)
        if isWorst {
            worst = Array((worst + [item]).sorted { $0.absRel > $1.absRel }.prefix(Self.most))
        }
        if isBest {
            best = Array((best + [item]).sorted { $0.absRel < $1.absRel }.prefix(Self.most))
        }
    }

    /// The best that the worst don't show already.
    var otherBest: [Case] {
        best.filter { item in !worst.contains { $0.result.index == item.result.index } }
    }

    private static func shrunk(
        _ sample: DepthSample, _ result: EvaluationResult.Picture, _ score: PictureScore
    ) -> Case {
        let (fullHeight, fullWidth) = (sample.depth.shape[0], sample.depth.shape[1])
        let scale = min(1, Double(longSide) / Double(max(fullWidth, fullHeight)))
        let width = max(Int(Double(fullWidth) * scale), 1)
        let height = max(Int(Double(fullHeight) * scale), 1)
        let truths = sample.depth.values
        var depth = [Float](repeating: 0, count: width * height)
        var truth = depth
        var error = [Float](repeating: .nan, count: width * height)
        for y in 0..<height {
            let rows = span(y, height, fullHeight)
            for x in 0..<width {
                let columns = span(x, width, fullWidth)
                let place = y * width + x
                depth[place] = score.depth[rows.lowerBound * fullWidth + columns.lowerBound]
                // Of several truths the nearest is shown, so that sparse ones don't vanish.
                var (nearest, at) = (Float.infinity, -1)
                for row in rows {
                    for column in columns {
                        let from = row * fullWidth + column
                        if score.counts[from], truths[from] < nearest {
                            (nearest, at) = (truths[from], from)
                        }
                    }
                }
                guard at >= 0 else { continue }
                truth[place] = nearest
                error[place] = abs(score.depth[at] - nearest) / nearest
            }
        }
        return Case(
            result: result, width: width, height: height,
            picture: shrunk(sample.picture, width, height), depth: depth, truth: truth,
            error: error)
    }

    private static func span(_ index: Int, _ count: Int, _ full: Int) -> Range<Int> {
        let first = index * full / count
        return first..<max(first + 1, (index + 1) * full / count)
    }

    /// The mean of the pixels that each small one covers.
    private static func shrunk(_ picture: Tensor, _ width: Int, _ height: Int) -> [Float] {
        let (fullHeight, fullWidth) = (picture.shape[1], picture.shape[2])
        var small = [Float](repeating: 0, count: 3 * width * height)
        picture.withUnsafeBuffer { values in
            for channel in 0..<3 {
                for y in 0..<height {
                    let rows = span(y, height, fullHeight)
                    for x in 0..<width {
                        let columns = span(x, width, fullWidth)
                        var sum: Float = 0
                        for row in rows {
                            for column in columns {
                                sum += values[(channel * fullHeight + row) * fullWidth + column]
                            }
                        }
                        small[(channel * height + y) * width + x] =
                            sum / Float(rows.count * columns.count)
                    }
                }
            }
        }
        return small
    }
}

extension CaseGallery {
    /// Adds to each case how much its pixels decide of the network's relief.
    func addSaliency(
        of predictor: ModelPredictor, dataset: any DepthDataset
    ) throws(FathomError) {
        var gradients: [Shape: InputGradient] = [:]
        func saliency(_ item: Case) throws(FathomError) -> [Float]? {
            _ = try predictor.predict(try dataset.sample(item.result.index))
            guard let picture = predictor.model.networkInput()?.values.first else { return nil }
            let gradient: InputGradient
            if let known = gradients[picture.shape] {
                gradient = known
            } else {
                gradient = try .relief(
                    predictor.graph, shape: picture.shape, pool: predictor.pool)
                gradients[picture.shape] = gradient
            }
            let shape = gradient.outputShape
            let found = try gradient.run(
                picture, target: Tensor(shape: shape),
                weight: Tensor(shape: shape, values: [Float](repeating: 1, count: shape.count)))
            return Self.map(found.gradient, width: item.width, height: item.height)
        }
        for index in worst.indices { worst[index].saliency = try saliency(worst[index]) }
        for index in best.indices { best[index].saliency = try saliency(best[index]) }
    }

    /// The largest gradient of the channels at each pixel, smoothed a little, 1 at its 99th percentile.
    private static func map(_ gradient: Tensor, width: Int, height: Int) -> [Float] {
        let (rows, columns) = (gradient.shape[2], gradient.shape[3])
        let plane = rows * columns
        let values = gradient.values
        var strength = (0..<plane).map { place in
            max(abs(values[place]), abs(values[plane + place]), abs(values[2 * plane + place]))
        }
        for (step, count, lines) in [(1, columns, rows), (columns, rows, columns)] {
            for line in 0..<lines {
                let start = step == 1 ? line * columns : line
                let row = (0..<count).map { strength[start + $0 * step] }
                for place in 0..<count {
                    let near = max(place - 2, 0)...min(place + 2, count - 1)
                    strength[start + place * step] =
                        near.reduce(0) { $0 + row[$1] } / Float(near.count)
                }
            }
        }
        let sorted = strength.sorted()
        let top = max(sorted[min(sorted.count - 1, sorted.count * 99 / 100)], .leastNormalMagnitude)
        let map = DepthPrediction(
            width: columns, height: rows, values: strength.map { min($0 / top, 1) },
            kind: .inverseDepth)
        return map.inverseDepth(width: width, height: height)
    }
}
