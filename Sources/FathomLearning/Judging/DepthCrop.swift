import FathomCore

/// Parts of a picture that publications judge; everything is half-open, with shares cut to whole pixels.
public enum DepthCrop: String, Hashable, Sendable, CaseIterable, Codable {
    /// The whole picture.
    case none
    /// Garg et al. 2016, as in monodepth2 and BTS.
    case garg
    /// Eigen et al. 2014 on KITTI, as in BTS and ZoeDepth.
    case eigen
    /// The 352 × 1216 pixels at the bottom middle that KITTI's benchmark keeps.
    case kittiBenchmark = "kitti-benchmark"
    /// Eigen et al. 2014 on NYU Depth V2: rows 45…470 and columns 41…600 of 480 × 640.
    case nyuEigen = "nyu-eigen"

    /// The rows and columns that count in a picture of a size.
    ///
    /// - Throws: where the crop belongs to pictures of another size.
    public func area(width: Int, height: Int) throws(FathomError) -> (
        rows: Range<Int>, columns: Range<Int>
    ) {
        func shares(_ rows: (Double, Double), _ columns: (Double, Double)) -> (
            rows: Range<Int>, columns: Range<Int>
        ) {
            let (high, wide) = (Double(height), Double(width))
            return (
                Int(rows.0 * high)..<Int(rows.1 * high),
                Int(columns.0 * wide)..<Int(columns.1 * wide)
            )
        }
        switch self {
        case .none: return (0..<height, 0..<width)
        case .garg: return shares((0.40810811, 0.99189189), (0.03594771, 0.96405229))
        case .eigen: return shares((0.3324324, 0.91351351), (0.0359477, 0.96405229))
        case .kittiBenchmark:
            guard height >= 352, width >= 1216 else {
                throw unfit("352 × 1216 of KITTI's pictures", width, height)
            }
            let left = (width - 1216) / 2
            return (height - 352..<height, left..<left + 1216)
        case .nyuEigen:
            guard height == 480, width == 640 else {
                throw unfit("pictures of 640 × 480", width, height)
            }
            return (45..<471, 41..<601)
        }
    }

    private func unfit(_ what: String, _ width: Int, _ height: Int) -> FathomError {
        FathomError(
            .usage, operation: "use", subject: "--crop \(rawValue)",
            cause: "it is for \(what), and the truth has \(width) × \(height)",
            remedy: "Choose another --crop or --protocol")
    }
}
