/// Portable float maps: `Pf`, little-endian by a negative scale, bottom row first.
package enum PortableFloatMap {
    static func bytes(_ image: DepthImage) -> [UInt8] {
        var file = Array("Pf\n\(image.width) \(image.height)\n-1.0\n".utf8)
        let stride = 4 * image.width
        file.reserveCapacity(file.count + image.bytes.count)
        for row in (0..<image.height).reversed() {
            file += image.bytes[row * stride..<(row + 1) * stride]
        }
        return file
    }
}
