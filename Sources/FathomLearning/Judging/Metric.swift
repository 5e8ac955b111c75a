/// What depth is judged by; the raw values are the keys of files. Definitions stand where each is computed.
public enum Metric: String, Hashable, Sendable, CaseIterable, Codable {
    /// `DepthErrors.mae`.
    case mae
    /// `DepthErrors.medianAE`.
    case medianAE
    /// `StructuralSimilarity`, with the cap as the span of the data.
    case ssim
    /// `DepthErrors.absRel`.
    case absRel
    /// `DepthErrors.sqRel`.
    case sqRel
    /// `DepthErrors.rmse`.
    case rmse
    /// `DepthErrors.rmseLog`.
    case rmseLog
    /// `DepthErrors.log10`.
    case log10
    /// `DepthErrors.silog`.
    case silog
    /// `DepthErrors.delta1`.
    case delta1
    /// `DepthErrors.delta2`.
    case delta2
    /// `DepthErrors.delta3`.
    case delta3
    /// `OrdinalAccuracy`.
    case ordinal
    /// `BoundaryAccuracy`.
    case boundaryF1
    /// `TemporalErrors.opw`, mean of a clip's pairs.
    case opw
    /// `TemporalErrors.tae`, 100 times the mean of a clip's pairs in both directions.
    case tae

    /// Whether a larger number is better.
    public var isLargeGood: Bool {
        switch self {
        case .ssim, .delta1, .delta2, .delta3, .ordinal, .boundaryF1: true
        default: false
        }
    }

    /// What it says, for a person.
    public var words: String {
        switch self {
        case .mae: "mean |p − g|, m"
        case .medianAE: "median |p − g|, m"
        case .ssim: "structural similarity, 11 × 11 Gaussian, range = cap"
        case .absRel: "mean |p − g| / g"
        case .sqRel: "mean (p − g)² / g, m"
        case .rmse: "root mean (p − g)², m"
        case .rmseLog: "root mean (ln p − ln g)²"
        case .log10: "mean |log₁₀ p − log₁₀ g|"
        case .silog: "100 × deviation of ln p − ln g"
        case .delta1: "share with max(p/g, g/p) < 1.25"
        case .delta2: "share with max(p/g, g/p) < 1.25²"
        case .delta3: "share with max(p/g, g/p) < 1.25³"
        case .ordinal: "share of point pairs in the right order"
        case .boundaryF1: "F1 of occluding edges (Depth Pro)"
        case .opw: "flow-warped difference, colours in 0…1, × 10"
        case .tae: "pose-carried difference, %"
        }
    }
}

extension PictureScore {
    /// All that was found, by name.
    public var metrics: [Metric: Double] {
        let found: [(Metric, Double?)] = [
            (.mae, errors.mae), (.medianAE, errors.medianAE), (.ssim, ssim),
            (.absRel, errors.absRel), (.sqRel, errors.sqRel), (.rmse, errors.rmse),
            (.rmseLog, errors.rmseLog), (.log10, errors.log10), (.silog, errors.silog),
            (.delta1, errors.delta1), (.delta2, errors.delta2), (.delta3, errors.delta3),
            (.ordinal, ordinal), (.boundaryF1, boundaryF1),
        ]
        return found.reduce(into: [:]) { $0[$1.0] = $1.1 }
    }
}
