import Foundation

/// Float32 numbers, little-endian, in base 64.
struct RecordedFloats: Decodable {
    let floats: [Float]

    init(from decoder: any Decoder) throws {
        let data = try decoder.singleValueContainer().decode(Data.self)
        floats = data.withUnsafeBytes { raw in
            stride(from: 0, to: raw.count, by: 4).map {
                Float(bitPattern: raw.loadUnaligned(fromByteOffset: $0, as: UInt32.self))
            }
        }
    }
}

/// A file of the folder Recorded.
func recorded<T: Decodable>(_ type: T.Type, _ name: String) throws -> T {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Recorded").appendingPathComponent(name)
    return try JSONDecoder().decode(type, from: Data(contentsOf: file))
}
