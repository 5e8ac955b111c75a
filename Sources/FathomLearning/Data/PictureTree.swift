import FathomCore
import FathomDepth
import FathomMedia
import Foundation

/// A folder of pictures, each with a 16-bit depth PNG that is found by its name.
///
/// Pairs are `rgb_X` and `sync_depth_X` or `depth_X`, `X_colors` and `X_depth`, `rgb/X` (or `image/X`) and `depth/X`, or
/// `X.jpg` and `X.png`.
struct PictureTree: DepthDataset, ListedSamples {
    let name: String
    private let pairs: [(picture: String, depth: String?)]
    private let scale: Double

    /// Files below a folder by their paths within it, in order.
    static func files(_ root: String) -> [String] {
        guard let walk = FileManager.default.enumerator(atPath: root) else { return [] }
        return walk.compactMap { $0 as? String }.sorted()
    }

    init(_ root: String, _ files: [String], scale: Double) throws(FathomError) {
        name = root
        self.scale = scale
        let all = Set(files)
        var pairs: [(picture: String, depth: String?)] = []
        for file in files where PictureFile.isPicture(file) {
            guard let candidates = Self.depthNames(file, all) else { continue }
            pairs.append((file, candidates.first { all.contains($0) }))
        }
        guard pairs.contains(where: { $0.depth != nil }) else {
            throw FathomError(
                operation: "open", subject: root,
                cause: "no picture in it has a depth that is found by its name",
                remedy:
                    "Name them rgb_X.jpg and sync_depth_X.png, X_colors.png and X_depth.png, or rgb/X.png and depth/X.png"
            )
        }
        self.pairs = pairs
    }

    /// Where the depth of a picture may be; nil for what is a depth itself, or neither.
    private static func depthNames(_ file: String, _ all: Set<String>) -> [String]? {
        let slash = file.lastIndex(of: "/").map { file.index(after: $0) } ?? file.startIndex
        let (folder, last) = (String(file[..<slash]), String(file[slash...]))
        let stem = last.lastIndex(of: ".").map { String(last[..<$0]) } ?? last
        if stem.hasPrefix("rgb_") {
            let number = stem.dropFirst(4)
            return ["\(folder)sync_depth_\(number).png", "\(folder)depth_\(number).png"]
        }
        if stem.hasSuffix("_colors") {
            return ["\(folder)\(stem.dropLast(7))_depth.png"]
        }
        for kind in ["rgb", "image", "color"] where folder.hasSuffix("\(kind)/") {
            let parent = folder.dropLast(kind.count + 1)
            guard parent.isEmpty || parent.hasSuffix("/") else { continue }
            return ["\(parent)depth/\(stem).png"]
        }
        return last.lowercased().hasSuffix(".jpg") ? ["\(folder)\(stem).png"] : nil
    }

    var count: Int { pairs.count }

    func scene(_ index: Int) -> String {
        var parts = pairs[index].picture.split(separator: "/").dropLast()
        if let last = parts.last, ["rgb", "image", "color"].contains(last) { parts.removeLast() }
        return parts.isEmpty ? "." : parts.joined(separator: "/")
    }

    func sampleName(_ index: Int) -> String { pairs[index].picture }

    func glance(_ index: Int) throws(FathomError) {
        guard pairs[index].depth != nil else {
            throw FathomError(
                operation: "read", subject: "\(name)/\(pairs[index].picture)",
                cause: "it has no depth beside it", remedy: "Put it there, or remove the picture")
        }
    }

    func sample(_ index: Int) throws(FathomError) -> DepthSample {
        try glance(index)
        let pair = pairs[index]
        let picture = try StillImage.readColor("\(name)/\(pair.picture)")
        let depth = try FolderDataset.depth("\(name)/\(pair.depth ?? "")", scale: scale)
        var sample = DepthSample(
            name: pair.picture, scene: scene(index), picture: picture, depth: depth,
            intrinsics: try NYUDataset.intrinsics(
                width: picture.shape[2], height: picture.shape[1]))
        sample.intrinsicsSource = NYUDataset.cameraSource
        return sample
    }

    var listFormat: String { "pictures' paths below the root, first on the line" }

    func index(listed words: [String]) -> Int? {
        guard let first = words.first else { return nil }
        return pairs.firstIndex { $0.picture == first || "/\($0.picture)" == first }
    }
}
