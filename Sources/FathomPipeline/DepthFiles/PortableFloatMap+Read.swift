import FathomCore

extension PortableFloatMap {
    /// The largest file that is read: a tensor's most elements and a header.
    private static let largestSize = Shape.largestCount * 4 + 100

    /// Reads a map of one channel in either order of bytes as an H×W tensor, the top row first.
    package static func read(_ path: String) throws(FathomError) -> Tensor {
        let bytes = try FileBytes.read(path, limit: largestSize)
        func failure(_ cause: String) -> FathomError {
            FathomError(
                operation: "read", subject: path, cause: cause,
                remedy: "It must be a PFM file with one channel ('Pf')")
        }
        // Four words, each ended by one blank: the magic, width, height, scale.
        var words: [String] = []
        var position = 0
        while words.count < 4 {
            let rest = bytes[position...].prefix(40)
            guard let end = rest.firstIndex(where: { $0 == 10 || $0 == 32 || $0 == 13 }) else {
                throw failure("its header is cut short")
            }
            if end > position {
                words.append(String(decoding: bytes[position..<end], as: UTF8.self))
            }
            position = end + 1
        }
        guard words[0] == "Pf" else { throw failure("it begins with '\(words[0].prefix(10))'") }
        guard let width = Int(words[1]), let height = Int(words[2]), width > 0, height > 0,
            let shape = Shape(checking: [height, width]), let scale = Double(words[3]), scale != 0
        else { throw failure("its header says '\(words[1...].joined(separator: " "))'") }
        guard bytes.count - position == 4 * shape.count else {
            throw failure(
                "it has \(bytes.count - position) bytes of values where \(shape) needs \(4 * shape.count)"
            )
        }
        return Tensor(shape: shape) { values in
            bytes.withUnsafeBytes { raw in
                for y in 0..<height {
                    for x in 0..<width {
                        let place = position + 4 * ((height - 1 - y) * width + x)
                        let bits = raw.loadUnaligned(fromByteOffset: place, as: UInt32.self)
                        values[y * width + x] = Float(
                            bitPattern: scale < 0
                                ? .init(littleEndian: bits) : .init(bigEndian: bits))
                    }
                }
            }
        }
    }
}
