import Foundation

/// The long weights of an ONNX file found in place, so that they are copied once, to where they are wanted.
///
/// Walks the wire format (protobuf's "Encoding" guide) as far as the initializers: `ModelProto.graph` (7),
/// `GraphProto.initializer` (5), `TensorProto.raw_data` (9). What it does not understand it leaves as it is.
struct WeightSlices {
    /// The file without the bytes in `slices`.
    private(set) var rest = Data()
    /// Bytes of each initializer of the graph, in order; nil for those that `rest` still has.
    private(set) var slices: [UnsafeRawBufferPointer?] = []

    private static let graphField: UInt64 = 7
    private static let initializerField: UInt64 = 5
    private static let rawDataField: UInt64 = 9
    /// Shorter ones are not worth the trouble.
    private static let shortest = 1024

    /// Nil when the bytes are no messages; whoever reads them all says what is wrong.
    init?(_ file: UnsafeRawBufferPointer) {
        guard let fields = Field.all(of: file) else { return nil }
        for field in fields {
            if field.number == Self.graphField, let content = field.content {
                guard let graph = graph(content) else { return nil }
                Self.append(Self.graphField, graph, to: &rest)
            } else {
                rest.append(contentsOf: field.bytes)
            }
        }
    }

    private mutating func graph(_ bytes: UnsafeRawBufferPointer) -> Data? {
        guard let fields = Field.all(of: bytes) else { return nil }
        var result = Data()
        for field in fields {
            guard field.number == Self.initializerField, let content = field.content else {
                result.append(contentsOf: field.bytes)
                continue
            }
            guard let parts = Field.all(of: content) else { return nil }
            let raw = parts.filter { $0.number == Self.rawDataField }
            // Given twice, the last one counts: left to the decoder.
            guard raw.count == 1, let slice = raw[0].content, slice.count >= Self.shortest else {
                slices.append(nil)
                result.append(contentsOf: field.bytes)
                continue
            }
            slices.append(slice)
            var tensor = Data()
            for part in parts where part.number != Self.rawDataField {
                tensor.append(contentsOf: part.bytes)
            }
            Self.append(Self.initializerField, tensor, to: &result)
        }
        return result
    }

    private static func append(_ number: UInt64, _ content: Data, to data: inout Data) {
        append(number << 3 | Field.lengthDelimited, to: &data)
        append(UInt64(content.count), to: &data)
        data.append(content)
    }

    private static func append(_ varint: UInt64, to data: inout Data) {
        var rest = varint
        while rest >= 128 {
            data.append(UInt8(rest & 127) | 128)
            rest >>= 7
        }
        data.append(UInt8(rest))
    }
}

/// A field of a message in the wire format.
private struct Field {
    static let lengthDelimited: UInt64 = 2

    let number: UInt64
    /// Key and value.
    let bytes: UnsafeRawBufferPointer
    /// The value, where it is bytes or a message.
    let content: UnsafeRawBufferPointer?

    /// The fields one after the other; nil when the bytes are no message or use groups, which are long out of use.
    static func all(of message: UnsafeRawBufferPointer) -> [Field]? {
        var fields: [Field] = []
        var position = 0
        func varint() -> UInt64? {
            var value: UInt64 = 0
            for shift in stride(from: UInt64(0), to: 64, by: 7) {
                guard position < message.count else { return nil }
                let byte = message[position]
                position += 1
                value |= UInt64(byte & 127) << shift
                if byte < 128 { return value }
            }
            return nil
        }
        while position < message.count {
            let start = position
            guard let key = varint() else { return nil }
            var length: Int
            switch key & 7 {
            case 0:
                guard varint() != nil else { return nil }
                length = 0
            case 1: length = 8
            case lengthDelimited:
                guard let given = varint().flatMap({ Int(exactly: $0) }) else { return nil }
                length = given
            case 5: length = 4
            default: return nil
            }
            guard length <= message.count - position else { return nil }
            let end = position + length
            fields.append(
                Field(
                    number: key >> 3, bytes: .init(rebasing: message[start..<end]),
                    content: key & 7 == lengthDelimited
                        ? .init(rebasing: message[position..<end]) : nil))
            position = end
        }
        return fields
    }
}
