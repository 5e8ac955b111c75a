/// Writes messages in Protocol Buffers' wire format (protobuf.dev, "Encoding"): what a TensorFlow model needs of it.
struct WireWriter {
    private(set) var bytes: [UInt8] = []

    /// A whole number, a truth or the value of an enumeration.
    mutating func number(_ field: Int, _ value: Int) {
        variable(field << 3)
        variable(value)
    }

    /// A floating-point number.
    mutating func float(_ field: Int, _ value: Float) {
        variable(field << 3 | 5)
        withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes += $0 }
    }

    /// A text.
    mutating func text(_ field: Int, _ value: String) { block(field, Array(value.utf8)) }

    /// Bytes.
    mutating func block(_ field: Int, _ value: [UInt8]) {
        variable(field << 3 | 2)
        variable(value.count)
        bytes += value
    }

    /// A message within.
    mutating func message(_ field: Int, _ write: (inout WireWriter) -> Void) {
        var inner = WireWriter()
        write(&inner)
        block(field, inner.bytes)
    }

    /// An entry of a map from texts to messages.
    mutating func entry(_ field: Int, _ key: String, _ write: (inout WireWriter) -> Void) {
        message(field) { entry in
            entry.text(1, key)
            entry.message(2, write)
        }
    }

    /// Fields that are written already.
    mutating func append(_ fields: [UInt8]) { bytes += fields }

    private mutating func variable(_ value: Int) {
        var rest = UInt64(bitPattern: Int64(value))
        while rest > 127 {
            bytes.append(UInt8(rest & 127) | 128)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}
