import FathomCore
import FathomPipeline
import Testing

@Suite struct FrameDumpColorTests {
    private let description = FrameDumpDescription(
        title: "colour", width: 2, height: 2, range: 0...1, colorSize: (20, 12))

    @Test("source pictures come back as JPEG files, before the depth of the same time")
    func roundTrip() throws {
        let bytes = Collected()
        let writer = try FrameDumpWriter(
            description, options: .init(packetSize: 256, seed: 2, startWallTime: 0),
            sink: bytes.take)
        let jpegs = [SyntheticJPEG(scanBytes: 3).bytes, SyntheticJPEG(scanBytes: 2000).bytes]
        for (index, jpeg) in jpegs.enumerated() {
            let time = Timestamp(Int64(index), Rational(1, 25))
            try jpeg.withUnsafeBytes { try writer.writeColor(jpeg: $0, at: time) }
            try [Float](repeating: 0.5, count: 4).withUnsafeBufferPointer {
                try writer.write($0, at: time)
            }
        }
        try writer.finish()
        let read = try Dump.read(bytes.all)
        #expect(read.damage == nil && read.gaps.isEmpty)
        #expect(read.pictures.map(\.jpeg) == jpegs)
        #expect(read.pictures.map(\.timestamp) == read.frames.map(\.timestamp))
    }

    @Test("a JPEG that is cut or damaged anywhere is refused or passed on, and never traps")
    func hostileJPEG() throws {
        let whole = SyntheticJPEG(scanBytes: 40).bytes
        let writer = try FrameDumpWriter(
            description, options: .init(seed: 2, startWallTime: 0), sink: { _ in })
        func offer(_ bytes: [UInt8]) {
            bytes.withUnsafeBytes {
                try? writer.writeColor(jpeg: $0, at: Timestamp(0, Rational(1, 25)))
            }
        }
        for length in 0..<whole.count { offer(Array(whole[..<length])) }
        for position in whole.indices {
            for mask: UInt8 in [0xff, 0x01, 0x80] {
                var bytes = whole
                bytes[position] ^= mask
                offer(bytes)
            }
        }
    }

    @Test(
        "what RTP JPEG can't carry is refused",
        arguments: [
            SyntheticJPEG(scanBytes: 9, marker: 0xc2), SyntheticJPEG(scanBytes: 9, sampling: 0x11),
            SyntheticJPEG(scanBytes: 9, ownTables: true), SyntheticJPEG(scanBytes: 9, width: 24),
        ])
    func refused(jpeg: SyntheticJPEG) throws {
        let writer = try FrameDumpWriter(
            description, options: .init(seed: 2, startWallTime: 0), sink: { _ in })
        #expect(throws: FathomError.self) {
            try jpeg.bytes.withUnsafeBytes {
                try writer.writeColor(jpeg: $0, at: Timestamp(0, Rational(1, 25)))
            }
        }
    }
}

/// A JPEG file's frame around arbitrary scan bytes, laid out as the reader lays it out.
struct SyntheticJPEG: Sendable {
    var scanBytes: Int
    var marker: UInt8 = 0xc0
    var sampling: UInt8 = 0x22
    var ownTables = false
    var width: UInt8 = 20

    /// Symbols of the standard AC tables (ITU-T T.81, tables K.5 and K.6), as published in hexadecimal.
    private static let luma = """
        01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282090a161718191a25262728292a\
        3435363738393a434445464748494a535455565758595a636465666768696a737475767778797a838485868788898a9293\
        9495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6\
        e7e8e9eaf1f2f3f4f5f6f7f8f9fa
        """
    private static let chroma = """
        000102031104052131061241510761711322328108144291a1b1c109233352f0156272d10a162434e125f11718191a262728\
        292a35363738393a434445464748494a535455565758595a636465666768696a737475767778797a82838485868788898a\
        92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae2e3e4e5\
        e6e7e8e9eaf2f3f4f5f6f7f8f9fa
        """

    private static func bytes(_ hexadecimal: String) -> [UInt8] {
        let digits = hexadecimal.compactMap(\.hexDigitValue)
        return stride(from: 0, to: digits.count, by: 2).map {
            UInt8(digits[$0] << 4 | digits[$0 + 1])
        }
    }

    var bytes: [UInt8] {
        func segment(_ marker: UInt8, _ content: [UInt8]) -> [UInt8] {
            [0xff, marker, 0, UInt8(content.count + 2)] + content
        }
        var file: [UInt8] = [0xff, 0xd8]
        file += segment(0xdb, [0] + (1...64)) + segment(0xdb, [1] + (65...128))
        file += segment(
            marker, [8, 0, 12, 0, width, 3, 1, sampling, 0, 2, 0x11, 1, 3, 0x11, 1])
        let direct: [UInt8] = Array(0...11)
        file += segment(
            0xc4, [0, 0, 1, 5, 1, 1, 1, 1, 1, ownTables ? 2 : 1, 0, 0, 0, 0, 0, 0, 0] + direct)
        file += segment(
            0xc4,
            [0x10, 0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7d] + Self.bytes(Self.luma))
        file += segment(0xc4, [1, 0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0] + direct)
        file += segment(
            0xc4,
            [0x11, 0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 0x77] + Self.bytes(Self.chroma))
        file += segment(0xda, [3, 1, 0, 2, 0x11, 3, 0x11, 0, 63, 0])
        file += (0..<scanBytes).map { UInt8($0 % 251) } + [0xff, 0xd9]
        return file
    }
}
