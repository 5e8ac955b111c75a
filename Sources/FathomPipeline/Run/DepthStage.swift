import FathomCore
import FathomDepth
import FathomMedia

/// A frame with its depth: what files, dump and picture are made of.
struct DepthFrame: Sendable {
    /// Position among the frames that are used, from 0.
    let index: Int
    /// The picture.
    let source: VideoFrame
    /// Its depth at the network's resolution, smoothed.
    let map: DepthMap
    /// What the colours are laid over.
    let range: DepthRange
    /// What is remarkable about it.
    let flags: DepthFlags
}

/// From pictures to depth: network, cuts, smoothing in time, range.
struct DepthStage: ~Copyable {
    private let model: DepthModel
    private var cuts = SceneCutDetector()
    private var filter: TemporalFilter
    private var tracker: DepthRangeTracker
    private var index = 0

    init(model: DepthModel, smoothing: Smoothing, range: RangeMode, clipRange: DepthRange?) {
        self.model = model
        filter = TemporalFilter(smoothing: smoothing)
        tracker = DepthRangeTracker(mode: range, clipRange: clipRange)
    }

    /// The depth of the next frame.
    mutating func process(_ frame: VideoFrame) throws(FathomError) -> DepthFrame {
        let seconds = frame.timestamp.seconds
        let raw = try frame.withPicture { (picture) throws(FathomError) in
            try model.estimate(picture, sampleAspectRatio: frame.sampleAspectRatio)
        }
        let isCut = cuts.update(raw)
        let (map, filterFlags) = filter.update(raw, at: seconds, isCut: isCut)
        let (range, rangeFlags) = tracker.update(map, at: seconds, isCut: isCut)
        var flags = filterFlags.union(rangeFlags)
        if isCut { flags.insert(.cut) }
        if frame.isDamaged { flags.insert(.damaged) }
        if raw.nonFiniteCount > 0 { flags.insert(.nonFinite) }
        defer { index += 1 }
        return DepthFrame(index: index, source: frame, map: map, range: range, flags: flags)
    }
}
