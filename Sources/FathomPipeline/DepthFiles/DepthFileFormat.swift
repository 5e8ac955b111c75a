import FathomCore

/// The format of depth files, as `--frames` names it.
public enum DepthFileFormat: String, Hashable, Sendable, CaseIterable, Codable {
    /// NumPy array, float32, H×W.
    case npy
    /// NumPy archive of `depth`, `pts` and `time_base`.
    case npz
    /// PNG, gray, 16 bit.
    case png16
    /// Portable float map.
    case pfm
    /// OpenEXR, one float channel.
    case exr

    /// The ending of the files' names.
    public var fileExtension: String { self == .png16 ? "png" : rawValue }
}

/// What 16-bit files hold of metres, as `--frames-scale` names it.
public enum DepthPNGScale: String, Hashable, Sendable, CaseIterable {
    /// 256 a metre, as the KITTI depth benchmark; up to 255.99 m.
    case kitti
    /// 5000 a metre, as the TUM RGB-D benchmark; up to 13.1 m.
    case tum
    /// 1000 a metre: millimetres; up to 65.5 m.
    case mm

    /// Steps a metre.
    public var stepsPerMetre: Float {
        switch self {
        case .kitti: 256
        case .tum: 5000
        case .mm: 1000
        }
    }
}

/// One depth map on its way into a file; the values are not kept.
public struct DepthImage {
    /// `width * height` values, row by row from the top; NaN where there is none.
    public let values: UnsafeBufferPointer<Float>
    /// Samples in a row.
    public let width: Int
    /// Rows.
    public let height: Int

    /// Describes `width * height` values.
    public init(_ values: UnsafeBufferPointer<Float>, width: Int, height: Int) {
        precondition(
            width > 0 && height > 0 && values.count == width * height,
            "a depth map has all its values")
        self.values = values
        self.width = width
        self.height = height
    }

    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(values) }
}
