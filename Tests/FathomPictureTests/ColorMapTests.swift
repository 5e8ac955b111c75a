import FathomCore
import FathomDepth
import FathomPicture
import Testing

@Suite struct ColorMapTests {
    private func bytes(_ color: RGB) -> [Int] {
        [color.red, color.green, color.blue].map { Int(($0 * 255).rounded()) }
    }

    @Test(
        "published maps have their published colours at both ends and in the middle",
        arguments: [
            (ColorMap.inferno, [0, 0, 4], [188, 55, 84], [252, 255, 164]),
            (.magma, [0, 0, 4], [183, 55, 121], [252, 253, 191]),
            (.viridis, [68, 1, 84], [33, 145, 140], [253, 231, 37]),
            (.turbo, [48, 18, 59], [164, 252, 60], [122, 4, 3]),
            (.spectral, [94, 79, 162], [255, 255, 191], [158, 1, 66]),
            (.gray, [0, 0, 0], [128, 128, 128], [255, 255, 255]),
            (.kitti, [0, 0, 0], [128, 127, 128], [255, 255, 255]),
        ])
    func anchors(map: ColorMap, far: [Int], middle: [Int], near: [Int]) {
        let colors = map.colors(count: 511)
        #expect(bytes(colors[0]) == far)
        #expect(bytes(colors[510]) == near)
        if map != .kitti {
            for (got, wanted) in zip(bytes(colors[255]), middle) { #expect(abs(got - wanted) <= 2) }
        }
    }

    @Test("KITTI's map has its corners at its own places")
    func kitti() {
        let colors = ColorMap.kitti.colors(count: 1001)
        let corners: [(Int, [Int])] = [
            (114, [0, 0, 255]), (299, [255, 0, 0]), (413, [255, 0, 255]), (587, [0, 255, 0]),
            (701, [0, 255, 255]), (886, [255, 255, 0]),
        ]
        for (place, color) in corners { #expect(bytes(colors[place]) == color) }
    }

    @Test("near is bright or warm in every map, for every kind of depth")
    func near() {
        for map in ColorMap.allCases {
            for kind in DepthKind.allCases {
                for isInverted in [false, true] {
                    let format = PictureFormat(width: 96, height: 64)
                    let output = Pictures.render(
                        format,
                        RenderOptions(
                            layout: .depth, colorMap: map, isInverted: isInverted,
                            upsampling: .bilinear), map: Pictures.ramp(kind)
                    ).output
                    // Values rise to the right: near in inverse depth, far in depth.
                    let isNearRight = kind.isLargeNear != isInverted
                    let (near, far) = isNearRight ? (94, 1) : (1, 94)
                    let brighter =
                        Pictures.sample(output, 0, near, 30) > Pictures.sample(output, 0, far, 30)
                    let warmer =
                        Pictures.sample(output, 2, near / 2, 15)
                        > Pictures.sample(output, 2, far / 2, 15)
                    #expect(brighter || warmer, "\(map) \(kind) inverted \(isInverted)")
                }
            }
        }
    }

    @Test("tables are fine enough for ten bits and stay within limited range")
    func table() {
        for map in ColorMap.allCases {
            for bitDepth in [8, 10] {
                let codes = ColorTable(map, isInverted: false, bitDepth: bitDepth).codes
                #expect(codes.count >= 1024)
                let step = 1 << (bitDepth - 8)
                for code in codes {
                    #expect((16 * step...235 * step).contains(Int(code & 1023)))
                    #expect((16 * step...240 * step).contains(Int(code >> 10 & 1023)))
                    #expect((16 * step...240 * step).contains(Int(code >> 20)))
                }
                for (a, b) in zip(codes, codes.dropFirst()) where map != .kitti {
                    #expect(abs(Int(a & 1023) - Int(b & 1023)) <= 2 * step)
                }
            }
        }
    }
}
