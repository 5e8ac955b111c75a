import FathomCore
import FathomDepth
import FathomMedia
import Foundation

/// One's own pictures with depth, described by a CSV or JSONL file.
///
/// Rows have `rgb` and `depth` (paths beside the file; depth as `.npy` in metres, or as 16-bit gray PNG with `scale`
/// steps a metre), and may have `scene`, `fx`, `fy`, `cx`, `cy`, `clip` (rows of one clip follow each other in time),
/// `other` with `baseline` (the other eye's picture and where it is in metres), and in JSONL `pose` (16 numbers, camera
/// to world, row by row) and `flow` (`.npy`, 2×H×W). Depth 0 is unknown; infinite is the sky.
public struct FolderDataset: DepthDataset, ListedSamples {
    /// One row.
    public struct Row: Codable, Hashable, Sendable {
        /// The picture's path, as written.
        public var rgb: String
        /// The depth's path, as written; nil where only pictures are listed.
        public var depth: String?
        /// Steps a metre of a 16-bit PNG.
        public var scale: Double?
        /// The scene it's from.
        public var scene: String?
        /// Focal lengths and principal point in pixels.
        public var fx: Double?
        /// See `fx`.
        public var fy: Double?
        /// See `fx`.
        public var cx: Double?
        /// See `fx`.
        public var cy: Double?
        /// The clip it's a picture of.
        public var clip: String?
        /// The other eye's picture.
        public var other: String?
        /// Metres to the other eye, positive to the right.
        public var baseline: Double?
        /// Camera to world.
        public var pose: [Double]?
        /// Motion to the next picture.
        public var flow: String?

        /// A row of a picture and its depth.
        public init(rgb: String, depth: String?) {
            self.rgb = rgb
            self.depth = depth
        }
    }

    /// What errors call it: the list's path.
    public let name: String
    /// The rows.
    public let rows: [Row]
    private let folder: String
    private let hasDepth: Bool
    private static let largestList = 1 << 30

    /// Reads a list; the files that it names are not opened yet.
    ///
    /// - Parameter hasDepth: false for pictures whose depth nobody knows or wants: all of it is 0.
    public init(list path: String, hasDepth: Bool = true) throws(FathomError) {
        name = path
        self.hasDepth = hasDepth
        let slash = path.lastIndex(of: "/")
        folder = slash.map { String(path[..<$0]) } ?? "."
        var isFolder: ObjCBool = false
        if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue
        {
            throw Self.failure(
                path, "it is a folder", "Name the CSV or JSONL file that lists its pictures")
        }
        let bytes = try FileBytes.read(path, limit: Self.largestList)
        let text = String(decoding: bytes, as: UTF8.self)
        rows =
            path.lowercased().hasSuffix(".csv")
            ? try Self.commaSeparated(text, path) : try Self.jsonLines(text, path)
        guard !rows.isEmpty else {
            throw Self.failure(path, "it has no rows", "Write a row for each picture")
        }
    }

