import FathomCore
import Glibc

/// A turn of KITTI's lidar as a depth map, as the field's evaluation scripts make it (described for monodepth2, Godard
/// et al. 2019): points ahead of the lidar, rounded to the nearest pixel and moved by one (MATLAB counts from 1), the
/// nearest of those that meet.
enum KITTIProjection {
    /// Points of a `.bin` file: x ahead, y left, z up, reflectance; float32.
    static func points(_ path: String) throws(FathomError) -> [SIMD4<Float>] {
        let bytes = try FileBytes.read(path, limit: 1 << 28)
        guard bytes.count % 16 == 0, !bytes.isEmpty else {
            throw FathomError(
                operation: "read", subject: path,
                cause: "it has \(bytes.count) bytes, no whole number of points",
                remedy: "Unpack the lidar's files again")
        }
        let points = bytes.withUnsafeBytes { raw in
            (0..<bytes.count / 16).map {
                raw.loadUnaligned(fromByteOffset: 16 * $0, as: SIMD4<Float>.self)
            }
        }
        guard points.allSatisfy({ $0.x.isFinite && $0.y.isFinite && $0.z.isFinite }) else {
            throw FathomError(
                operation: "read", subject: path, cause: "a point isn't finite",
                remedy: "Unpack the lidar's files again")
        }
        return points
    }

    /// Metres at each pixel, H×W, 0 where no point fell.
    ///
    /// `parity` repeats two known faults, so that published numbers of the Eigen split can be met: the value is the
    /// distance ahead of the lidar instead of the depth, and points that meet are told by row·(W − 1) + column, by which
    /// the last pixel of a row and the first of the next are taken for one.
    static func depth(
        _ points: [SIMD4<Float>], _ matrix: [Double], width: Int, height: Int, parity: Bool
    ) -> Tensor {
        var map = [Double](repeating: 0, count: width * height)
        // Of pixels taken for one: the place of the first that fell, and the nearest value.
        var met: [Int: (place: Int, nearest: Double, count: Int)] = [:]
        for point in points where point.x >= 0 {
            let (x, y, z) = (Double(point.x), Double(point.y), Double(point.z))
            func row(_ r: Int) -> Double {
                matrix[4 * r] * x + matrix[4 * r + 1] * y + matrix[4 * r + 2] * z
                    + matrix[4 * r + 3]
            }
            let depth = row(2)
            // Behind the camera's plane a projection would be a mirror image.
            guard depth != 0, parity || depth > 0 else { continue }
            let column = (row(0) / depth).rounded(.toNearestOrEven) - 1
            let line = (row(1) / depth).rounded(.toNearestOrEven) - 1
            guard column >= 0, line >= 0, column < Double(width), line < Double(height) else {
                continue
            }
            let place = Int(line) * width + Int(column)
            let value = parity ? x : depth
            if parity {
                map[place] = value
                let key = Int(line) * (width - 1) + Int(column)
                let old = met[key] ?? (place, value, 0)
                met[key] = (old.place, min(old.nearest, value), old.count + 1)
            } else if map[place] == 0 || value < map[place] {
                map[place] = value
            }
        }
        for one in met.values where one.count > 1 { map[one.place] = one.nearest }
        return Tensor(
            shape: [height, width], values: map.map { Float(max($0, 0)) })
    }
}
