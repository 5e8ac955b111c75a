import FathomCore
import FathomDepth
import FathomGraph
import FathomMedia
import FathomPipeline
import Foundation

/// Predictions that somebody wrote: one file a picture, named as the picture.
public final class PredictionFolder: DepthPredictor {
    /// What the numbers of the files mean.
    public let kind: DepthKind
    private let folder: String
    private let scale: Double?
    private let files: [String: String]

    /// Endings of names that are looked for, in this order.
    public static let endings = ["npy", "pfm", "exr", "png"]

    /// Finds the file of each sample, before anything is read.
    ///
    /// A file has the sample's name (its picture's path without the ending) below the folder, or its last part alone where
    /// that is unique.
    ///
    /// - Parameters:
    ///   - names: the samples' names.
    ///   - scale: steps a unit of 16-bit files.
    public init(
        _ folder: String, kind: DepthKind, scale: Double?, names: [String]
    ) throws(FathomError) {
        self.folder = folder
        self.kind = kind
        self.scale = scale
        var lastParts: [String: Int] = [:]
        for name in names { lastParts[Self.last(name), default: 0] += 1 }
        var files: [String: String] = [:]
        var missing: [String] = []
        for name in names {
            let last = Self.last(name)
            let stems = lastParts[last] == 1 ? [Self.stem(name), last] : [Self.stem(name)]
            let found = stems.lazy.flatMap { stem in Self.endings.map { "\(folder)/\(stem).\($0)" }
            }
            .first { FileManager.default.fileExists(atPath: $0) }
            if let found { files[name] = found } else { missing.append(name) }
        }
        guard missing.isEmpty else {
            throw FathomError(
                operation: "read", subject: "the predictions in \(folder)",
                cause:
                    "\(missing.count) of \(names.count) pictures have none, such as \(missing[0])",
                remedy:
                    "Name each file as its picture, with \(Self.endings.joined(separator: ", ")) as the ending"
            )
        }
        self.files = files
    }

    private static func stem(_ name: String) -> String {
        let path = name.hasPrefix("/") ? String(name.drop { $0 == "/" }) : name
        let url = path as NSString
        return ["png", "jpg", "jpeg", "bmp", "tif", "tiff", "webp", "ppm"].contains(
            url.pathExtension.lowercased()) ? url.deletingPathExtension : path
    }

    private static func last(_ name: String) -> String {
        (stem(name) as NSString).lastPathComponent
    }

    /// The folder.
    public var description: PredictorDescription {
        PredictorDescription(name: folder, source: "predictions")
    }

    /// Files carry nothing along.
    public func beginClip() {}

    /// Reads the sample's file.
    public func predict(_ sample: DepthSample) throws(FathomError) -> DepthPrediction {
        guard let path = files[sample.name] else {
            throw FathomError(
                operation: "read", subject: "the predictions in \(folder)",
                cause: "there is none for \(sample.name)", remedy: "Name each file as its picture")
        }
        switch (path as NSString).pathExtension {
        case "npy": return try array(path)
        case "pfm": return map(try PortableFloatMap.read(path))
        case "exr": return map(try OpenEXRFile.read(path))
        default: return try picture(path)
        }
    }

    private func map(_ values: Tensor) -> DepthPrediction {
        DepthPrediction(
            width: values.shape[1], height: values.shape[0], values: values.values, kind: kind)
    }

    private func array(_ path: String) throws(FathomError) -> DepthPrediction {
        func error(_ cause: String) -> FathomError {
            FathomError(
                operation: "read", subject: path, cause: cause,
                remedy: "A prediction is one map, H×W, of float16, float32 or float64")
        }
        let array = try NumpyFile.readArray(path)
        let values: [Float]
        switch array.kind {
        case "f2": values = array.elements(Float16.self) { Float($0) }
        case "f4": values = array.elements(Float.self) { $0 }
        case "f8": values = array.elements(Double.self) { Float($0) }
        default: throw error("its elements are '\(array.kind)'")
        }
        var sides = array.shape.dimensions
        while sides.count > 2, let axis = sides.firstIndex(of: 1) { sides.remove(at: axis) }
        guard sides.count == 2, !values.isEmpty else { throw error("its shape is \(array.shape)") }
        return DepthPrediction(width: sides[1], height: sides[0], values: values, kind: kind)
    }

    private func picture(_ path: String) throws(FathomError) -> DepthPrediction {
        guard let scale = scale ?? (kind == .metres ? nil : 1) else {
            throw FathomError(
                .usage, operation: "read", subject: path,
                cause: "how many steps of its 16 bits are a metre isn't known",
                remedy: "Give --scale, such as 256 (KITTI), 1000 (millimetres) or 5000 (TUM)")
        }
        let picture = try StillImage.readGray16(path)
        let step = Float(1 / scale)
        return DepthPrediction(
            width: picture.width, height: picture.height,
            values: picture.samples.map { Float($0) * step }, kind: kind)
    }
}
