import FathomCore
import FathomMedia
import Foundation
import TestSupport
import Testing

@Suite struct StillImageTests {
    private func picture(_ width: Int, _ height: Int) -> Tensor {
        var random = SeededRandom(5)
        return Tensor(
            shape: [3, height, width],
            values: (0..<3 * width * height).map { _ in Float(random.next() & 255) / 255 })
    }

    @Test("an 8-bit PNG comes back exactly, sides odd and even")
    func exactRoundTrip() throws {
        let folder = try TemporaryFolder()
        for (width, height) in [(1, 1), (7, 5), (64, 33)] {
            let picture = picture(width, height)
            try StillImage.writePNG(picture, to: folder.path("a.png"))
            #expect(try StillImage.readColor(folder.path("a.png")).values == picture.values)
            let size = try StillImage.size(folder.path("a.png"))
            #expect(size == (width, height))
        }
    }

    @Test("values outside 0…1 are clamped, NaN is black")
    func clamped() throws {
        let bytes = StillImage.interleaved(
            Tensor(shape: [3, 1, 2], values: [-1, 2, .nan, 0.5, 0.2, 1]))
        #expect(bytes == [0, 0, 51, 255, 128, 255])
    }

    @Test("gray of 16 bits keeps every sample")
    func gray16() throws {
        // A 2×1 gray PNG with the samples 258 and 65534.
        let bytes = try #require(
            Data(
                base64Encoded:
                    "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABEAAAAACB2fwVAAAADUlEQVR4nGNgZPr/DwADCwIBhJHoEwAAAABJRU5ErkJggg=="
            ))
        let folder = try TemporaryFolder()
        let path = try folder.write("gray.png", bytes)
        let gray = try StillImage.readGray16(path)
        #expect(gray.width == 2 && gray.height == 1)
        #expect(gray.samples == [258, 65534])
        let color = try StillImage.readColor(path)
        #expect(color.values == [258, 65534, 258, 65534, 258, 65534].map { Float($0) / 65535 })
    }

    @Test("JPEG keeps a smooth picture nearly as it is, and coarser quantizers less")
    func jpeg() throws {
        let smooth = Tensor(
            shape: [3, 32, 48],
            values: (0..<3 * 32 * 48).map { (at: Int) -> Float in 0.2 + Float(at % 48) / 96 })
        func error(_ quantizer: Int, _ picture: Tensor) throws -> Float {
            let back = try StillImage.throughJPEG(picture, quantizer: quantizer)
            #expect(back.shape == picture.shape)
            var sum: Float = 0
            for (one, other) in zip(back.values, picture.values) { sum += abs(one - other) }
            return sum / Float(picture.count)
        }
        #expect(try error(2, smooth) < 0.01)
        #expect(try error(31, picture(48, 32)) > error(2, picture(48, 32)))
    }

    @Test("what is no picture, is cut short or lies about its size is an error with its name")
    func hostile() throws {
        let folder = try TemporaryFolder()
        try StillImage.writePNG(picture(64, 64), to: folder.path("whole.png"))
        let whole = try Data(contentsOf: URL(fileURLWithPath: folder.path("whole.png")))
        var huge = whole
        huge.replaceSubrange(16..<24, with: [0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff])
        for (name, bytes) in [
            ("empty.png", Data()), ("text.png", Data("no picture at all, only words".utf8)),
            ("short.png", whole.prefix(whole.count / 2)), ("huge.png", huge),
        ] {
            let path = try folder.write(name, bytes)
            let error = #expect(throws: FathomError.self) { try StillImage.readColor(path) }
            #expect(error?.subject == path, "\(name)")
            #expect(throws: FathomError.self) { try StillImage.readGray16(path) }
        }
        #expect(throws: FathomError.self) { try StillImage.size(folder.path("huge.png")) }
        #expect(throws: FathomError.self) { try StillImage.readGray16(folder.path("whole.png")) }
        #expect(throws: FathomError.self) { try StillImage.readColor(folder.path("none.png")) }
    }
}
