import FathomCore
import FathomDepth
import FathomMedia
import Foundation

/// Pictures and depths that a CSV or JSON Lines file lists.
///
/// Columns: `rgb` and `depth` (paths beside the file; depth is `.npy` in metres, or 16-bit PNG with `scale` steps a metre;
/// 0 and what isn't finite is unknown). Optional: `scene`, `order` (place in the scene's clip), `fx`, `fy`, `cx`, `cy` in pixels,
/// `pose` (sixteen numbers, camera to world, by rows), `flow` (`.npy`, 2×H×W, to the next picture of the scene).
public struct FolderDataset: DepthDataset {
    private struct Row: Sendable {
        let line: Int
        let name: String
        let scene: String
        let order: Double
        let rgb: String
        let depth: String
        let scale: Double?
        let camera: [Double]?
        let pose: [Double]?
        let flow: String?
    }

    /// The file.
    public let name: String
    private let rows: [Row]

    /// Reads the list and looks whether the files are there, before any is read.
    public init(list path: String) throws(FathomError) {
        let table = try FolderTable(path)
        for wanted in ["rgb", "depth"] where !table.columns.contains(wanted) {
            let near = nearestName(to: wanted, among: table.columns.sorted())
            throw FolderTable.failure(
                path, "there is no column '\(wanted)'",
                near.map { "Is it '\($0)'? Rename it" } ?? "Add it to the header")
        }
        let folder = (path as NSString).deletingLastPathComponent
        var rows: [Row] = []
        for row in table.rows { rows.append(try Self.row(row, path, folder)) }
        // Clips in order, scenes where they first appear.
        var scenes: [String: Int] = [:]
        for row in rows where scenes[row.scene] == nil { scenes[row.scene] = scenes.count }
        self.rows = rows.sorted {
            (scenes[$0.scene] ?? 0, $0.order, $0.line) < (scenes[$1.scene] ?? 0, $1.order, $1.line)
        }
        name = path
    }

    private static func row(
        _ row: FolderTable.Row, _ path: String, _ folder: String
    ) throws(FathomError) -> Row {
        let values = row.values
        func failure(_ cause: String, _ remedy: String) -> FathomError {
            FolderTable.failure(path, "line \(row.line): \(cause)", remedy)
        }
        func numbers(_ key: String, _ count: Int) throws(FathomError) -> [Double]? {
            guard let text = values[key] else { return nil }
            let numbers = text.split(separator: " ").compactMap { Double($0) }
            guard numbers.count == count, numbers.allSatisfy(\.isFinite) else {
                throw failure("'\(key)' is '\(text)'", "Give \(count) finite numbers")
            }
            return numbers
        }
        func file(_ key: String) throws(FathomError) -> String? {
            guard let name = values[key] else { return nil }
            let place = name.hasPrefix("/") || folder.isEmpty ? name : "\(folder)/\(name)"
            guard FileManager.default.fileExists(atPath: place) else {
                throw failure("its \(key) \(place) isn't there", "Add the file or remove the row")
            }
            return place
        }
        guard let rgb = try file("rgb"), let depth = try file("depth"), let stem = values["rgb"]
        else { throw failure("rgb or depth is missing", "Give both") }
        let scale = try numbers("scale", 1)?.first
        if !depth.hasSuffix(".npy") {
            guard let scale, scale > 0 else {
                throw failure(
                    "the depth \(depth) is a picture without 'scale'",
                    "Add a column scale with the steps a metre, such as 256, 1000 or 5000")
            }
        }
        var camera: [Double] = []
        for key in ["fx", "fy", "cx", "cy"] {
            if let number = try numbers(key, 1)?.first { camera.append(number) }
        }
        guard camera.isEmpty || camera.count == 4 else {
            throw failure("it has some of fx, fy, cx and cy", "Give all four or none")
        }
        let name = (stem as NSString).deletingPathExtension
        return Row(
            line: row.line, name: name, scene: values["scene"] ?? name,
            order: try numbers("order", 1)?.first ?? Double(row.line), rgb: rgb, depth: depth,
            scale: scale, camera: camera.isEmpty ? nil : camera, pose: try numbers("pose", 16),
            flow: try file("flow"))
    }

    /// How many pictures there are.
    public var count: Int { rows.count }
    /// The scene as the row has it; else every picture is a scene of its own.
    public func scene(_ index: Int) -> String { rows[index].scene }
    /// The picture's path as the row has it, without its ending.
    public func sampleName(_ index: Int) -> String { rows[index].name }

    /// Reads a picture, its depth and what else the row has.
    public func sample(_ index: Int) throws(FathomError) -> DepthSample {
        let row = rows[index]
        let picture = try StillImage.readColor(row.rgb)
        let (height, width) = (picture.shape[1], picture.shape[2])
        let depth = try Self.depth(row)
        guard depth.shape == [height, width] else {
            throw FathomError(
                operation: "read", subject: row.depth,
                cause: "it is \(depth.shape) where its picture is \(height)x\(width)",
                remedy: "Depth and picture have the same size")
        }
        var sample = DepthSample(
            name: row.name, scene: row.scene, picture: picture, depth: depth, pose: row.pose)
        if let camera = row.camera {
            sample.intrinsics = try CameraIntrinsics(
                width: width, height: height, fx: camera[0], fy: camera[1], cx: camera[2],
                cy: camera[3])
        }
        if let path = row.flow {
            let flow = try NumpyFile.read(path)
            guard flow.shape == [2, height, width] else {
                throw FathomError(
                    operation: "read", subject: path,
                    cause: "it is \(flow.shape), not 2x\(height)x\(width)",
                    remedy: "Flow has two planes of its picture's size")
            }
            sample.flow = flow
        }
        return sample
    }

    private static func depth(_ row: Row) throws(FathomError) -> Tensor {
        let shape: Shape
        var values: [Float]
        if row.depth.hasSuffix(".npy") {
            let array = try NumpyFile.readArray(row.depth)
            switch array.kind {
            case "f4": values = array.elements(Float.self) { $0 }
            case "f8": values = array.elements(Double.self) { Float($0) }
            default:
                throw FathomError(
                    operation: "read", subject: row.depth,
                    cause: "its elements are '\(array.kind)'",
                    remedy: "Depth is float32 or float64, in metres")
            }
            shape = array.shape
        } else {
            let picture = try StillImage.readGray16(row.depth)
            let step = 1 / (row.scale ?? 1)
            values = picture.samples.map { Float(Double($0) * step) }
            shape = [picture.height, picture.width]
        }
        for place in values.indices where !(values[place].isFinite && values[place] > 0) {
            values[place] = 0
        }
        return Tensor(shape: shape, values: values)
    }
}
