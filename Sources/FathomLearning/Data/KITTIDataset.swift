import FathomCore
import FathomDepth
import FathomMedia
import Foundation

/// KITTI (Geiger et al. 2013): the raw recordings with lidar or with the official depth ground truth (Uhrig et al.
/// 2017), or the object benchmark's frames.
struct KITTIDataset: DepthDataset, ListedSamples {
    /// One picture.
    private struct Frame: Sendable {
        /// The drive, such as `2011_09_26/2011_09_26_drive_0001_sync`; `object` for the object benchmark.
        let drive: String
        /// The number, as the file's name has it.
        let number: String
        /// 2 is left, 3 is right.
        let camera: Int
    }

    let name: String
    private let root: String
    private let annotations: String
    private let truth: DataConfiguration.Truth
    private let frames: [Frame]
    private let calibrations: [String: KITTICalibration]
    private let isObject: Bool

    /// Looks at what is there; every day's calibration is read and checked now.
    init(_ configuration: DataConfiguration) throws(FathomError) {
        root = configuration.root
        name = "KITTI in \(root)"
        truth = configuration.truth
        annotations = configuration.annotations.isEmpty ? root : configuration.annotations
        isObject = FileManager.default.fileExists(atPath: root + "/training/image_2")
        let cameras = configuration.camera.numbers
        if isObject {
            guard [.velodyne, .none].contains(truth) else {
                throw FathomError(
                    .usage, operation: "use", subject: configuration.place,
                    cause: "the object benchmark has no '\(truth.rawValue)' depth",
                    remedy: "Write 'truth: velodyne'")
            }
            frames = Self.names(root + "/training/image_2").flatMap { name in
                cameras.map { Frame(drive: "object", number: name, camera: $0) }
            }
            calibrations = [:]
        } else {
            let found = try Self.recordings(root, cameras, truth, annotations)
            frames = found.frames
            calibrations = found.calibrations
        }
        guard !frames.isEmpty else {
            throw FathomError(
                operation: "open", subject: root,
                cause: "it has no KITTI pictures with depth '\(truth.rawValue)'",
                remedy:
                    "It must hold DATE/DATE_drive_NNNN_sync/image_02/data/*.png, or training/image_2/*.png"
            )
        }
    }

    /// File names without extension, in order.
    private static func names(_ folder: String) -> [String] {
        let all = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return Set(
            all.filter { $0.hasSuffix(".png") || $0.hasSuffix(".jpg") }.map {
                String($0.dropLast(4))
            }
        ).sorted()
    }

    private static func recordings(
        _ root: String, _ cameras: [Int], _ truth: DataConfiguration.Truth, _ annotations: String
    ) throws(FathomError) -> (frames: [Frame], calibrations: [String: KITTICalibration]) {
        var frames: [Frame] = []
        var calibrations: [String: KITTICalibration] = [:]
        let days = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        for day in days.sorted() {
            let folder = "\(root)/\(day)"
            let drives = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
                .filter { drive in
                    // Official ground truth may lie beside the days, under drives of the same names.
                    drive.hasSuffix("_sync")
                        && [2, 3].contains {
                            FileManager.default.fileExists(
                                atPath: "\(folder)/\(drive)/image_0\($0)/data")
                        }
                }
            guard !drives.isEmpty else { continue }
            calibrations[day] = try KITTICalibration(day: folder)
            for drive in drives.sorted() {
                for camera in cameras {
                    let pictures = names("\(folder)/\(drive)/image_0\(camera)/data")
                    // The first and last pictures of a drive have no official truth: that isn't a fault.
                    let annotated: Set<String>? =
                        truth == .annotated
                        ? Set(
                            annotationFolders(annotations, day, drive, camera).flatMap(names))
                        : nil
                    for number in pictures where annotated?.contains(number) ?? true {
                        frames.append(
                            Frame(drive: "\(day)/\(drive)", number: number, camera: camera))
                    }
                }
            }
        }
        return (frames, calibrations)
    }

    /// Where the official ground truth of a drive may have been unpacked.
    private static func annotationFolders(
        _ root: String, _ day: String, _ drive: String, _ camera: Int
    ) -> [String] {
        let tail = "\(drive)/proj_depth/groundtruth/image_0\(camera)"
        return ["", "/train", "/val", "/\(day)"].map { "\(root)\($0)/\(tail)" }
    }

    var count: Int { frames.count }

    func scene(_ index: Int) -> String {
        // Both eyes of a drive stay together; frames of the object benchmark are each for itself.
        isObject ? "object-\(frames[index].number)" : frames[index].drive
    }

    func sampleName(_ index: Int) -> String {
        let frame = frames[index]
        return "\(frame.drive)/\(frame.number)/\(frame.camera == 2 ? "l" : "r")"
    }

