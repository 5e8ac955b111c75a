import Foundation
import TestSupport

/// What Scripts/record_metrics.py recorded.
struct RecordedMetrics: Decodable {
    struct PictureCase: Decodable {
        var name, kind, alignment: String
        var height, width, pixels: Int
        var prediction, truth: [Float]
        var results: [String: Double]
    }
    struct SimilarityCase: Decodable {
        var a, b: [Float]
        var mask: [Int]
        var whole, masked: Double
    }
    struct BoundaryCase: Decodable {
        var prediction, truth: [Float]
        var f1: Double
    }
    struct OrdinalCase: Decodable {
        var truth: [Double]
        var nearness: [Float]
        var pairs: [Int]
        var share: Double
    }
    struct WarpCase: Decodable {
        var first, second, before, after, flow: [Float]
        var opw: Double
    }
    struct CarryCase: Decodable {
        var first, second: [Float]
        var fx, fy, cx, cy: Double
        var pose, otherPose: [Double]
        var error: Double
    }
    struct ClipFrame: Decodable {
        var prediction, truth: [Float]
    }
    struct ClipCase: Decodable {
        var frames: [ClipFrame]
        var scale, shift: Double
    }

    var height, width: Int
    var cap: Double
    var pictures: [PictureCase]
    var similarity: [SimilarityCase]
    var boundary: [BoundaryCase]
    var ordinal: OrdinalCase
    var warp: WarpCase
    var carry: CarryCase
    var clip: ClipCase

    static func read() throws -> RecordedMetrics {
        let path = Program.packageRoot.appendingPathComponent(
            "Tests/FathomLearningTests/Recorded/metrics.json")
        return try JSONDecoder().decode(RecordedMetrics.self, from: Data(contentsOf: path))
    }
}
