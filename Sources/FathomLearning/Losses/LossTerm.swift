import FathomCore

/// One loss with its settings, as a training configuration's `loss: [{kind: …, weight: …}]` has it.
///
/// All but `photometric` look only at pixels whose depth is known (`valid`).
public struct LossTerm: Hashable, Sendable {
    /// The losses there are.
    public enum Kind: String, CaseIterable, Hashable, Sendable {
        /// The mean squared difference.
        case mse
        /// The mean absolute difference.
        case l1
        /// Dissimilarity of 3×3 windows (Wang et al. 2004, as a loss in Godard et al. 2017).
        case ssim
        /// Squared below a threshold, linear above (Huber 1964).
        case huber
        /// Linear below a threshold, squared above (Laina et al. 2016).
        case berhu
        /// The variance of the error of the logarithm (Eigen et al. 2014).
        case scaleInvariantLog = "scale-invariant-log"
        /// The error after the best scale and shift for each picture (Ranftl et al. 2020, MiDaS).
        case scaleShiftInvariant = "scale-shift-invariant"
        /// The slope of the error at several scales (Ranftl et al. 2020).
        case gradientMatching = "gradient-matching"
        /// Slopes of the prediction where the picture has none (Godard et al. 2017).
        case smoothness
        /// Change from frame to frame that the truth, or the flow, doesn't explain.
        case temporal
        /// The difference between the picture and another one, seen from here as the prediction says.
        case photometric
    }

    /// Which error is taken after an alignment.
    public enum Residual: String, CaseIterable, Hashable, Sendable {
        /// |r|
        case absolute
        /// r²
        case squared
    }

    /// Where the other pictures of `photometric` come from.
    public enum Views: String, CaseIterable, Hashable, Sendable {
        /// The other camera of a rectified pair, a known distance away.
        case stereo
        /// The pictures before and after, the camera's motion being learnt beside the depth.
        case monocular
    }

    /// Which loss.
    public var kind: Kind
    /// Its factor in the sum.
    public var weight: Float
    /// `ssim`: the range of the depth, to which its constants are relative.
    public var range: Float = 1
    /// `huber`: the threshold. `berhu`: the threshold as a share of the batch's greatest error.
    public var threshold: Float = 0
    /// `scale-invariant-log`: the share of the mean error that is forgiven; 1 forgives any scale.
    public var lambda: Float = 0.5
    /// `scale-shift-invariant`: the error.
    public var residual = Residual.absolute
    /// `scale-shift-invariant`: the share of the greatest errors of each picture that is left out.
    public var trim: Float = 0
    /// `scale-shift-invariant`, `gradient-matching`: whether errors are relative to the truth's own spread, so that
    /// near and far scenes count alike.
    public var isNormalized = true
    /// `gradient-matching`, `temporal`: whether the prediction is aligned with the truth first.
    public var isAligned = true
    /// `gradient-matching`: how many scales, each half of the one before.
    public var scales = 4
    /// `temporal`: whether the batch's `flow` says which pixels belong together.
    public var followsFlow = false
    /// `photometric`: where other pictures come from.
    public var views = Views.monocular
    /// `photometric`: the share of the windows' dissimilarity beside the pixels' difference.
    public var ssimShare: Float = 0.85
    /// `photometric`, monocular: whether pixels that look best unmoved are left out.
    public var masksStill = true

    /// A loss with its usual settings.
    public init(_ kind: Kind, weight: Float = 1) {
        self.kind = kind
        self.weight = weight
        threshold = kind == .berhu ? 0.2 : 1
    }

    /// Reads a section: `kind`, `weight` and what belongs to the kind.
    public init(_ section: ConfigurationSection) throws(FathomError) {
        self.init(try section.choice("kind", default: nil))
        weight = Float(try section.number("weight", default: 1, in: 0...1e6))
        switch kind {
        case .mse, .l1, .smoothness: break
        case .ssim: range = Float(try section.number("range", default: 1, in: 1e-6...1e6))
        case .huber: threshold = Float(try section.number("delta", default: 1, in: 1e-6...1e6))
        case .berhu: threshold = Float(try section.number("share", default: 0.2, in: 1e-3...1))
        case .scaleInvariantLog:
            lambda = Float(try section.number("lambda", default: 0.5, in: 0...1))
        case .scaleShiftInvariant:
            residual = try section.choice("error", default: .absolute)
            trim = Float(try section.number("trim", default: 0, in: 0...0.9))
            isNormalized = try section.flag("normalize", default: true)
        case .gradientMatching:
            scales = try section.integer("scales", in: 1...6) ?? 4
            isAligned = try section.flag("align", default: true)
            isNormalized = try section.flag("normalize", default: true)
        case .temporal:
            followsFlow = try section.flag("flow", default: false)
            isAligned = try section.flag("align", default: true)
        case .photometric:
            views = try section.choice("views", default: .monocular)
            ssimShare = Float(try section.number("ssim", default: 0.85, in: 0...1))
            masksStill = try section.flag("mask", default: true)
        }
        try section.finish()
    }

    /// What a batch must have for it beside `image`.
    public var inputs: [String] {
        switch (kind, views) {
        case (.smoothness, _): []
        case (.temporal, _): ["target", "valid"] + (followsFlow ? ["flow"] : [])
        case (.photometric, .stereo): ["otherEye", "intrinsics", "baseline"]
        case (.photometric, .monocular): ["previous", "next", "intrinsics"]
        default: ["target", "valid"]
        }
    }
}
