import FathomCore

/// What was found of one picture.
public struct PictureScore: Sendable {
    /// Pixels that were judged.
    public var pixels: Int
    /// Errors of depth.
    public var errors: DepthErrors
    /// Structural similarity; nil where no window lies within known truth.
    public var ssim: Double?
    /// Pairs in the right order; nil where no pair differs enough.
    public var ordinal: Double?
    /// Sharpness of edges; nil where truth is too sparse.
    public var boundaryF1: Double?
    /// Median of the truth by that of the prediction, where medians were aligned.
    public var ratio: Double?
    /// Aligned depth in metres, floor…cap, at the truth's size.
    public var depth: [Float]
    /// Which pixels were judged.
    public var counts: [Bool]
}

/// Judges one picture, in the order that published numbers depend on (monodepth2): resize as inverse depth → invert →
/// mask and crop → align → clamp → errors.
public struct PictureJudge: Sendable {
    /// Cap, floor and crop.
    public let settings: JudgingSettings
    /// How predictions are aligned.
    public let alignment: DepthAlignment

    /// A judge with an alignment that has been decided on.
    public init(settings: JudgingSettings, alignment: DepthAlignment) {
        self.settings = settings
        self.alignment = alignment
    }

    /// Infinitely far, in 1/m or the prediction's unit: keeps inverting finite.
    private static let tiny = 1e-9
    /// What clips' inverse depth is raised to before and after the fit (DepthCrafter, Video Depth Anything).
    private static let clipFloor = 1e-3

    /// Which pixels of a truth (H×W metres, 0 = unknown) count.
    public func mask(_ truth: Tensor) throws(FathomError) -> [Bool] {
        let (height, width) = (truth.shape[0], truth.shape[1])
        let area = try settings.crop.area(width: width, height: height)
        var counts = [Bool](repeating: false, count: width * height)
        truth.withUnsafeBuffer { values in
            for y in area.rows {
                for x in area.columns {
                    let value = Double(values[y * width + x])
                    counts[y * width + x] = value > settings.floor && value < settings.cap
                }
            }
        }
        return counts
    }

    /// Adds a picture to the fit of its clip.
    public func add(
        _ prediction: DepthPrediction, truth: Tensor, to fit: inout LeastSquaresFit
    ) throws(FathomError) {
        let inverse = prediction.inverseDepth(width: truth.shape[1], height: truth.shape[0])
        let known = Known(inverse: inverse, truth: truth, counts: try mask(truth))
        fit.add(
            predictions: known.inverse.map { max($0, Self.clipFloor) },
            targets: known.truths.map { 1 / ($0 + 1e-8) })
    }

    /// Judges a prediction against truth (H×W metres, 0 = unknown); nil where no pixel counts.
    ///
    /// - Parameters:
    ///   - clipFit: the clip's fit where the alignment is `clip`.
    ///   - seed: of the pairs for the order of depth.
    public func score(
        _ prediction: DepthPrediction, truth: Tensor, clipFit: LeastSquaresFit? = nil, seed: UInt64
    ) throws(FathomError) -> PictureScore? {
        let (height, width) = (truth.shape[0], truth.shape[1])
        let counts = try mask(truth)
        let inverse = prediction.inverseDepth(width: width, height: height)
        let known = Known(inverse: inverse, truth: truth, counts: counts)
        guard !known.truths.isEmpty else { return nil }
        let (depth, ratio) = aligned(inverse, known, clipFit)
        var predictions: [Double] = []
        predictions.reserveCapacity(known.truths.count)
        for place in known.places { predictions.append(Double(depth[place])) }
        guard let errors = DepthErrors(predictions: predictions, truths: known.truths) else {
            return nil
        }
        let area = try settings.crop.area(width: width, height: height)
        let truths = truth.values
        let isDense =
            Double(known.truths.count)
            >= BoundaryAccuracy.leastKnown * Double(area.rows.count * area.columns.count)
        return PictureScore(
            pixels: known.truths.count, errors: errors,
            ssim: StructuralSimilarity.mean(
                depth, truths, counts: counts, width: width, height: height,
                dataRange: settings.cap),
            ordinal: OrdinalAccuracy.share(
                nearness: known.places.map { inverse[$0] }, truths: known.truths, seed: seed),
            boundaryF1: isDense
                ? BoundaryAccuracy.f1(
                    prediction: depth, truth: truths, counts: counts, width: width, height: height)
                : nil,
            ratio: ratio, depth: depth, counts: counts)
    }

    /// Depth in metres of every pixel by a clip's fit, or as it is where nothing is to be aligned.
    func depth(
        _ prediction: DepthPrediction, width: Int, height: Int, clipFit: LeastSquaresFit?
    ) -> [Float] {
        let inverse = prediction.inverseDepth(width: width, height: height)
        guard let clipFit else { return inverse.map { clamped(1 / max(Double($0), Self.tiny)) } }
        return fitted(inverse, by: clipFit)
    }

    private func aligned(
        _ inverse: [Float], _ known: Known, _ clipFit: LeastSquaresFit?
    ) -> (depth: [Float], ratio: Double?) {
        switch alignment {
        case .none:
            return (inverse.map { clamped(1 / max(Double($0), Self.tiny)) }, nil)
        case .median:
            var predicted = known.inverse.map { 1 / max($0, Self.tiny) }
            var truths = known.truths
            let ratio = median(of: &truths) / median(of: &predicted)
            return (inverse.map { clamped(ratio / max(Double($0), Self.tiny)) }, ratio)
        case .leastSquares:
            var fit = LeastSquaresFit()
            fit.add(predictions: known.inverse, targets: known.truths.map { 1 / $0 })
            let (scale, shift) = (fit.scale, fit.shift)
            let farthest = 1 / settings.cap
            return (
                inverse.map { clamped(1 / max(scale * Double($0) + shift, farthest)) }, nil
            )
        case .clip:
            return (fitted(inverse, by: clipFit ?? LeastSquaresFit()), nil)
        }
    }

    private func fitted(_ inverse: [Float], by fit: LeastSquaresFit) -> [Float] {
        let (scale, shift) = (fit.scale, fit.shift)
        return inverse.map { value in
            let raised = scale * max(Double(value), Self.clipFloor) + shift
            return clamped(1 / max(raised, Self.clipFloor))
        }
    }

    private func clamped(_ depth: Double) -> Float {
        Float(min(max(depth, settings.floor), settings.cap))
    }

    /// The pixels that count: where they are, what is predicted, what is true.
    private struct Known {
        var places: [Int] = []
        var inverse: [Double] = []
        var truths: [Double] = []

        init(inverse all: [Float], truth: Tensor, counts: [Bool]) {
            truth.withUnsafeBuffer { values in
                for place in counts.indices where counts[place] {
                    places.append(place)
                    inverse.append(Double(all[place]))
                    truths.append(Double(values[place]))
                }
            }
        }
    }
}
