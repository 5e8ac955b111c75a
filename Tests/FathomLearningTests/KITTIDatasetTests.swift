import FathomCore
import FathomLearning
import FathomMedia
import Foundation
import TestSupport
import Testing

@Suite struct KITTIDatasetTests {
    private static let (width, height) = (20, 10)
    private static let drive = "2011_09_26/2011_09_26_drive_0001_sync"

    /// A miniature of the raw recordings: the lidar looks along x, the cameras along z, 0.25 m ahead of it; focal length 10,
    /// principal point (10, 5); the right camera 0.5 m beside the left.
    private func recordings(_ folder: TemporaryFolder, points: [[Float]]) throws {
        for part in ["image_02/data", "image_03/data", "velodyne_points/data"] {
            try FileManager.default.createDirectory(
                atPath: folder.path("\(Self.drive)/\(part)"), withIntermediateDirectories: true)
        }
        try folder.write(
            "2011_09_26/calib_cam_to_cam.txt",
            Data(
                """
                calib_time: 09-Jan-2012 13:57:47
                corner_dist: 9.950000e-02
                R_rect_00: 1 0 0 0 1 0 0 0 1
                S_rect_02: 20 10
                P_rect_02: 10 0 10 0 0 10 5 0 0 0 1 0
                S_rect_03: 20 10
                P_rect_03: 10 0 10 -5 0 10 5 0 0 0 1 0
                """.utf8))
        // Lidar's y to the left is the camera's −x, its z upwards the camera's −y, its x ahead the camera's z.
        try folder.write(
            "2011_09_26/calib_velo_to_cam.txt",
            Data("calib_time: a\nR: 0 -1 0 0 0 -1 1 0 0\nT: 0 0 -0.25\n".utf8))
        for frame in 0..<3 {
            let name = String(repeating: "0", count: 9) + "\(frame)"
            for camera in [2, 3] {
                try StillImage.writePNG(
                    DataFixtures.picture(
                        Self.width, Self.height, seed: UInt64(10 * frame + camera)),
                    to: folder.path("\(Self.drive)/image_0\(camera)/data/\(name).png"))
            }
            let bytes = points.flatMap { $0 }.flatMap { value in
                withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) }
            }
            try folder.write("\(Self.drive)/velodyne_points/data/\(name).bin", Data(bytes))
        }
    }

    private func data(_ folder: TemporaryFolder, _ more: String) throws(FathomError) -> PreparedData
    {
        try PreparedData(
            DataFixtures.configuration(
                "{kind: kitti, root: \(folder.path("")), size: 20x10, split: {train: 1}, \(more)}"))
    }

    private func at(_ sample: DepthSample, _ row: Int, _ column: Int) -> Float {
        sample.depth.values[row * Self.width + column]
    }

    // By hand, for the left camera: (x, y, z) of the lidar has depth x − 0.25 and appears at column 10 − 10·y/depth, row
    // 5 − 10·z/depth; both rounded, less 1.
    private let points: [[Float]] = [
        [4.25, 0, 0, 0.5],  // depth 4 at column 9, row 4
        [8.25, 0, 0, 0.5],  // behind it: depth 8 at the same place
        [10.25, 4, -2, 0.5],  // depth 10: column 10 − 4 − 1 = 5, row 5 + 2 − 1 = 6
        [-5, 1, 0, 0.5],  // behind the lidar
        [5.25, -20, 0, 0.5],  // column 49: beyond the picture
        [2.25, -1.8, 0.4, 0.5],  // depth 2: column 10 + 9 − 1 = 18, row 5 − 2 − 1 = 2
    ]

    @Test("lidar points fall where the calibration says, the nearest of those that meet")
    func projection() throws {
        let folder = try TemporaryFolder()
        try recordings(folder, points: points)
        let data = try data(folder, "truth: velodyne")
        #expect(data.count(.train) == 3)
        let sample = try data.sample(.train, 0)
        #expect(at(sample, 4, 9) == 4 && at(sample, 6, 5) == 10 && at(sample, 2, 18) == 2)
        #expect(sample.depth.values.count { $0 > 0 } == 3)
        #expect(sample.intrinsics?.fx == 10 && sample.intrinsics?.cx == 10)
        #expect(sample.intrinsicsSource == "calib_cam_to_cam.txt P_rect_02")
        #expect(sample.scene == Self.drive && sample.name == "\(Self.drive)/0000000000/l")
    }

    @Test("the right camera sees the points moved by focal length times baseline over depth")
    func rightCamera() throws {
        let folder = try TemporaryFolder()
        try recordings(folder, points: points)
        let data = try data(folder, "truth: velodyne, camera: right, stereo: true")
        let sample = try data.sample(.train, 0)
        // 10·0.5/4 = 1.25: column round(10 − 1.25) − 1 = 8; 0.5 at depth 10: round(6 − 0.5) − 1 = 5; 2.5 at depth 2.
        #expect(at(sample, 4, 8) == 4 && at(sample, 6, 5) == 10 && at(sample, 2, 15) == 2)
        #expect(abs(sample.baseline + 0.5) < 1e-6)
        let left = try StillImage.readColor(
            folder.path("\(Self.drive)/image_02/data/0000000000.png"))
        #expect(sample.neighbours[.otherEye]?.values == left.values)
    }

    @Test("parity with published Eigen numbers: the distance ahead, and pixels taken for one")
    func parity() throws {
        let folder = try TemporaryFolder()
        // The last column of row 4 and the first of row 5 have the same number 4·19 + 19 = 5·19 + 0.
        let meeting: [[Float]] = [[1.25, -1, 0, 0], [2.25, 1.8, -0.2, 0]]
        try recordings(folder, points: points + meeting)
        let sample = try data(folder, "truth: velodyne-eigen").sample(.train, 0)
        #expect(at(sample, 4, 9) == 4.25 && at(sample, 6, 5) == 10.25 && at(sample, 2, 18) == 2.25)
        #expect(at(sample, 4, 19) == 1.25 && at(sample, 5, 0) == 2.25)
        // The farther first: it takes the value of the nearer, which lies on another row.
        let other = try TemporaryFolder()
        try recordings(other, points: meeting.reversed())
        let swapped = try data(other, "truth: velodyne-eigen").sample(.train, 0)
        #expect(at(swapped, 5, 0) == 1.25 && at(swapped, 4, 19) == 1.25)
        let right = try data(other, "truth: velodyne").sample(.train, 0)
        #expect(at(right, 5, 0) == 2 && at(right, 4, 19) == 1)
    }

    @Test("official ground truth: 256 steps a metre; pictures without it don't count")
    func annotated() throws {
        let folder = try TemporaryFolder()
        try recordings(folder, points: points)
        let truth = "train/2011_09_26_drive_0001_sync/proj_depth/groundtruth/image_02"
        try FileManager.default.createDirectory(
            atPath: folder.path(truth), withIntermediateDirectories: true)
        try folder.write(
            "\(truth)/0000000001.png",
            DataFixtures.grayPNG((0..<200).map { UInt16($0 * 64) }, width: 20))
        let data = try data(folder, "truth: annotated")
        #expect(data.count(.train) == 1)
        let sample = try data.sample(.train, 0)
        #expect(sample.depth.values == (0..<200).map { Float($0) / 4 })
        #expect(sample.name.hasSuffix("0000000001/l"))
    }

    @Test("lists as published: drive, frame, l or r; neighbours in time are found")
    func lists() throws {
        let folder = try TemporaryFolder()
        try recordings(folder, points: points)
        let list = try folder.write(
            "eigen.txt", Data("\(Self.drive) 0000000002 r\n\(Self.drive) 1 l\n".utf8))
        let data = try PreparedData(
            DataFixtures.configuration(
                "{kind: kitti, root: \(folder.path("")), truth: velodyne, camera: both, neighbours: true, split: {test: \(list)}}"
            ))
        // Frame 2 of 3 has none after it, so that only frame 1 is left.
        #expect(data.count(.test) == 1)
        let sample = try data.sample(.test, 0)
        let before = try StillImage.readColor(
            folder.path("\(Self.drive)/image_02/data/0000000000.png"))
        #expect(sample.neighbours[.previous]?.values == before.values)
        #expect(sample.neighbours[.next] != nil)
    }

    @Test("the object benchmark's frames")
    func objects() throws {
        let folder = try TemporaryFolder()
        try recordings(folder, points: points)
        for part in ["image_2", "image_3", "velodyne", "calib"] {
            try FileManager.default.createDirectory(
                atPath: folder.path("object/training/\(part)"), withIntermediateDirectories: true)
        }
        func copy(_ from: String, _ to: String) throws {
            try FileManager.default.copyItem(
                atPath: folder.path("\(Self.drive)/\(from)"),
                toPath: folder.path("object/training/\(to)"))
        }
        try copy("image_02/data/0000000000.png", "image_2/000007.png")
        try copy("image_03/data/0000000000.png", "image_3/000007.png")
        try copy("velodyne_points/data/0000000000.bin", "velodyne/000007.bin")
        try folder.write(
            "object/training/calib/000007.txt",
            Data(
                """
                P2: 10 0 10 0 0 10 5 0 0 0 1 0
                P3: 10 0 10 -5 0 10 5 0 0 0 1 0
                R0_rect: 1 0 0 0 1 0 0 0 1
                Tr_velo_to_cam: 0 -1 0 0 0 0 -1 0 1 0 0 -0.25
                """.utf8))
        let data = try PreparedData(
            DataFixtures.configuration(
                "{kind: kitti, root: \(folder.path("object")), truth: velodyne, split: {train: 1}}")
        )
        let sample = try data.sample(.train, 0)
        #expect(at(sample, 4, 9) == 4 && at(sample, 6, 5) == 10 && at(sample, 2, 18) == 2)
    }

    @Test("wrong or missing calibration, missing and damaged files: an error with file and reason")
    func badInput() throws {
        func cause(_ change: (TemporaryFolder) throws -> Void) throws -> String {
            let folder = try TemporaryFolder()
            try recordings(folder, points: points)
            try change(folder)
            do {
                try data(folder, "truth: velodyne").verify(.train)
                return "none"
            } catch { return error.description }
        }
        func calibration(_ text: String, _ other: String) -> (TemporaryFolder) throws -> Void {
            { folder in
                let path = folder.path("2011_09_26/calib_cam_to_cam.txt")
                let whole = try String(contentsOfFile: path, encoding: .utf8)
                try folder.write(
                    "2011_09_26/calib_cam_to_cam.txt",
                    Data(whole.replacingOccurrences(of: text, with: other).utf8))
            }
        }
        #expect(try cause { _ in } == "none")
        let missing = try cause {
            try FileManager.default.removeItem(atPath: $0.path("2011_09_26/calib_velo_to_cam.txt"))
        }
        #expect(
            missing.contains("calib_velo_to_cam.txt") && missing.contains("calibration is missing"))
        #expect(
            try cause(calibration("R_rect_00: 1 0", "R_rect_00: 2 0")).contains(
                "'R_rect_00' is no rotation"))
        #expect(
            try cause(calibration("P_rect_02: 10", "P_rect_02: 0")).contains(
                "'P_rect_02' is no camera"))
        #expect(
            try cause(calibration("P_rect_02: 10", "P_rect_02: ten")).contains("isn't 12 numbers"))
        #expect(try cause(calibration("P_rect_02", "P_rect_09")).contains("has no 'P_rect_02'"))
        #expect(
            try cause(calibration("S_rect_02: 20 10", "S_rect_02: 24 10")).contains(
                "its calibration says 24×10"))
        let scan = "\(Self.drive)/velodyne_points/data/0000000001.bin"
        #expect(
            try cause { try FileManager.default.removeItem(atPath: $0.path(scan)) }
                .contains("0000000001.bin: there is no such file"))
        #expect(
            try cause { try $0.write(scan, Data(count: 30)) }.contains("no whole number of points"))
        #expect(
            try cause { try $0.write(scan, Data(repeating: 0xff, count: 32)) }
                .contains("a point isn't finite"))
        #expect(
            try cause { try FileManager.default.removeItem(atPath: $0.path("2011_09_26")) }
                .contains("it has no KITTI pictures"))
    }
}
