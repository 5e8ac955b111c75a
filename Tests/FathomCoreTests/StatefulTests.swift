import FathomCore
import Testing

@Suite struct StateBytesTests {
    @Test("a saved state is read back to the bit")
    func roundTrip() throws {
        var writer = StateWriter(tag: "test", version: 2)
        writer.write(Int64(-5))
        writer.write(Float.leastNonzeroMagnitude)
        writer.write(Double.pi)
        writer.write(true)
        writer.write([Float(1), .infinity])
        writer.write([UInt8(7), 8])
        var reader = try StateReader(writer.bytes, tag: "test", version: 2)
        #expect(try reader.read(Int64.self) == -5)
        #expect(try reader.readFloat() == .leastNonzeroMagnitude)
        #expect(try reader.readDouble() == .pi)
        #expect(try reader.readBool())
        #expect(try reader.readFloats() == [1, .infinity])
        #expect(try reader.readBytes() == [7, 8])
        try reader.finish()
    }

    @Test("a state that is cut short, foreign or too long is refused with a sentence")
    func hostile() throws {
        var writer = StateWriter(tag: "test", version: 1)
        writer.write([Float](repeating: 1, count: 3))
        let bytes = writer.bytes
        for length in 0..<bytes.count {
            #expect(throws: FathomError.self) {
                var reader = try StateReader(Array(bytes[..<length]), tag: "test", version: 1)
                _ = try reader.readFloats()
            }
        }
        #expect(throws: FathomError.self) { try StateReader(bytes, tag: "othr", version: 1) }
        #expect(throws: FathomError.self) { try StateReader(bytes, tag: "test", version: 3) }
        #expect(throws: FathomError.self) {
            try StateReader(bytes, tag: "test", version: 1).finish()
        }
    }
}