    private func picturePath(_ frame: Frame, _ camera: Int) -> String {
        let stem =
            isObject
            ? "\(root)/training/image_\(camera)/\(frame.number)"
            : "\(root)/\(frame.drive)/image_0\(camera)/data/\(frame.number)"
        let png = stem + ".png"
        return FileManager.default.fileExists(atPath: png) ? png : stem + ".jpg"
    }

    /// Where a picture's depth is read from; nil where none is wanted.
    private func depthPath(_ frame: Frame) -> String? {
        if truth == .none { return nil }
        if isObject { return "\(root)/training/velodyne/\(frame.number).bin" }
        guard truth == .annotated else {
            return "\(root)/\(frame.drive)/velodyne_points/data/\(frame.number).bin"
        }
        let parts = frame.drive.split(separator: "/").map(String.init)
        let places = Self.annotationFolders(annotations, parts[0], parts[1], frame.camera).map {
            "\($0)/\(frame.number).png"
        }
        return places.first { FileManager.default.fileExists(atPath: $0) } ?? places[0]
    }

    func glance(_ index: Int) throws(FathomError) {
        let frame = frames[index]
        for path in [picturePath(frame, frame.camera), depthPath(frame)].compactMap({ $0 })
        where !FileManager.default.isReadableFile(atPath: path) {
            throw FathomError(
                operation: "read", subject: path,
                cause: "there is no such file, and \(sampleName(index)) needs it",
                remedy: "Unpack the drive again, or remove its picture")
        }
        if isObject { _ = try calibration(frame) }
    }

    private func calibration(_ frame: Frame) throws(FathomError) -> KITTICalibration {
        if isObject {
            return try KITTICalibration(frame: "\(root)/training/calib/\(frame.number).txt")
        }
        let day = frame.drive.prefix { $0 != "/" }
        guard let calibration = calibrations[String(day)] else {
            throw FathomError(
                operation: "read", subject: frame.drive, cause: "its day has no calibration")
        }
        return calibration
    }

    func sample(_ index: Int) throws(FathomError) -> DepthSample {
        let frame = frames[index]
        let picture = try StillImage.readColor(picturePath(frame, frame.camera))
        let calibration = try calibration(frame)
        let (height, width) = (picture.shape[1], picture.shape[2])
        var depth = Tensor(shape: [height, width])
        if let path = depthPath(frame), truth == .annotated {
            depth = try FolderDataset.depth(path, scale: 256)
        } else if let path = depthPath(frame) {
            // Published numbers take the left camera's size for both.
            let sized = truth == .velodyneEigen ? 2 : frame.camera
            let size = calibration.sizes[sized] ?? (width, height)
            guard size == (width, height) || truth == .velodyneEigen else {
                throw FathomError(
                    operation: "use", subject: sampleName(index),
                    cause:
                        "its picture is \(width)×\(height) and its calibration says \(size.width)×\(size.height)",
                    remedy: "Use the pictures as KITTI gives them, and the calibration of their day"
                )
            }
            depth = KITTIProjection.depth(
                try KITTIProjection.points(path),
                try calibration.toPicture(frame.camera), width: size.width, height: size.height,
                parity: truth == .velodyneEigen)
        }
        var sample = DepthSample(
            name: sampleName(index), scene: scene(index), picture: picture, depth: depth,
            intrinsics: try calibration.intrinsics(frame.camera, width: width, height: height))
        sample.intrinsicsSource =
            isObject
            ? "calib/\(frame.number).txt P\(frame.camera)"
            : "calib_cam_to_cam.txt P_rect_0\(frame.camera)"
        return sample
    }

    func neighbour(of index: Int, by offset: Int) -> Int? {
        let other = index + offset
        guard !isObject, frames.indices.contains(other) else { return nil }
        let (here, there) = (frames[index], frames[other])
        guard here.drive == there.drive, here.camera == there.camera,
            let from = Int(here.number), let to = Int(there.number), to - from == offset
        else { return nil }
        return other
    }

    func otherEye(
        _ index: Int
    ) throws(FathomError) -> (picture: Tensor, baseline: Float)? {
        let frame = frames[index]
        let other = frame.camera == 2 ? 3 : 2
        let path = picturePath(frame, other)
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        let baseline = try calibration(frame).baseline(from: frame.camera, to: other)
        return (try StillImage.readColor(path), Float(baseline))
    }

    var listFormat: String {
        isObject
            ? "frames' numbers" : "'DATE/DATE_drive_NNNN_sync FRAME l|r', as published split files"
    }

    func index(listed words: [String]) -> Int? {
        if isObject {
            guard let number = words.first else { return nil }
            return frames.firstIndex { $0.number == number }
        }
        guard words.count >= 2, let number = Int(words[1]) else { return nil }
        let camera = words.count > 2 && words[2] == "r" ? 3 : 2
        return frames.firstIndex {
            $0.drive == words[0] && $0.camera == camera && Int($0.number) == number
        }
    }
}
