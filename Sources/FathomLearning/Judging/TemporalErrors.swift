import FathomCore
import FathomDepth
import Glibc

/// How steady depth is from picture to picture of a clip.
public enum TemporalErrors {
    /// Optical-flow based warping error of two neighbouring pictures (NVDS, Wang et al. 2023), times 10.
    ///
    /// Each map is normalised by its median and mean absolute deviation; the next one is warped to this picture by the flow
    /// from this to the next (bilinear); 10 · mean(w · |difference|) with w = Σ exp(−50 · (difference of warped colour)²) over
    /// red, green and blue in 0…1, over the pixels whose flow is known and stays in the picture. nil where there are none.
    ///
    /// - Parameters:
    ///   - first: inverse depth, `width * height` values; `second` that of the next picture.
    ///   - pictures: 3×H×W each, 0…1.
    ///   - flow: 2×H×W, pixels to the right and down from the first to the second; NaN where unknown.
    public static func opw(
        _ first: [Float], _ second: [Float], pictures: (Tensor, Tensor), flow: Tensor, width: Int,
        height: Int
    ) -> Double? {
        let plane = width * height
        precondition(first.count == plane && second.count == plane, "maps of one size")
        precondition(
            pictures.0.count == 3 * plane && pictures.1.count == 3 * plane
                && flow.count == 2 * plane, "pictures and flow have the maps' size")
        let (a, b) = (normalized(first), normalized(second))
        let (here, there) = (pictures.0.values, pictures.1.values)
        let motion = flow.values
        var (sum, pixels) = (0.0, 0)
        for y in 0..<height {
            for x in 0..<width {
                let place = y * width + x
                let targetX = Double(x) + Double(motion[place])
                let targetY = Double(y) + Double(motion[plane + place])
                // NaN fails each comparison.
                guard targetX >= 0, targetY >= 0, targetX <= Double(width - 1),
                    targetY <= Double(height - 1)
                else { continue }
                let (left, top) = (Int(targetX), Int(targetY))
                let (right, bottom) = (min(left + 1, width - 1), min(top + 1, height - 1))
                let (across, down) = (targetX - Double(left), targetY - Double(top))
                func sampled(_ at: (Int) -> Double) -> Double {
                    let above =
                        at(top * width + left) * (1 - across)
                        + at(top * width + right) * across
                    let below =
                        at(bottom * width + left) * (1 - across)
                        + at(bottom * width + right) * across
                    return above * (1 - down) + below * down
                }
                var weight = 0.0
                for channel in 0..<3 {
                    let offset = channel * plane
                    let warped = sampled { Double(there[offset + $0]) }
                    let difference = warped - Double(here[offset + place])
                    weight += exp(-50 * difference * difference)
                }
                sum += weight * abs(sampled { b[$0] } - a[place])
                pixels += 1
            }
        }
        return pixels > 0 ? 10 * sum / Double(pixels) : nil
    }

    /// (d − median) / mean |d − median|; zeros for a map without relief.
    private static func normalized(_ map: [Float]) -> [Double] {
        var values = map.map(Double.init)
        let centre = median(of: &values)
        let deviation = map.reduce(0) { $0 + abs(Double($1) - centre) } / Double(map.count)
        guard deviation > 0 else { return [Double](repeating: 0, count: map.count) }
        return map.map { (Double($0) - centre) / deviation }
    }

    /// Temporal alignment error of one direction of a pair (Video Depth Anything, Chen et al. 2025): depth of one picture
    /// is carried into the other by camera and pose, to the nearest pixel, the last one written wins; the mean of
    /// |carried − depth| / depth where both are above 0. nil where nothing overlaps.
    ///
    /// - Parameters:
    ///   - depth: metres, `camera.width * camera.height` values; `other` that of the other picture.
    ///   - pose: from the first camera to the world, 4×4 row-major; `otherPose` that of the other picture.
    public static func tae(
        _ depth: [Float], _ other: [Float], camera: CameraIntrinsics, pose: [Double],
        otherPose: [Double]
    ) -> Double? {
        let (width, height) = (camera.width, camera.height)
        precondition(
            depth.count == width * height && other.count == depth.count, "maps of the camera's size"
        )
        precondition(pose.count == 16 && otherPose.count == 16, "poses are 4×4")
        let motion = relative(from: pose, to: otherPose)
        var carried = [Double](repeating: 0, count: depth.count)
        for y in 0..<height {
            for x in 0..<width {
                let z = Double(depth[y * width + x])
                let point = (
                    (Double(x) - camera.cx) * z / camera.fx, (Double(y) - camera.cy) * z / camera.fy
                )
                func axis(_ row: Int) -> Double {
                    motion[4 * row] * point.0 + motion[4 * row + 1] * point.1
                        + motion[4 * row + 2] * z + motion[4 * row + 3]
                }
                let newZ = axis(2)
                guard newZ > 0 else { continue }
                // Half to even, as NumPy and PyTorch round.
                let column = (axis(0) * camera.fx / newZ + camera.cx).rounded(.toNearestOrEven)
                let row = (axis(1) * camera.fy / newZ + camera.cy).rounded(.toNearestOrEven)
                guard column >= 0, row >= 0, column < Double(width), row < Double(height) else {
                    continue
                }
                carried[Int(row) * width + Int(column)] = newZ
            }
        }
        var (sum, pixels) = (0.0, 0)
        for place in carried.indices where carried[place] > 0 && other[place] > 0 {
            sum += abs(carried[place] - Double(other[place])) / Double(other[place])
            pixels += 1
        }
        return pixels > 0 ? sum / Double(pixels) : nil
    }

    /// The rigid motion from one camera's space to another's: inverse(other) · pose.
    private static func relative(from pose: [Double], to other: [Double]) -> [Double] {
        var result = [Double](repeating: 0, count: 16)
        for row in 0..<3 {
            for column in 0..<3 {
                result[4 * row + column] = (0..<3).reduce(0) {
                    $0 + other[4 * $1 + row] * pose[4 * $1 + column]
                }
            }
            result[4 * row + 3] = (0..<3).reduce(0) {
                $0 + other[4 * $1 + row] * (pose[4 * $1 + 3] - other[4 * $1 + 3])
            }
        }
        result[15] = 1
        return result
    }
}
