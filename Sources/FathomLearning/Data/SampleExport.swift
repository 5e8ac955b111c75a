import FathomCore
import FathomDepth
import FathomMedia
import Foundation

/// Writes a sample of a data set as files, so that another program can check what a network is given.
public struct SampleExport: Sendable {
    /// The training configuration.
    public var configuration: String
    /// The part.
    public var split: SplitName
    /// Which sample of it.
    public var index: Int
    /// Where to; made where it isn't there.
    public var folder: String
    /// Whether the tensors that a network gets are written too.
    public var withTensors = false
    /// Variations on a contact sheet; 0 for none.
    public var variations = 0

    /// A sample of a part.
    public init(configuration: String, split: SplitName, index: Int, folder: String) {
        self.configuration = configuration
        self.split = split
        self.index = index
        self.folder = folder
    }

    /// The camera, as written.
    public struct Intrinsics: Codable, Hashable, Sendable {
        /// Focal lengths and principal point in pixels of a picture of this size; null where nothing is known.
        public let fx: Double?
        /// See `fx`.
        public let fy: Double?
        /// See `fx`.
        public let cx: Double?
        /// See `fx`.
        public let cy: Double?
        /// Pixels across.
        public let width: Int
        /// Pixels down.
        public let height: Int
        /// Where the numbers are from.
        public let source: String
    }

    /// What was written.
    public struct Result: Codable, Sendable {
        /// The sample.
        public let name: String
        /// Its scene.
        public let scene: String
        /// The files.
        public let files: [String]
    }

    /// Writes `rgb.png`, `depth.npy` (metres, 0 where unknown or in the sky) and `intrinsics.json` at the source's size;
    /// asked for, `input.npy` (3×H×W) and `target.npy` (1×H×W) with `valid.npy`, and `augmented.png`.
    public func run() throws(FathomError) -> Result {
        let sections = try DataSections(file: configuration)
        let data = try PreparedData(sections.data)
        let sample = try data.sample(split, index)
        do {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true)
        } catch {
            throw FathomError(
                operation: "make", subject: folder, cause: error.localizedDescription)
        }
        var files = ["rgb.png", "depth.npy", "intrinsics.json"]
        try StillImage.writePNG(sample.picture, to: path("rgb.png"))
        try NumpyFile.write(
            Tensor(
                shape: sample.depth.shape,
                values: sample.depth.values.map { $0.isFinite ? $0 : 0 }), to: path("depth.npy"))
        try write(sample)
        if withTensors {
            let tensors = try SamplePreparation(sections.data).tensors(sample, nil)
            for (key, file) in [
                ("image", "input.npy"), ("target", "target.npy"), ("valid", "valid.npy"),
            ] {
                guard let tensor = tensors[key] else { continue }
                try NumpyFile.write(tensor, to: path(file))
                files.append(file)
            }
        }
        if variations > 0 {
            try writeSheet(sample, sections)
            files.append("augmented.png")
        }
        return Result(name: sample.name, scene: sample.scene, files: files.map(path))
    }

    private func path(_ name: String) -> String { "\(folder)/\(name)" }

    private func write(_ sample: DepthSample) throws(FathomError) {
        let camera = sample.intrinsics
        let intrinsics = Intrinsics(
            fx: camera?.fx, fy: camera?.fy, cx: camera?.cx, cy: camera?.cy,
            width: sample.picture.shape[2], height: sample.picture.shape[1],
            source: camera == nil ? "unknown" : sample.intrinsicsSource)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        do {
            let json = try encoder.encode(intrinsics)
            try json.write(to: URL(fileURLWithPath: path("intrinsics.json")))
        } catch {
            throw FathomError(
                operation: "write", subject: path("intrinsics.json"),
                cause: error.localizedDescription)
        }
    }

    /// Variations beside each other, picture above inverse depth; the first is the sample as it is.
    private func writeSheet(_ sample: DepthSample, _ sections: DataSections) throws(FathomError) {
        let size = sections.data.size
        let count = variations + 1
        let columns = min(count, 4)
        let rows = (count + columns - 1) / columns
        guard size.width * columns * size.height * 2 * rows <= 1 << 27 else {
            throw FathomError(
                .usage, operation: "draw", subject: "\(variations) variations",
                cause: "the sheet would be too large", remedy: "Ask for fewer")
        }
        let (width, height) = (size.width * columns, size.height * 2 * rows)
        var sheet = [UInt8](repeating: 0, count: 3 * width * height)
        for number in 0..<count {
            var random = SeededRandom(sections.seed &+ UInt64(number) &* 0x9e37_79b9)
            let draw =
                number == 0 ? nil : Augmentation(sections.augmentation, random: &random)
            let varied = try SamplePreparation(sections.data).varied(sample, draw)
            let picture = StillImage.interleaved(varied.picture)
            let depth = Self.shades(varied.depth)
            let left = number % columns * size.width
            let top = number / columns * size.height * 2
            for row in 0..<size.height {
                for column in 0..<size.width {
                    let from = row * size.width + column
                    let above = 3 * ((top + row) * width + left + column)
                    let below = above + 3 * size.height * width
                    for channel in 0..<3 {
                        sheet[above + channel] = picture[3 * from + channel]
                        sheet[below + channel] = depth[from]
                    }
                }
            }
        }
        try StillImage.writePNG(rgb: sheet, width: width, height: height, to: path("augmented.png"))
    }

    /// Inverse depth as gray: the nearest white, unknown and sky black.
    private static func shades(_ depth: Tensor) -> [UInt8] {
        let inverse = depth.values.map { $0 > 0 && $0.isFinite ? 1 / $0 : 0 }
        let largest = max(inverse.max() ?? 0, 1e-9)
        return inverse.map { UInt8(min(($0 / largest).squareRoot() * 255, 255)) }
    }
}
