import FathomCore
import FathomLearning
import FathomMedia
import Foundation
import TestSupport

/// Data configurations and files for tests.
enum DataFixtures {
    static func configuration(_ yaml: String) throws(FathomError) -> DataConfiguration {
        try DataConfiguration(ConfigurationSection(yaml: yaml, place: "test.yaml: data"))
    }

    static func synthetic(_ more: String = "") throws(FathomError) -> PreparedData {
        try PreparedData(
            configuration(
                """
                kind: synth
                size: 48x32
                scenes: [room, table]
                count: {train: 12, validation: 4, test: 4}
                \(more)
                """))
    }

    /// A 3×H×W picture of many colours.
    static func picture(_ width: Int, _ height: Int, seed: UInt64 = 1) -> Tensor {
        var random = SeededRandom(seed)
        return Tensor(
            shape: [3, height, width],
            values: (0..<3 * width * height).map { _ in Float(random.next() & 255) / 255 })
    }

    /// A folder set of `count` pictures in scenes of two; returns its list.
    static func folder(
        _ folder: TemporaryFolder, count: Int, width: Int = 12, height: Int = 8
    ) throws -> String {
        var lines = ["rgb,depth,scene,fx,fy,cx,cy"]
        for index in 0..<count {
            try StillImage.writePNG(
                picture(width, height, seed: UInt64(index)), to: folder.path("\(index).png"))
            let depth = (0..<width * height).map { 1 + Float($0 % 7) + Float(index) / 10 }
            try NumpyFile.write(
                Tensor(shape: [height, width], values: depth), to: folder.path("\(index).npy"))
            lines.append("\(index).png,\(index).npy,scene-\(index / 2),10,10,6,4")
        }
        return try folder.write("list.csv", Data(lines.joined(separator: "\n").utf8))
    }

    /// A gray PNG of 16 bits, written by hand: stored blocks need no compressor.
    static func grayPNG(_ samples: [UInt16], width: Int) -> Data {
        func big(_ value: UInt32) -> [UInt8] {
            [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
        }
        func crc(_ bytes: [UInt8]) -> UInt32 {
            ~bytes.reduce(UInt32.max) { sum, byte in
                (0..<8).reduce(sum ^ UInt32(byte)) { value, _ in
                    value & 1 == 1 ? value >> 1 ^ 0xedb8_8320 : value >> 1
                }
            }
        }
        func chunk(_ name: String, _ content: [UInt8]) -> [UInt8] {
            let named = Array(name.utf8) + content
            return big(UInt32(content.count)) + named + big(crc(named))
        }
        var raw: [UInt8] = []
        for (index, sample) in samples.enumerated() {
            if index % width == 0 { raw.append(0) }
            raw += [UInt8(sample >> 8), UInt8(sample & 255)]
        }
        var (a, b): (UInt32, UInt32) = (1, 0)
        for byte in raw {
            a = (a + UInt32(byte)) % 65521
            b = (b + a) % 65521
        }
        let length = UInt16(raw.count)
        let stored: [UInt8] =
            [
                0x78, 1, 1, UInt8(length & 255), UInt8(length >> 8), UInt8(~length & 255),
                UInt8(~length >> 8),
            ] + raw + big(b << 16 | a)
        let header =
            big(UInt32(width)) + big(UInt32(samples.count / width)) + [16, 0, 0, 0, 0]
        return Data(
            [0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10] + chunk("IHDR", header)
                + chunk("IDAT", stored) + chunk("IEND", []))
    }
}
