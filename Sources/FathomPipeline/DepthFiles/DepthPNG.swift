import CKernels
import CZlib

/// How values become 16-bit samples: `round((value - offset) * scale)` within 1…65535, 0 for none.
package struct DepthPNGMapping: Hashable, Sendable {
    /// Steps a unit.
    package var scale: Double
    /// The value that 0 would stand for.
    package var offset: Float

    /// Metres at a benchmark's scale.
    package init(_ scale: DepthPNGScale) {
        self.scale = Double(scale.stepsPerMetre)
        offset = 0
    }

    /// Values laid over 0…65535.
    package init(_ range: ClosedRange<Float>) {
        scale = 65535 / (Double(range.upperBound) - Double(range.lowerBound))
        offset = range.lowerBound
    }
}

/// Writes gray PNG files of 16 bits (PNG specification, third edition).
package enum DepthPNG {
    /// Level 1: from there on zlib takes several times as long for a few percent of size.
    private static let level: Int32 = 1

    /// A file's bytes, and how many values lay outside what 16 bits hold.
    ///
    /// The notes become text chunks, so that kind and unit travel with the file.
    package static func bytes(
        _ image: DepthImage, mapping: DepthPNGMapping, notes: [(String, String)]
    ) -> (bytes: [UInt8], clamped: Int) {
        let rowBytes = 2 * image.width
        var samples = [UInt8](repeating: 0, count: rowBytes * image.height)
        var filtered = [UInt8](repeating: 2, count: (rowBytes + 1) * image.height)
        var clamped = 0
        samples.withUnsafeMutableBufferPointer { target in
            guard let source = image.values.baseAddress, let bytes = target.baseAddress else {
                return
            }
            clamped = fathom_quantize_be16(
                source, image.values.count, mapping.offset, mapping.scale, 1, bytes)
            let nothing = [UInt8](repeating: 0, count: rowBytes)
            filtered.withUnsafeMutableBufferPointer { rows in
                guard let rows = rows.baseAddress else { return }
                for row in 0..<image.height {
                    let line = bytes + row * rowBytes
                    let out = rows + row * (rowBytes + 1) + 1
                    if row == 0 {
                        fathom_png_filter_up(line, nothing, rowBytes, out)
                    } else {
                        fathom_png_filter_up(line, line - rowBytes, rowBytes, out)
                    }
                }
            }
        }
        var file: [UInt8] = [0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10]
        var header = PacketBytes()
        header.append(UInt32(image.width))
        header.append(UInt32(image.height))
        header.append(contentsOf: [16, 0, 0, 0, 0])
        appendChunk("IHDR", header.bytes, to: &file)
        for (key, value) in notes {
            appendChunk("tEXt", Array(key.utf8) + [0] + Array(value.utf8), to: &file)
        }
        appendChunk("IDAT", compressed(filtered), to: &file)
        appendChunk("IEND", [], to: &file)
        return (file, clamped)
    }

    private static func compressed(_ bytes: [UInt8]) -> [UInt8] {
        let capacity = Int(compressBound(UInt(bytes.count)))
        return [UInt8](unsafeUninitializedCapacity: capacity) { target, count in
            var size = UInt(capacity)
            // With room for the bound nothing but a lack of memory can fail, which ends the process anyway.
            let status = compress2(target.baseAddress, &size, bytes, UInt(bytes.count), level)
            precondition(status == Z_OK, "zlib compresses into its own bound")
            count = Int(size)
        }
    }

    private static func appendChunk(_ name: String, _ content: [UInt8], to file: inout [UInt8]) {
        var chunk = PacketBytes()
        chunk.append(UInt32(content.count))
        chunk.append(contentsOf: name.utf8)
        chunk.append(contentsOf: content)
        let sum = chunk.bytes[4...].withUnsafeBufferPointer {
            crc32(0, $0.baseAddress, UInt32($0.count))
        }
        chunk.append(UInt32(truncatingIfNeeded: sum))
        file += chunk.bytes
    }
}
