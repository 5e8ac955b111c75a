import CZlib
import FathomCore

/// Depth frames in NumPy's formats.
enum NumpyBytes {
    /// A depth map as an array `(H, W)` of float32.
    static func array(_ image: DepthImage) -> [UInt8] {
        NumpyFile.header([image.height, image.width]) + image.bytes
    }

    /// Whole numbers as an array of int64.
    static func array(_ values: [Int64], shape: [Int]) -> [UInt8] {
        NumpyFile.header(Shape(shape), type: "<i8")
            + values.flatMap { value in withUnsafeBytes(of: value.littleEndian) { Array($0) } }
    }

    /// The archive of a frame: `depth`, `pts` (a number) and `time_base` (numerator, denominator).
    static func archive(_ image: DepthImage, timestamp: Timestamp) -> [UInt8] {
        let timeBase = [timestamp.timeBase.numerator, timestamp.timeBase.denominator].map {
            Int64($0)
        }
        return StoredArchive.bytes([
            ("depth.npy", array(image)), ("pts.npy", array([timestamp.value], shape: [])),
            ("time_base.npy", array(timeBase, shape: [2])),
        ])
    }
}

/// A ZIP archive without compression (PKWARE's APPNOTE), as `numpy.savez` writes it.
enum StoredArchive {
    /// The bytes of an archive; the whole stays under 4 GiB.
    static func bytes(_ files: [(name: String, content: [UInt8])]) -> [UInt8] {
        var archive: [UInt8] = []
        var directory: [UInt8] = []
        func append<T: FixedWidthInteger>(_ value: T, to bytes: inout [UInt8]) {
            withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
        }
        for file in files {
            let sum = file.content.withUnsafeBufferPointer {
                crc32(0, $0.baseAddress, UInt32(file.content.count))
            }
            // Version 2.0, no flags, stored, and the earliest date: 1980-01-01.
            var fields: [UInt8] = []
            for field: UInt16 in [20, 0, 0, 0, 0x21] { append(field, to: &fields) }
            append(UInt32(truncatingIfNeeded: sum), to: &fields)
            append(UInt32(file.content.count), to: &fields)
            append(UInt32(file.content.count), to: &fields)
            append(UInt16(file.name.utf8.count), to: &fields)
            append(UInt16(0), to: &fields)
            let offset = UInt32(archive.count)
            archive += [0x50, 0x4b, 3, 4] + fields + Array(file.name.utf8) + file.content
            directory += [0x50, 0x4b, 1, 2, 20, 0] + fields
            for field: UInt16 in [0, 0, 0, 0, 0] { append(field, to: &directory) }
            append(offset, to: &directory)
            directory += Array(file.name.utf8)
        }
        let start = UInt32(archive.count)
        archive += directory + [0x50, 0x4b, 5, 6, 0, 0, 0, 0]
        append(UInt16(files.count), to: &archive)
        append(UInt16(files.count), to: &archive)
        append(UInt32(directory.count), to: &archive)
        append(start, to: &archive)
        append(UInt16(0), to: &archive)
        return archive
    }
}
