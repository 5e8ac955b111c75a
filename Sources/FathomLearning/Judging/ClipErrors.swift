import FathomCore
import FathomDepth

/// Steadiness of one clip, gathered picture by picture.
struct ClipErrors {
    /// What is kept of a picture for the next one.
    private struct Frame {
        let sample: DepthSample
        let prediction: DepthPrediction
        let depth: [Float]?
    }

    private let judge: PictureJudge
    /// The clip's fit for relative predictions; nil where depth is taken as it is.
    private let fit: LeastSquaresFit?
    private var last: Frame?
    private var warped: [Double] = []
    private var carried = 0.0
    private var carriedPairs = 0
    /// Directions of pairs without overlap, which count as no error.
    private(set) var emptyPairs = 0

    init(judge: PictureJudge, fit: LeastSquaresFit?) {
        self.judge = judge
        self.fit = fit
    }

    /// Mean of the pairs' warping errors; nil without flow.
    var opw: Double? {
        warped.isEmpty ? nil : warped.reduce(0, +) / Double(warped.count)
    }

    /// 100 times the mean of both directions of all pairs; nil without poses.
    var tae: Double? { carriedPairs == 0 ? nil : 100 * carried / Double(2 * carriedPairs) }

    /// Takes the next picture of the clip.
    mutating func add(_ sample: DepthSample, _ prediction: DepthPrediction) {
        let (height, width) = (sample.picture.shape[1], sample.picture.shape[2])
        let hasPose = sample.pose?.count == 16 && sample.intrinsics != nil
        let depth =
            hasPose
            ? judge.depth(prediction, width: width, height: height, clipFit: fit) : nil
        let frame = Frame(sample: sample, prediction: prediction, depth: depth)
        defer { last = frame }
        guard let last, last.sample.picture.shape == sample.picture.shape else { return }
        if let flow = last.sample.flow, flow.shape == [2, height, width],
            let error = TemporalErrors.opw(
                last.prediction.inverseDepth(width: width, height: height),
                prediction.inverseDepth(width: width, height: height),
                pictures: (last.sample.picture, sample.picture), flow: flow, width: width,
                height: height)
        {
            warped.append(error)
        }
        if let before = last.depth, let depth, let pose = last.sample.pose,
            let ownPose = sample.pose, let camera = sample.intrinsics,
            camera.width == width, camera.height == height
        {
            let both = [
                TemporalErrors.tae(before, depth, camera: camera, pose: pose, otherPose: ownPose),
                TemporalErrors.tae(depth, before, camera: camera, pose: ownPose, otherPose: pose),
            ]
            carried += both.reduce(0) { $0 + ($1 ?? 0) }
            emptyPairs += both.count { $0 == nil }
            carriedPairs += 1
        }
    }
}
