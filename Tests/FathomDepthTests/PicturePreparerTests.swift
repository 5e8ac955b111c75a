import FathomCore
import FathomDepth
import Testing

@Suite struct PicturePreparerTests {
    /// Prepares a picture whose samples are given in 8-bit codes.
    private func prepared(
        _ format: PictureFormat, width: Int, height: Int,
        sample: (Int, Int, Int) -> Int
    ) -> (planes: [Float], brightness: [Float]) {
        let picture = PictureBuffer(format: format)
        picture.withMutableView { view in
            let bases = [view.planes.0, view.planes.1, view.planes.2]
            let strides = [view.strides.0, view.strides.1, view.strides.2]
            for plane in 0..<3 {
                for y in 0..<format.planeHeight(plane) {
                    for x in 0..<format.planeWidth(plane) {
                        let row = bases[plane] + y * strides[plane]
                        if format.bitDepth == 8 {
                            row.storeBytes(
                                of: UInt8(sample(plane, x, y)), toByteOffset: x, as: UInt8.self)
                        } else {
                            row.storeBytes(
                                of: UInt16(sample(plane, x, y) * 4), toByteOffset: 2 * x,
                                as: UInt16.self)
                        }
                    }
                }
            }
        }
        let preparer = PicturePreparer(
            format: format, width: width, height: height, mean: [0, 0, 0], std: [1, 1, 1])
        var planes = [Float](repeating: -9, count: 3 * width * height)
        var brightness = [Float](repeating: -9, count: width * height)
        picture.withView { view in
            planes.withUnsafeMutableBufferPointer { planes in
                brightness.withUnsafeMutableBufferPointer { brightness in
                    preparer.prepare(
                        view, planes: planes.start, rowStride: width,
                        planeStride: width * height, brightness: brightness.start)
                }
            }
        }
        return (planes, brightness)
    }

    @Test(
        "colours are BT.709 limited range at 8 and 10 bit and every chroma sampling",
        arguments: [8, 10], [PictureFormat.Chroma.c420, .c422, .c444])
    func colours(bitDepth: Int, chroma: PictureFormat.Chroma) {
        // Codes of the 100 % bars and their RGB.
        let bars: [([Int], [Float])] = [
            ([235, 128, 128], [1, 1, 1]), ([16, 128, 128], [0, 0, 0]),
            ([63, 102, 240], [1, 0, 0]), ([173, 42, 26], [0, 1, 0]), ([32, 240, 118], [0, 0, 1]),
        ]
        let format = PictureFormat(width: 37, height: 23, chroma: chroma, bitDepth: bitDepth)
        for (codes, rgb) in bars {
            let result = prepared(format, width: 16, height: 8) { plane, _, _ in codes[plane] }
            for channel in 0..<3 {
                for value in result.planes[(channel * 128)..<((channel + 1) * 128)] {
                    #expect(abs(value - rgb[channel]) < 0.01)
                }
            }
        }
    }

    @Test("shrinking averages whole areas, so a fine chequerboard becomes grey")
    func alias() {
        let format = PictureFormat(width: 480, height: 288)
        let result = prepared(format, width: 32, height: 32) { plane, x, y in
            plane == 0 ? ((x + y) % 2 == 0 ? 16 : 235) : 128
        }
        #expect(result.brightness.allSatisfy { abs($0 - 0.5) < 0.01 })
    }

    @Test("shrinking by a fraction weighs samples by the area they share, as INTER_AREA does")
    func area() {
        let format = PictureFormat(width: 5, height: 3)
        let result = prepared(format, width: 2, height: 1) { plane, x, _ in
            plane == 0 ? [16, 60, 104, 148, 235][x] : 128
        }
        let luma = [16, 60, 104, 148, 235].map { (Float($0) - 16) / 219 }
        #expect(abs(result.brightness[0] - (luma[0] + luma[1] + luma[2] / 2) / 2.5) < 1e-5)
        #expect(abs(result.brightness[1] - (luma[2] / 2 + luma[3] + luma[4]) / 2.5) < 1e-5)
    }

    @Test("enlarging is linear between sample centres")
    func enlarging() {
        let format = PictureFormat(width: 2, height: 1)
        let result = prepared(format, width: 4, height: 1) { plane, x, _ in
            plane == 0 ? (x == 0 ? 16 : 235) : 128
        }
        for (value, wanted) in zip(result.brightness, [0, 0.25, 0.75, 1] as [Float]) {
            #expect(abs(value - wanted) < 1e-5)
        }
    }

    @Test(
        "every size of picture fits every size of input",
        arguments: [(1, 1), (2, 3), (161, 121), (64, 4096), (4097, 3)])
    func sizes(width: Int, height: Int) {
        let format = PictureFormat(width: width, height: height)
        let result = prepared(format, width: 64, height: 32) { plane, _, _ in
            plane == 0 ? 126 : 128
        }
        #expect(result.brightness.allSatisfy { abs($0 - 110 / 219) < 1e-4 })
    }
}
