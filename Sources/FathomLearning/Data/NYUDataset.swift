import FathomCore
import FathomDepth
import FathomMedia
import Foundation

/// NYU Depth V2 (Silberman et al. 2012) in the three forms in which it is passed on.
enum NYUDataset {
    /// By what the root is: a `.mat` file, a folder with `.h5` files, or a folder of pictures.
    static func open(
        _ configuration: DataConfiguration
    ) throws(FathomError) -> any DepthDataset & ListedSamples {
        var isFolder: ObjCBool = false
        guard
            FileManager.default.fileExists(atPath: configuration.root, isDirectory: &isFolder)
        else {
            throw FathomError(
                operation: "open", subject: configuration.root, cause: "there is no such file",
                remedy: "Give 'root' the .mat file, or the folder of .h5 files or pictures")
        }
        guard isFolder.boolValue else {
            return try NYULabelled(configuration.root, truth: configuration.truth)
        }
        let files = PictureTree.files(configuration.root)
        if files.contains(where: { $0.hasSuffix(".h5") }) {
            return try NYUShards(configuration.root, files.filter { $0.hasSuffix(".h5") })
        }
        return try PictureTree(configuration.root, files, scale: configuration.scale)
    }

    /// The colour camera of the data set's own toolbox (camera_params.m), for 640×480.
    static func intrinsics(width: Int, height: Int) throws(FathomError) -> CameraIntrinsics? {
        guard width == 640, height == 480 else { return nil }
        return try CameraIntrinsics(
            width: 640, height: 480, fx: 518.85790117450188, fy: 519.46961112127485,
            cx: 325.58244941119034, cy: 253.73616633400465)
    }

    static let cameraSource = "NYU Depth V2 toolbox, camera_params.m"

    /// W×H numbers, column after column as MATLAB keeps them, as H×W.
    static func turned(_ values: [Float], width: Int, height: Int) -> Tensor {
        Tensor(shape: [height, width]) { target in
            for row in 0..<height {
                for column in 0..<width {
                    target[row * width + column] = values[column * height + row]
                }
            }
        }
    }
}

/// The labelled file, MATLAB 7.3: HDF5 with every axis in reverse.
struct NYULabelled: DepthDataset, ListedSamples {
    let name: String
    let count: Int
    private let file: HDF5File
    private let depths: String
    private let scenes: [String]
    private let width: Int
    private let height: Int

    init(_ path: String, truth: DataConfiguration.Truth) throws(FathomError) {
        name = path
        file = try HDF5File(path)
        depths = truth == .raw ? "rawDepths" : "depths"
        let pictures = try file.shape("images")
        let maps = try file.shape(depths)
        guard pictures.count == 4, pictures[1] == 3, maps.count == 3, maps[0] == pictures[0],
            maps[1] == pictures[2], maps[2] == pictures[3], pictures[0] > 0,
            (1...32768).contains(pictures[2]), (1...32768).contains(pictures[3])
        else {
            throw FathomError(
                operation: "open", subject: path,
                cause: "its 'images' are \(pictures) and its '\(depths)' \(maps)",
                remedy: "They must be N×3×W×H and N×W×H, as MATLAB writes H×W×3×N")
        }
        count = pictures[0]
        (width, height) = (pictures[2], pictures[3])
        let names = file.has("scenes") ? try file.texts("scenes") : []
        // Without names each picture is a scene of its own.
        scenes = names.count == count ? names : (0..<count).map { "picture-\($0 + 1)" }
    }

    func scene(_ index: Int) -> String { scenes[index] }

    func sampleName(_ index: Int) -> String { "\(scenes[index])/\(index + 1)" }

    func sample(_ index: Int) throws(FathomError) -> DepthSample {
        let bytes = try file.bytes("images", at: index)
        let plane = width * height
        let picture = Tensor(shape: [3, height, width]) { target in
            for channel in 0..<3 {
                for row in 0..<height {
                    for column in 0..<width {
                        target[(channel * height + row) * width + column] =
                            Float(bytes[channel * plane + column * height + row]) / 255
                    }
                }
            }
        }
        let depth = NYUDataset.turned(
            try file.floats(depths, at: index), width: width, height: height)
        var sample = DepthSample(
            name: sampleName(index), scene: scenes[index], picture: picture, depth: depth,
            intrinsics: try NYUDataset.intrinsics(width: width, height: height))
        sample.intrinsicsSource = NYUDataset.cameraSource
        return sample
    }

    var listFormat: String { "numbers of pictures from 1, as in splits.mat" }

    func index(listed words: [String]) -> Int? {
        guard words.count == 1, let number = Int(words[0]), (1...count).contains(number) else {
            return nil
        }
        return number - 1
    }
}

/// Shards of one picture a file, as sparse-to-dense and FastDepth pass them on: `SCENE/FRAME.h5` with `rgb` (3, H, W)
/// and `depth` (H, W) in metres.
struct NYUShards: DepthDataset, ListedSamples {
    let name: String
    private let files: [String]

    init(_ root: String, _ files: [String]) throws(FathomError) {
        name = root
        self.files = files
    }

    var count: Int { files.count }

    func scene(_ index: Int) -> String {
        let parts = files[index].split(separator: "/")
        return parts.count > 1 ? String(parts[parts.count - 2]) : "."
    }

    func sampleName(_ index: Int) -> String { files[index] }

    func sample(_ index: Int) throws(FathomError) -> DepthSample {
        let path = "\(name)/\(files[index])"
        let file = try HDF5File(path)
        let shape = try file.shape("rgb")
        let map = try file.shape("depth")
        guard shape.count == 3, shape[0] == 3, map.count == 2, map[0] == shape[1],
            map[1] == shape[2], (1...32768).contains(map[0]), (1...32768).contains(map[1])
        else {
            throw FathomError(
                operation: "read", subject: path,
                cause: "its 'rgb' is \(shape) and its 'depth' \(map)",
                remedy: "They must be 3×H×W and H×W")
        }
        let bytes = try file.bytes("rgb", at: nil)
        let (height, width) = (map[0], map[1])
        var sample = DepthSample(
            name: files[index], scene: scene(index),
            picture: Tensor(shape: [3, height, width], values: bytes.map { Float($0) / 255 }),
            depth: Tensor(shape: [height, width], values: try file.floats("depth", at: nil)),
            intrinsics: try NYUDataset.intrinsics(width: width, height: height))
        sample.intrinsicsSource = NYUDataset.cameraSource
        return sample
    }

    var listFormat: String { "paths of .h5 files below the root" }

    func index(listed words: [String]) -> Int? {
        files.firstIndex(of: words.joined(separator: " "))
    }
}
