/// Arrays in NumPy's `.npy` files: C order, little-endian. Tensors are float32.
///
/// Format: numpy.org, "A simple file format for NumPy arrays", versions 1.0 to 3.0; 1.0 is written.
public enum NumpyFile {
    /// An array as a file holds it.
    public struct RawArray: Sendable {
        /// The lengths of the axes.
        public let shape: Shape
        /// Letter and bytes of an element, such as `f4`, `i8` or `b1`.
        public let kind: String
        private let bytes: ArraySlice<UInt8>

        fileprivate init(shape: Shape, kind: String, bytes: ArraySlice<UInt8>) {
            self.shape = shape
            self.kind = kind
            self.bytes = bytes
        }

        /// The elements, read as `T`, which has as many bytes as they have.
        public func elements<T: BitwiseCopyable, R>(_ type: T.Type, _ convert: (T) -> R) -> [R] {
            bytes.withUnsafeBytes { raw in
                precondition(raw.count == shape.count * MemoryLayout<T>.size)
                return (0..<shape.count).map {
                    convert(
                        raw.loadUnaligned(fromByteOffset: $0 * MemoryLayout<T>.size, as: T.self))
                }
            }
        }
    }

    /// The largest file that is read: a tensor's most elements and a header.
    private static let largestSize = Shape.largestCount * 4 + largestHeader
    /// The longest header that is believed.
    private static let largestHeader = 1 << 16
    private static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)

    /// Reads a file.
    public static func read(_ path: String) throws(FathomError) -> Tensor {
        try tensor(FileBytes.read(path, limit: largestSize), name: path)
    }

    /// Reads a file of any kind of numbers.
    public static func readArray(_ path: String) throws(FathomError) -> RawArray {
        try array(FileBytes.read(path, limit: largestSize), name: path)
    }

    /// Writes a header and the bytes of the elements as a file anew.
    public static func write(
        _ header: [UInt8], _ elements: [UInt8], to path: String
    ) throws(FathomError) {
        let status: Result<Void, FathomError> = header.withUnsafeBytes { head in
            elements.withUnsafeBytes { values in
                do throws(FathomError) {
                    try FileBytes.write(path, [head, values])
                    return .success(())
                } catch {
                    return .failure(error)
                }
            }
        }
        try status.get()
    }

    /// Writes a file anew.
    public static func write(_ tensor: Tensor, to path: String) throws(FathomError) {
        let header = header(tensor.shape)
        let status: Result<Void, FathomError> = header.withUnsafeBytes { head in
            tensor.withUnsafeBuffer { values in
                do throws(FathomError) {
                    try FileBytes.write(path, [head, UnsafeRawBufferPointer(values)])
                    return .success(())
                } catch {
                    return .failure(error)
                }
            }
        }
        try status.get()
    }

    /// The bytes before the elements, a multiple of 64.
    public static func header(_ shape: Shape, type: String = "<f4") -> [UInt8] {
        let lengths = shape.dimensions.map { "\($0)," }.joined(separator: " ")
        // A tuple ends in a comma only where it has one element.
        let tuple = shape.rank == 1 ? lengths : String(lengths.dropLast())
        var text = "{'descr': '\(type)', 'fortran_order': False, 'shape': (\(tuple)), }"
        let prefix = magic.count + 4
        let padding = 63 - (prefix + text.utf8.count) % 64
        text += String(repeating: " ", count: padding) + "\n"
        let length = text.utf8.count
        return magic + [1, 0, UInt8(length & 255), UInt8(length >> 8)] + Array(text.utf8)
    }

    /// Takes a file's bytes apart; `name` is what errors call it.
    public static func tensor(_ bytes: [UInt8], name: String) throws(FathomError) -> Tensor {
        let array = try array(bytes, name: name)
        guard array.kind == "f4" else {
            throw failure("its elements are '\(array.kind)'", name, "of float32 in C order")
        }
        return Tensor(shape: array.shape, values: array.elements(Float.self) { $0 })
    }

    private static func failure(
        _ cause: String, _ name: String, _ wanted: String = "in C order"
    ) -> FathomError {
        FathomError(
            operation: "read", subject: name, cause: cause,
            remedy: "It must be a .npy file \(wanted)")
    }

    private static func array(_ bytes: [UInt8], name: String) throws(FathomError) -> RawArray {
        func failure(_ cause: String) -> FathomError { Self.failure(cause, name) }
        guard bytes.count >= 12, Array(bytes[0..<6]) == magic, (1...3).contains(bytes[6]) else {
            throw failure("it is no .npy file")
        }
        let wide = bytes[6] > 1
        let start = wide ? 12 : 10
        let length = (8..<start).reversed().reduce(0) { $0 << 8 | Int(bytes[$1]) }
        guard length <= largestHeader, length <= bytes.count - start else {
            throw failure("its header is cut short")
        }
        let text = String(decoding: bytes[start..<start + length], as: UTF8.self)
        guard let kind = value(of: "descr", in: text),
            let order = value(of: "fortran_order", in: text),
            let tuple = value(of: "shape", in: text)
        else { throw failure("its header lacks descr, fortran_order or shape") }
        // The first letter is the order of bytes, which those of one byte do not have.
        let isLittle = kind.count == 5 && ["<", "|"].contains(kind.dropFirst().first)
        guard isLittle, let width = kind.dropLast().last?.wholeNumberValue, width > 0 else {
            throw failure("its elements are \(kind)")
        }
        guard order == "False" else { throw failure("it is in Fortran order") }
        let words = tuple.dropFirst().dropLast().split(separator: ",").map {
            $0.filter { $0 != " " }
        }
        let lengths = words.filter { !$0.isEmpty }.map { Int($0) }
        guard tuple.hasPrefix("("), !lengths.contains(nil),
            let shape = Shape(checking: lengths.compactMap { $0 })
        else { throw failure("its shape \(tuple) is impossible") }
        let data = start + length
        guard bytes.count - data == shape.count * width else {
            throw failure(
                "it has \(bytes.count - data) bytes of elements where its shape \(shape) needs \(shape.count * width)"
            )
        }
        return RawArray(
            shape: shape, kind: String(kind.dropFirst(2).dropLast()), bytes: bytes[data...])
    }

    /// What stands after `'key':` up to the next comma outside parentheses, or the closing brace.
    private static func value(of key: String, in text: String) -> String? {
        for quote in ["'", "\""] {
            let parts = text.split(
                separator: "\(quote)\(key)\(quote):", maxSplits: 1, omittingEmptySubsequences: false
            )
            guard parts.count == 2 else { continue }
            var depth = 0
            let end = parts[1].firstIndex { character in
                if character == "(" { depth += 1 }
                if character == ")" { depth -= 1 }
                return depth == 0 && (character == "," || character == "}")
            }
            guard let end else { return nil }
            var result = parts[1][..<end]
            while result.first == " " { result.removeFirst() }
            while result.last == " " { result.removeLast() }
            return String(result)
        }
        return nil
    }
}