    /// Writes rows as JSON Lines, complete or not at all.
    static func write(_ rows: [Row], to path: String) throws(FathomError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            let lines = try rows.map { String(decoding: try encoder.encode($0), as: UTF8.self) }
            try (lines.joined(separator: "\n") + "\n").write(
                toFile: path, atomically: true, encoding: .utf8)
        } catch {
            throw FathomError(
                operation: "write", subject: path, cause: error.localizedDescription)
        }
    }

    private static func failure(_ path: String, _ cause: String, _ remedy: String) -> FathomError {
        FathomError(operation: "read", subject: path, cause: cause, remedy: remedy)
    }

    private static func jsonLines(_ text: String, _ path: String) throws(FathomError) -> [Row] {
        var rows: [Row] = []
        let decoder = JSONDecoder()
        for (number, line) in text.split(
            omittingEmptySubsequences: false, whereSeparator: \.isNewline
        ).enumerated() where !line.allSatisfy(\.isWhitespace) {
            do { rows.append(try decoder.decode(Row.self, from: Data(line.utf8))) } catch {
                throw failure(
                    path, "line \(number + 1) is no row with 'rgb' and 'depth'",
                    "Write {\"rgb\": \"a.png\", \"depth\": \"a.npy\"}")
            }
        }
        return rows
    }

    private static func commaSeparated(
        _ text: String, _ path: String
    ) throws(FathomError) -> [Row] {
        let lines = text.split(whereSeparator: \.isNewline).map { fields($0) }
        guard let head = lines.first else { return [] }
        let known = [
            "rgb", "depth", "scale", "scene", "fx", "fy", "cx", "cy", "clip", "other", "baseline",
            "flow",
        ]
        guard let rgb = head.firstIndex(of: "rgb") else {
            throw failure(
                path, "its first line names no column 'rgb'",
                "Begin with a line such as 'rgb,depth,scene'")
        }
        if let unknown = head.first(where: { !known.contains($0) }) {
            let near = nearestName(to: unknown, among: known)
            throw failure(
                path, "there is no column '\(unknown)'",
                near.map { "Did you mean '\($0)'?" }
                    ?? "Columns are \(known.joined(separator: ", "))"
            )
        }
        var rows: [Row] = []
        for (number, values) in lines.dropFirst().enumerated() {
            guard values.count == head.count else {
                throw failure(
                    path, "row \(number + 1) has \(values.count) values for \(head.count) columns",
                    "Quote values that contain commas")
            }
            func text(_ key: String) -> String? {
                guard let column = head.firstIndex(of: key) else { return nil }
                return values[column].isEmpty ? nil : values[column]
            }
            func value(_ key: String) throws(FathomError) -> Double? {
                guard let text = text(key) else { return nil }
                guard let value = Double(text), value.isFinite else {
                    throw failure(
                        path, "row \(number + 1): '\(key)' is '\(text)'", "Write a number")
                }
                return value
            }
            var row = Row(rgb: values[rgb], depth: text("depth"))
            row.scale = try value("scale")
            row.scene = text("scene")
            (row.fx, row.fy) = (try value("fx"), try value("fy"))
            (row.cx, row.cy) = (try value("cx"), try value("cy"))
            row.clip = text("clip")
            row.other = text("other")
            row.baseline = try value("baseline")
            row.flow = text("flow")
            rows.append(row)
        }
        return rows
    }

    /// The values of a line; quotes around a value may hold commas, two of them inside stand for one (RFC 4180).
    private static func fields(_ line: Substring) -> [String] {
        var fields = [""]
        var isQuoted = false
        for character in line {
            if character == "\"" {
                // The second of two quotes inside a quoted value opens it again and leaves one behind.
                if !isQuoted, fields[fields.count - 1].last != nil {
                    fields[fields.count - 1] += "\""
                }
                isQuoted.toggle()
            } else if character == ",", !isQuoted {
                fields.append("")
            } else {
                fields[fields.count - 1].append(character)
            }
        }
        return fields.map { $0.trimmingCharacters(in: .whitespaces) }
    }

    /// How many rows there are.
    public var count: Int { rows.count }

    /// A row's scene; its clip, or the folder of its picture, where it says none.
    public func scene(_ index: Int) -> String {
        let row = rows[index]
        if let scene = row.scene ?? row.clip { return scene }
        return row.rgb.lastIndex(of: "/").map { String(row.rgb[..<$0]) } ?? "."
    }

    /// The picture's path as written.
    public func sampleName(_ index: Int) -> String { rows[index].rgb }

    /// A path of a row as the system knows it.
    public func path(_ written: String) -> String {
        written.hasPrefix("/") ? written : "\(folder)/\(written)"
    }

    /// Checks that a row's files are there.
    public func glance(_ index: Int) throws(FathomError) {
        let row = rows[index]
        guard row.depth != nil || !hasDepth else { throw missingDepth(row) }
        for written in [row.rgb, hasDepth ? row.depth : nil, row.other, row.flow].compactMap({ $0 })
        where !FileManager.default.isReadableFile(atPath: path(written)) {
            throw Self.failure(
                path(written), "there is no such file, which \(name) names",
                "Mend the row, or put the file there")
        }
    }

    private func missingDepth(_ row: Row) -> FathomError {
        Self.failure(
            name, "the row of \(row.rgb) has no depth",
            "Add 'depth' to it, or write 'truth: none' under data to learn without depth")
    }

    /// Reads a row's files.
    public func sample(_ index: Int) throws(FathomError) -> DepthSample {
        let row = rows[index]
        let picture = try StillImage.readColor(path(row.rgb))
        let depth: Tensor
        if !hasDepth {
            depth = Tensor(shape: [picture.shape[1], picture.shape[2]])
        } else if let written = row.depth {
            depth = try Self.depth(path(written), scale: row.scale)
        } else {
            throw missingDepth(row)
        }
        var sample = DepthSample(
            name: row.rgb, scene: scene(index), picture: picture, depth: depth)
        if let fx = row.fx {
            let (width, height) = (picture.shape[2], picture.shape[1])
            do throws(FathomError) {
                sample.intrinsics = try CameraIntrinsics(
                    width: width, height: height, fx: fx, fy: row.fy ?? fx,
                    cx: row.cx ?? Double(width) / 2, cy: row.cy ?? Double(height) / 2)
            } catch { throw Self.failure(name, "\(row.rgb): \(error.cause)", error.remedy) }
            sample.intrinsicsSource = "the list's row"
        }
        if let pose = row.pose {
            guard pose.count == 16, pose.allSatisfy(\.isFinite) else {
                throw Self.failure(
                    name, "the pose of \(row.rgb) isn't 16 numbers", "Write a 4×4 matrix")
            }
            sample.pose = pose
        }
        if let flow = row.flow {
            let field = try NumpyFile.read(path(flow))
            guard field.shape == [2, depth.shape[0], depth.shape[1]] else {
                throw Self.failure(
                    path(flow), "it is \(field.shape)", "It must be 2×height×width")
            }
            sample.flow = field
        }
        return sample
    }

    /// Metres of a `.npy` file (H×W float32) or a 16-bit gray PNG with `scale` steps a metre, H×W.
    public static func depth(_ path: String, scale: Double?) throws(FathomError) -> Tensor {
        if path.lowercased().hasSuffix(".npy") {
            let array = try NumpyFile.readArray(path)
            guard array.shape.rank == 2 else {
                throw failure(path, "it is \(array.shape)", "It must be height×width")
            }
            let divisor = Float(scale ?? 1)
            switch array.kind {
            case "f4":
                return Tensor(
                    shape: array.shape, values: array.elements(Float.self) { $0 / divisor })
            case "f8":
                return Tensor(
                    shape: array.shape, values: array.elements(Double.self) { Float($0) / divisor })
            case "f2":
                return Tensor(
                    shape: array.shape,
                    values: array.elements(UInt16.self) { Float(Float16(bitPattern: $0)) / divisor }
                )
            default:
                throw failure(
                    path, "its elements are '\(array.kind)'", "They must be floating point metres")
            }
        }
        guard let scale, scale > 0, scale.isFinite else {
            throw failure(
                path, "no scale says how many of its steps are a metre",
                "Add 'scale' to the row: 1000 for millimetres, 256 for KITTI")
        }
        let picture = try StillImage.readGray16(path)
        let divisor = Float(scale)
        return Tensor(
            shape: [picture.height, picture.width],
            values: picture.samples.map { Float($0) / divisor })
    }

    /// The next row of the same clip.
    public func neighbour(of index: Int, by offset: Int) -> Int? {
        let other = index + offset
        guard rows.indices.contains(other), let clip = rows[index].clip else { return nil }
        let between = min(index, other)...max(index, other)
        return between.allSatisfy { rows[$0].clip == clip } ? other : nil
    }

    /// The picture that a row calls `other`.
    public func otherEye(
        _ index: Int
    ) throws(FathomError) -> (picture: Tensor, baseline: Float)? {
        let row = rows[index]
        guard let other = row.other else { return nil }
        guard let baseline = row.baseline, baseline != 0 else {
            throw Self.failure(
                name, "the row of \(row.rgb) has 'other' and no 'baseline'",
                "Add the metres between the eyes")
        }
        return (try StillImage.readColor(path(other)), Float(baseline))
    }

    var listFormat: String { "'rgb' paths as the list has them, or row numbers from 0" }

    func index(listed words: [String]) -> Int? {
        let text = words.joined(separator: " ")
        if let index = rows.firstIndex(where: { $0.rgb == text }) { return index }
        return Int(text).flatMap { rows.indices.contains($0) ? $0 : nil }
    }
}
