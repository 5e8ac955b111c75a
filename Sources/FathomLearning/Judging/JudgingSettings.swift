import FathomDepth

/// How a relative prediction is brought to metres before errors are taken.
public enum DepthAlignment: String, Hashable, Sendable, CaseIterable, Codable {
    /// Not at all: the prediction is in metres, or its inverse in 1/m.
    case none
    /// Depth times median(truth) / median(prediction), each picture by itself (Zhou et al. 2017, monodepth2).
    case median
    /// Scale and shift of inverse depth by least squares, each picture by itself (MiDaS, Ranftl et al. 2020).
    case leastSquares = "least-squares"
    /// Scale and shift of inverse depth by least squares, one pair for a whole clip (DepthCrafter, Video Depth
    /// Anything): flicker of the scale counts as error.
    case clip

    /// For a person.
    public var words: String {
        switch self {
        case .none: "none"
        case .median: "median (scale of depth, each picture)"
        case .leastSquares: "least-squares (scale and shift of inverse depth, each picture)"
        case .clip: "clip (one scale and shift of inverse depth for a whole clip)"
        }
    }
}

/// What the numbers of an evaluation depend on.
public struct JudgingSettings: Hashable, Sendable {
    /// How relative predictions are aligned; nil for what suits the prediction: nothing for metres, else least squares.
    public var alignment: DepthAlignment?
    /// The part of the picture that counts.
    public var crop = DepthCrop.none
    /// Truth at or beyond it doesn't count, and predictions are brought down to it, in metres.
    public var cap = 80.0
    /// Truth at or below it doesn't count, and predictions are raised to it, in metres.
    public var floor = 1e-3
    /// The protocol that these are from, as far as no option changed it.
    public var protocolName: JudgingProtocol?

    /// The usual settings: no crop, 80 m.
    public init() {}

    /// What predictions of a kind are aligned by.
    public func alignment(for kind: DepthKind) -> DepthAlignment {
        alignment ?? protocolName?.alignment(for: kind)
            ?? (kind == .metres ? .none : .leastSquares)
    }
}

/// Named sets of settings, as publications use them.
public enum JudgingProtocol: String, Hashable, Sendable, CaseIterable, Codable {
    /// Eigen's split of KITTI as monodepth2 judges it: Garg's crop, 80 m, medians aligned unless in metres.
    case kittiEigen = "kitti-eigen"
    /// The same split against the annotated depth: the whole picture, 80 m, medians aligned unless in metres.
    case kittiEigenBenchmark = "kitti-eigen-benchmark"
    /// Eigen's crop of NYU Depth V2, 10 m, medians aligned unless in metres (BTS, ZoeDepth).
    case nyuEigen = "nyu-eigen"
    /// Scale and shift of inverse depth for each picture, 80 m (MiDaS); `--cap 10` indoors.
    case midas
    /// One scale and shift of inverse depth for each clip, 80 m; mean of frames, then of clips.
    case video

    /// The settings that the name stands for.
    public var settings: JudgingSettings {
        var settings = JudgingSettings()
        settings.protocolName = self
        switch self {
        case .kittiEigen: settings.crop = .garg
        case .nyuEigen: (settings.crop, settings.cap) = (.nyuEigen, 10)
        case .kittiEigenBenchmark, .midas, .video: break
        }
        return settings
    }

    func alignment(for kind: DepthKind) -> DepthAlignment {
        switch self {
        case .kittiEigen, .kittiEigenBenchmark, .nyuEigen: kind == .metres ? .none : .median
        case .midas: .leastSquares
        case .video: .clip
        }
    }
}
