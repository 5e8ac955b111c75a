import FathomCore
import FathomDepth
import FathomMedia
import FathomPipeline
import Foundation
import Synchronization

/// Cuts recordings into the pictures of a `folder` data set without depth, so that a network can learn from video of
/// one's own camera.
public struct VideoFrames: Sendable {
    /// The recordings.
    public var videos: [String]
    /// The folder to write; made where it isn't there.
    public var folder: String
    /// Which of their pictures: `start`, `duration`, `every`, `fps`, `stream`.
    public var selection = RunConfiguration()
    /// Width of the pictures, where the recording's is larger.
    public var width = 640
    /// The camera's horizontal field of view in degrees.
    public var fieldOfView: Double
    /// Seconds of a clip: what is kept together when the data are divided.
    public var clipSeconds = 10.0

    /// Cuts `videos` into `folder`.
    public init(_ videos: [String], folder: String, fieldOfView: Double) {
        self.videos = videos
        self.folder = folder
        self.fieldOfView = fieldOfView
    }

    /// What was written.
    public struct Result: Codable, Sendable {
        /// The list to give as `root` of a `folder` data set.
        public let list: String
        /// Pictures.
        public let pictures: Int
        /// Clips: a cut in the recording begins a new one.
        public let clips: Int
        /// What was wrong with the recordings.
        public let warnings: [String]
    }

    /// Writes `rgb/NAME-000001.jpg` … and `index.jsonl`, last.
    ///
    /// - Throws: when a recording can't be read, two have the same name, or the folder has a list already.
    public func run() throws(FathomError) -> Result {
        let list = folder + "/index.jsonl"
        guard !FileManager.default.fileExists(atPath: list) else {
            throw FathomError(
                .usage, operation: "write", subject: list, cause: "it exists already",
                remedy: "Choose another folder with --output-dir")
        }
        let names = videos.map { path in
            ((path as NSString).lastPathComponent as NSString).deletingPathExtension
        }
        if let index = names.indices.first(where: { names[..<$0].contains(names[$0]) }) {
            throw FathomError(
                .usage, operation: "read", subject: videos[index],
                cause: "another recording is called \(names[index]), too",
                remedy: "Rename one, or cut them into two folders")
        }
        do {
            try FileManager.default.createDirectory(
                atPath: "\(folder)/rgb", withIntermediateDirectories: true)
        } catch {
            throw FathomError(
                operation: "make", subject: "\(folder)/rgb", cause: error.localizedDescription)
        }
        var rows: [FolderDataset.Row] = []
        var warnings: [String] = []
        for (video, name) in zip(videos, names) {
            let cutter = VideoCutter(self, name: name)
            warnings += try RecordingFrames.read(video, configuration: selection) {
                (frame, time) throws(FathomError) in
                try cutter.take(frame, at: time)
                return true
            }
            rows += cutter.rows
        }
        try FolderDataset.write(rows, to: list)
        return Result(
            list: list, pictures: rows.count, clips: Set(rows.compactMap(\.clip)).count,
            warnings: warnings)
    }
}

/// Writes the pictures of one recording, one after the other.
private final class VideoCutter: Sendable {
    private let export: VideoFrames
    private let name: String
    private let state = Mutex(State())

    private struct State {
        var rows: [FolderDataset.Row] = []
        var detector = SceneCutDetector()
        var clip = 0
        var clipBegan = 0.0
        // Not Sendable, and used under the lock only.
        nonisolated(unsafe) var scaler: FrameScaler?
        nonisolated(unsafe) var thumbnail: FrameScaler?
    }

    init(_ export: VideoFrames, name: String) {
        self.export = export
        self.name = name
    }

    var rows: [FolderDataset.Row] { state.withLock { $0.rows } }

    func take(_ frame: VideoFrame, at time: Timestamp) throws(FathomError) {
        try state.withLock { state throws(FathomError) in
            let isCut = try Self.isCut(frame, &state)
            if state.rows.isEmpty {
                state.clipBegan = time.seconds
            } else if isCut || time.seconds - state.clipBegan >= export.clipSeconds {
                state.clip += 1
                state.clipBegan = time.seconds
            }
            let picture = try resized(frame, &state)
            let digits = String(state.rows.count + 1)
            let number = String(repeating: "0", count: max(0, 6 - digits.count)) + digits
            let path = "rgb/\(name)-\(number).jpg"
            try PictureFile.write(picture, to: "\(export.folder)/\(path)")
            let camera = try CameraIntrinsics(
                width: picture.format.width, height: picture.format.height,
                horizontalFieldOfView: export.fieldOfView)
            var row = FolderDataset.Row(rgb: path, depth: nil)
            row.clip = "\(name)/\(state.clip)"
            (row.fx, row.fy, row.cx, row.cy) = (camera.fx, camera.fy, camera.cx, camera.cy)
            state.rows.append(row)
        }
    }

    /// The picture with square pixels, no wider than asked for.
    private func resized(
        _ frame: VideoFrame, _ state: inout State
    ) throws(FathomError) -> VideoFrame {
        let format = frame.format
        let shown = Double(format.width) * max(frame.sampleAspectRatio.value, 1e-3)
        let scale = min(1, Double(export.width) / shown)
        let width = max(2, Int((shown * scale / 2).rounded()) * 2)
        let height = max(2, Int((Double(format.height) * scale / 2).rounded()) * 2)
        if width == format.width, height == format.height { return frame }
        if state.scaler?.source != format {
            state.scaler = try FrameScaler(from: format, width: width, height: height)
        }
        return try state.scaler?.scale(frame) ?? frame
    }

    private static func isCut(
        _ frame: VideoFrame, _ state: inout State
    ) throws(FathomError) -> Bool {
        let (width, height) = (128, 64)
        if state.thumbnail?.source != frame.format {
            state.thumbnail = try FrameScaler(from: frame.format, width: width, height: height)
        }
        guard let small = try state.thumbnail?.scale(frame) else { return false }
        let light = small.withPicture { picture in
            let depth = picture.format.bitDepth
            return (0..<height).flatMap { y in
                let row = picture.planes.0 + y * picture.strides.0
                return (0..<width).map { x in
                    depth > 8
                        ? Float(row.loadUnaligned(fromByteOffset: 2 * x, as: UInt16.self))
                            / Float(1 << depth - 1)
                        : Float(row.load(fromByteOffset: x, as: UInt8.self)) / 255
                }
            }
        }
        return state.detector.update(
            DepthMap(
                width: width, height: height, kind: .inverseDepth,
                values: [Float](repeating: 0, count: light.count), brightness: light))
    }
}
