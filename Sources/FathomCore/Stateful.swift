/// Something with a memory from frame to frame that can be put away and taken up again.
///
/// Resuming a run, joining clips and recurrent networks rest on it: after `restoreState(try x.saveState())`
/// the results are the same to the bit.
public protocol Stateful {
    /// The whole memory as bytes; begins with a tag and a version of the type's own.
    func saveState() -> [UInt8]
    /// Takes the memory from bytes that `saveState` gave; throws on anything else and then changes nothing.
    mutating func restoreState(_ bytes: [UInt8]) throws(FathomError)
}

/// Writes values into the little-endian bytes of a saved state.
public struct StateWriter {
    /// What has been written.
    public private(set) var bytes: [UInt8] = []

    /// Begins with the owner's four-letter tag and version.
    public init(tag: StaticString, version: UInt8) {
        precondition(tag.utf8CodeUnitCount == 4, "a state's tag has four letters")
        tag.withUTF8Buffer { bytes.append(contentsOf: $0) }
        bytes.append(version)
    }

    /// Appends a whole number.
    public mutating func write<T: FixedWidthInteger>(_ value: T) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    /// Appends a number by its bit pattern.
    public mutating func write(_ value: Float) { write(value.bitPattern) }

    /// Appends a number by its bit pattern.
    public mutating func write(_ value: Double) { write(value.bitPattern) }

    /// Appends a truth value.
    public mutating func write(_ value: Bool) { write(UInt8(value ? 1 : 0)) }

    /// Appends a count and the numbers.
    public mutating func write(_ values: [Float]) {
        write(UInt32(values.count))
        bytes.reserveCapacity(bytes.count + 4 * values.count)
        for value in values { write(value) }
    }

    /// Appends a count and the bytes, for a state within a state.
    public mutating func write(_ values: [UInt8]) {
        write(UInt32(values.count))
        bytes.append(contentsOf: values)
    }
}

/// Reads what `StateWriter` wrote; every read is checked against the bytes that are left.
public struct StateReader {
    private let bytes: [UInt8]
    private var position = 5
    private let name: String

    /// Checks the tag and version.
    public init(_ bytes: [UInt8], tag: StaticString, version: UInt8) throws(FathomError) {
        self.bytes = bytes
        name = tag.description
        let expected = tag.withUTF8Buffer { Array($0) } + [version]
        guard bytes.count >= 5, Array(bytes[0..<5]) == expected else {
            throw Self.error(name, "it was written by another part or version")
        }
    }

    /// The next whole number.
    public mutating func read<T: FixedWidthInteger>(_ type: T.Type) throws(FathomError) -> T {
        let size = MemoryLayout<T>.size
        guard bytes.count - position >= size else { throw Self.error(name, "it is cut short") }
        var value: T = 0
        withUnsafeMutableBytes(of: &value) { target in
            target.copyBytes(from: bytes[position..<position + size])
        }
        position += size
        return T(littleEndian: value)
    }

    /// The next number.
    public mutating func readFloat() throws(FathomError) -> Float {
        Float(bitPattern: try read(UInt32.self))
    }

    /// The next number.
    public mutating func readDouble() throws(FathomError) -> Double {
        Double(bitPattern: try read(UInt64.self))
    }

    /// The next truth value.
    public mutating func readBool() throws(FathomError) -> Bool { try read(UInt8.self) != 0 }

    /// The next list of numbers.
    public mutating func readFloats() throws(FathomError) -> [Float] {
        let count = Int(try read(UInt32.self))
        guard (bytes.count - position) / 4 >= count else {
            throw Self.error(name, "it is cut short")
        }
        var values: [Float] = []
        values.reserveCapacity(count)
        for _ in 0..<count { values.append(try readFloat()) }
        return values
    }

    /// The next list of bytes.
    public mutating func readBytes() throws(FathomError) -> [UInt8] {
        let count = Int(try read(UInt32.self))
        guard bytes.count - position >= count else { throw Self.error(name, "it is cut short") }
        defer { position += count }
        return Array(bytes[position..<position + count])
    }

    /// Throws unless everything has been read.
    public func finish() throws(FathomError) {
        guard position == bytes.count else { throw Self.error(name, "it is too long") }
    }

    private static func error(_ name: String, _ cause: String) -> FathomError {
        FathomError(
            operation: "restore", subject: "the saved state \(name)", cause: cause,
            remedy: "Start the run anew")
    }
}
