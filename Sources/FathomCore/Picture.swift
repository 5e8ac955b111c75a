/// How the samples of a planar picture lie in memory.
///
/// Every picture between the decoder and the encoder is planar Y′CbCr, BT.709, limited range, upright,
/// progressive: 8 bit (one byte a sample) or 10 bit (two bytes, little-endian, value in the low bits).
public struct PictureFormat: Hashable, Sendable {
    /// How many luma samples share a chroma sample.
    public enum Chroma: UInt8, Sendable {
        /// Chroma halved in both directions (rounded up).
        case c420
        /// Chroma halved horizontally (rounded up).
        case c422
        /// Chroma at full size.
        case c444
    }

    /// Width in pixels of luma.
    public var width: Int
    /// Height in pixels of luma.
    public var height: Int
    /// Chroma sampling.
    public var chroma: Chroma
    /// 8 or 10.
    public var bitDepth: Int

    /// Makes a format; sides are at least 1.
    public init(width: Int, height: Int, chroma: Chroma = .c420, bitDepth: Int = 8) {
        precondition(width > 0 && height > 0, "a picture has at least one pixel")
        precondition(bitDepth == 8 || bitDepth == 10, "a picture has 8 or 10 bits")
        self.width = width
        self.height = height
        self.chroma = chroma
        self.bitDepth = bitDepth
    }

    /// Bytes a sample.
    public var bytesPerSample: Int { bitDepth > 8 ? 2 : 1 }

    /// Width of plane 0 (Y), 1 (Cb), 2 (Cr) in samples.
    public func planeWidth(_ plane: Int) -> Int {
        plane == 0 || chroma == .c444 ? width : (width + 1) / 2
    }

    /// Height of plane 0 (Y), 1 (Cb), 2 (Cr) in samples.
    public func planeHeight(_ plane: Int) -> Int {
        plane == 0 || chroma != .c420 ? height : (height + 1) / 2
    }
}

/// Read access to a picture's planes for the length of a closure; never kept.
public struct PictureView {
    /// The picture's format.
    public let format: PictureFormat
    /// First byte of each plane.
    public let planes: (UnsafeRawPointer, UnsafeRawPointer, UnsafeRawPointer)
    /// Bytes from row to row of each plane; at least the row's own bytes.
    public let strides: (Int, Int, Int)

    /// Describes planes that hold at least `planeHeight` rows of `stride` bytes each.
    public init(
        format: PictureFormat, planes: (UnsafeRawPointer, UnsafeRawPointer, UnsafeRawPointer),
        strides: (Int, Int, Int)
    ) {
        self.format = format
        self.planes = planes
        self.strides = strides
    }
}

/// Write access to a picture's planes for the length of a closure; never kept.
public struct MutablePictureView {
    /// The picture's format.
    public let format: PictureFormat
    /// First byte of each plane.
    public let planes: (UnsafeMutableRawPointer, UnsafeMutableRawPointer, UnsafeMutableRawPointer)
    /// Bytes from row to row of each plane; at least the row's own bytes.
    public let strides: (Int, Int, Int)

    /// Describes planes that hold at least `planeHeight` rows of `stride` bytes each.
    public init(
        format: PictureFormat,
        planes: (UnsafeMutableRawPointer, UnsafeMutableRawPointer, UnsafeMutableRawPointer),
        strides: (Int, Int, Int)
    ) {
        self.format = format
        self.planes = planes
        self.strides = strides
    }

    /// The same picture, read only.
    public var readOnly: PictureView {
        PictureView(
            format: format,
            planes: (
                UnsafeRawPointer(planes.0), UnsafeRawPointer(planes.1), UnsafeRawPointer(planes.2)
            ), strides: strides)
    }
}

/// A picture in memory of its own.
public final class PictureBuffer: @unchecked Sendable {
    // Sendable: written only through `withMutableView` by the one that made it, before it is shared.

    /// The picture's format.
    public let format: PictureFormat
    private let memory: UnsafeMutableRawPointer
    private let offsets: (Int, Int, Int)
    private let strides: (Int, Int, Int)
    private static let alignment = 64

    /// A picture filled with black.
    public init(format: PictureFormat) {
        self.format = format
        func stride(_ plane: Int) -> Int {
            let bytes = format.planeWidth(plane) * format.bytesPerSample
            return (bytes + Self.alignment - 1) / Self.alignment * Self.alignment
        }
        strides = (stride(0), stride(1), stride(2))
        let sizes = (
            strides.0 * format.planeHeight(0), strides.1 * format.planeHeight(1),
            strides.2 * format.planeHeight(2)
        )
        offsets = (0, sizes.0, sizes.0 + sizes.1)
        memory = .allocate(
            byteCount: sizes.0 + sizes.1 + sizes.2 + Self.alignment, alignment: Self.alignment)
        withMutableView { view in
            let shift = format.bitDepth - 8
            func fill(_ base: UnsafeMutableRawPointer, _ bytes: Int, _ value: Int) {
                if format.bytesPerSample == 1 {
                    base.initializeMemory(as: UInt8.self, repeating: UInt8(value), count: bytes)
                } else {
                    base.initializeMemory(
                        as: UInt16.self, repeating: UInt16(value << shift), count: bytes / 2)
                }
            }
            fill(view.planes.0, sizes.0, 16)
            fill(view.planes.1, sizes.1, 128)
            fill(view.planes.2, sizes.2, 128)
        }
    }

    deinit { memory.deallocate() }

    /// Reads the planes.
    public func withView<R, E: Error>(_ body: (PictureView) throws(E) -> R) throws(E) -> R {
        try withMutableView { (view) throws(E) in try body(view.readOnly) }
    }

    /// Writes the planes; only before the picture is shared.
    public func withMutableView<R, E: Error>(
        _ body: (MutablePictureView) throws(E) -> R
    ) throws(E) -> R {
        try body(
            MutablePictureView(
                format: format,
                planes: (memory + offsets.0, memory + offsets.1, memory + offsets.2),
                strides: strides))
    }
}
