import FathomCore
import FathomDepth
import Glibc

/// The cameras and the lidar of one KITTI recording day, or of one frame of the object benchmark.
struct KITTICalibration: Sendable {
    /// Lidar to rectified camera 0, 4×4 row by row.
    let rectified: [Double]
    /// Projection of each colour camera, 3×4 row by row: 2 is left, 3 is right.
    let projections: [Int: [Double]]
    /// Width and height of the rectified pictures, where the files say them.
    let sizes: [Int: (width: Int, height: Int)]

    /// From the two files of a day of the raw recordings.
    init(day folder: String) throws(FathomError) {
        let cameras = try Self.table(folder + "/calib_cam_to_cam.txt")
        let lidar = try Self.table(folder + "/calib_velo_to_cam.txt")
        let rotation = try cameras.numbers("R_rect_00", count: 9)
        let turn = try lidar.numbers("R", count: 9)
        let shift = try lidar.numbers("T", count: 3)
        try cameras.checkRotation(rotation, "R_rect_00")
        try lidar.checkRotation(turn, "R")
        rectified = Self.product(
            Self.square(rotation, [0, 0, 0]), Self.square(turn, shift))
        var projections: [Int: [Double]] = [:]
        var sizes: [Int: (width: Int, height: Int)] = [:]
        for camera in [2, 3] where cameras.has("P_rect_0\(camera)") || camera == 2 {
            projections[camera] = try cameras.projection("P_rect_0\(camera)")
            let size = try cameras.numbers("S_rect_0\(camera)", count: 2)
            guard size.allSatisfy({ $0 >= 1 && $0 <= 32768 }) else {
                throw cameras.failure("'S_rect_0\(camera)' is \(size)")
            }
            sizes[camera] = (Int(size[0]), Int(size[1]))
        }
        self.projections = projections
        self.sizes = sizes
    }

    /// From a frame's file of the object benchmark.
    init(frame path: String) throws(FathomError) {
        let table = try Self.table(path)
        let rotation = try table.numbers("R0_rect", count: 9)
        let lidar = try table.numbers("Tr_velo_to_cam", count: 12)
        let turn = [0, 1, 2, 4, 5, 6, 8, 9, 10].map { lidar[$0] }
        try table.checkRotation(rotation, "R0_rect")
        try table.checkRotation(turn, "Tr_velo_to_cam")
        rectified = Self.product(
            Self.square(rotation, [0, 0, 0]), Self.square(turn, [lidar[3], lidar[7], lidar[11]]))
        projections = [2: try table.projection("P2"), 3: try table.projection("P3")]
        sizes = [:]
    }

    /// Lidar to a camera's pixels times depth, 3×4 row by row.
    func toPicture(_ camera: Int) throws(FathomError) -> [Double] {
        Self.product(try projection(camera), rectified)
    }

    /// A camera's 3×4 projection.
    func projection(_ camera: Int) throws(FathomError) -> [Double] {
        guard let projection = projections[camera] else {
            throw FathomError(
                operation: "read", subject: "the calibration",
                cause: "it has no projection of camera \(camera)")
        }
        return projection
    }

    /// A camera as its projection has it: pixels are counted from the first one's middle.
    func intrinsics(
        _ camera: Int, width: Int, height: Int
    ) throws(FathomError) -> CameraIntrinsics {
        let p = try projection(camera)
        return try CameraIntrinsics(
            width: width, height: height, fx: p[0], fy: p[5], cx: p[2], cy: p[6])
    }

    /// Metres to the right from one camera to the other.
    func baseline(from camera: Int, to other: Int) throws(FathomError) -> Double {
        let (here, there) = (try projection(camera), try projection(other))
        return here[3] / here[0] - there[3] / there[0]
    }

    private static func square(_ r: [Double], _ t: [Double]) -> [Double] {
        [r[0], r[1], r[2], t[0], r[3], r[4], r[5], t[1], r[6], r[7], r[8], t[2], 0, 0, 0, 1]
    }

    /// Rows×4 times 4×4.
    private static func product(_ a: [Double], _ b: [Double]) -> [Double] {
        var result = [Double](repeating: 0, count: a.count)
        for at in a.indices {
            let (row, column) = (at / 4, at % 4)
            for middle in 0..<4 { result[at] += a[4 * row + middle] * b[4 * middle + column] }
        }
        return result
    }

    private static func table(_ path: String) throws(FathomError) -> Table {
        let text: [UInt8]
        do throws(FathomError) { text = try FileBytes.read(path, limit: 1 << 20) } catch {
            var error = error
            error.cause += ": the calibration is missing"
            error.remedy = "Unpack the calibration files of that day beside its drives"
            throw error
        }
        var lines: [String: String] = [:]
        for line in String(decoding: text, as: UTF8.self).split(whereSeparator: \.isNewline) {
            guard let colon = line.firstIndex(of: ":") else { continue }
            lines[String(line[..<colon])] = String(line[line.index(after: colon)...])
        }
        return Table(path: path, lines: lines)
    }

    /// `key: numbers` lines; some are text.
    private struct Table {
        let path: String
        let lines: [String: String]

        func has(_ key: String) -> Bool { lines[key] != nil }

        func failure(_ cause: String) -> FathomError {
            FathomError(
                operation: "read", subject: path, cause: cause,
                remedy: "Unpack KITTI's own calibration files again")
        }

        func numbers(_ key: String, count: Int) throws(FathomError) -> [Double] {
            guard let line = lines[key] else { throw failure("it has no '\(key)'") }
            let words = line.split(whereSeparator: \.isWhitespace)
            let numbers = words.compactMap { Double($0) }
            guard words.count == count, numbers.count == count, numbers.allSatisfy(\.isFinite)
            else { throw failure("'\(key)' isn't \(count) numbers") }
            return numbers
        }

        func projection(_ key: String) throws(FathomError) -> [Double] {
            let p = try numbers(key, count: 12)
            guard p[0] > 0, p[5] > 0, abs(p[10] - 1) < 0.1 else {
                throw failure("'\(key)' is no camera: its focal lengths are \(p[0]) and \(p[5])")
            }
            return p
        }

        /// A rotation has rows of length 1, and a determinant of 1.
        func checkRotation(_ r: [Double], _ key: String) throws(FathomError) {
            let rows = [0, 3, 6].map { SIMD3<Double>(r[$0], r[$0 + 1], r[$0 + 2]) }
            let (a, b, c) = (rows[0], rows[1], rows[2])
            let first: Double = b.y * c.z - b.z * c.y
            let second: Double = b.x * c.z - b.z * c.x
            let third: Double = b.x * c.y - b.y * c.x
            let determinant: Double = a.x * first - a.y * second + a.z * third
            let lengths = rows.map { ($0 * $0).sum().squareRoot() }
            guard abs(determinant - 1) < 0.01, lengths.allSatisfy({ abs($0 - 1) < 0.01 }) else {
                throw failure("'\(key)' is no rotation")
            }
        }
    }
}
