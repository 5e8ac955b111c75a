import FathomCore
import FathomDepth
import FathomPicture
import Testing

@Suite struct LayoutTests {
    static let formats: [PictureFormat] = [
        PictureFormat(width: 64, height: 48), PictureFormat(width: 161, height: 121),
        PictureFormat(width: 161, height: 121, chroma: .c444),
        PictureFormat(width: 97, height: 50, chroma: .c422, bitDepth: 10),
        PictureFormat(width: 160, height: 91, bitDepth: 10), PictureFormat(width: 1, height: 1),
        PictureFormat(width: 2, height: 9), PictureFormat(width: 13, height: 12),
    ]

    @Test("panels keep the source's size, chroma and bit depth", arguments: formats)
    func sizes(format: PictureFormat) {
        func size(_ layout: Layout) -> [Int] {
            let output = layout.plan(source: format, opacity: 0.5).output
            #expect(output.chroma == format.chroma && output.bitDepth == format.bitDepth)
            return [output.width, output.height]
        }
        #expect(size(.sideBySide) == [2 * format.width, format.height])
        #expect(size(.stacked) == [format.width, 2 * format.height])
        #expect(size(.depth) == [format.width, format.height])
        #expect(size(.overlay) == [format.width, format.height])
        #expect(size(.inset) == [format.width, format.height])
    }

    @Test("source samples are copied untouched, odd sizes too", arguments: formats)
    func copied(format: PictureFormat) {
        let source = Pictures.source(format)
        for layout in [Layout.sideBySide, .stacked] {
            let output = Pictures.render(
                format, RenderOptions(layout: layout, legend: false, hud: false)
            ).output
            for plane in 0..<3 {
                // The last chroma sample of an odd side is shared with the depth.
                let shared = plane > 0
                let width =
                    format.planeWidth(plane)
                    - (shared && layout == .sideBySide && format.chroma != .c444
                        ? format.width % 2 : 0)
                let height =
                    format.planeHeight(plane)
                    - (shared && layout == .stacked && format.chroma == .c420
                        ? format.height % 2 : 0)
                for y in 0..<height {
                    for x in 0..<width {
                        let got = Pictures.sample(output, plane, x, y)
                        #expect(got == Pictures.sample(source, plane, x, y))
                    }
                }
            }
        }
    }

    @Test("the depth panel is the same picture in every layout of whole panels", arguments: formats)
    func panel(format: PictureFormat) {
        let options = { RenderOptions(layout: $0, legend: false, hud: false) }
        let alone = Pictures.render(format, options(.depth)).output
        let beside = Pictures.render(format, options(.sideBySide)).output
        let below = Pictures.render(format, options(.stacked)).output
        for y in 0..<format.height {
            for x in 0..<format.width {
                let wanted = Pictures.sample(alone, 0, x, y)
                #expect(Pictures.sample(beside, 0, x + format.width, y) == wanted)
                #expect(Pictures.sample(below, 0, x, y + format.height) == wanted)
            }
        }
    }

    @Test("chroma at the border of odd panels is the mean of both sides")
    func border() {
        let format = PictureFormat(width: 33, height: 16)
        let map = DepthMap(
            width: 4, height: 4, kind: .inverseDepth, values: [Float](repeating: 3, count: 16),
            brightness: [Float](repeating: 0.5, count: 16))
        let output = Pictures.render(
            format, RenderOptions(layout: .sideBySide, legend: false, hud: false), map: map
        ).output
        let depth = Pictures.sample(output, 1, 20, 4)
        #expect(depth != 90)
        #expect(Pictures.sample(output, 1, 15, 4) == 90)
        #expect(abs(Pictures.sample(output, 1, 16, 4) - (90 + depth + 1) / 2) <= 1)
        #expect(Pictures.sample(output, 1, 17, 4) == depth)
    }

    @Test("overlay mixes by its opacity")
    func overlay() {
        let format = PictureFormat(width: 64, height: 48)
        func luma(_ opacity: Double) -> Int {
            let options = RenderOptions(
                layout: .overlay, opacity: opacity, legend: false, hud: false)
            return Pictures.sample(Pictures.render(format, options).output, 0, 40, 30)
        }
        let source = Pictures.sample(Pictures.source(format), 0, 40, 30)
        #expect(luma(0) == source)
        #expect(abs(luma(0.5) - (source + luma(1) + 1) / 2) <= 1)
        #expect(luma(2) == luma(1) && luma(-1) == luma(0))
    }

    @Test("the inset leaves the rest of the source alone")
    func inset() {
        let format = PictureFormat(width: 320, height: 180)
        let source = Pictures.source(format)
        let (renderer, output) = Pictures.render(
            format, RenderOptions(layout: .inset, legend: false, hud: false))
        let rect = renderer.plan.depth
        let frame = renderer.plan.frame
        #expect(rect.x % 2 == 0 && rect.y % 2 == 0)
        var changed = 0
        for y in 0..<180 {
            for x in 0..<320 {
                let same = Pictures.sample(output, 0, x, y) == Pictures.sample(source, 0, x, y)
                let inside =
                    (rect.x - frame..<rect.x + rect.width + frame).contains(x)
                    && (rect.y - frame..<rect.y + rect.height + frame).contains(y)
                if !inside { #expect(same) } else if !same { changed += 1 }
            }
        }
        #expect(changed > rect.width * rect.height / 2)
    }

    @Test("rows shared over a pool give the same picture")
    func pool() {
        for layout in Layout.allCases {
            for format in Self.formats {
                let options = RenderOptions(layout: layout)
                let alone = Pictures.render(format, options).output
                let shared = Pictures.render(format, options, pool: WorkerPool(threads: 3)).output
                for plane in 0..<3 {
                    for y in 0..<alone.format.planeHeight(plane) {
                        for x in 0..<alone.format.planeWidth(plane) {
                            #expect(
                                Pictures.sample(alone, plane, x, y)
                                    == Pictures.sample(shared, plane, x, y))
                        }
                    }
                }
            }
        }
    }

    @Test("8 and 10 bit agree")
    func bits() {
        let eight = PictureFormat(width: 64, height: 48)
        let ten = PictureFormat(width: 64, height: 48, bitDepth: 10)
        for layout in Layout.allCases {
            let a = Pictures.render(eight, RenderOptions(layout: layout)).output
            let b = Pictures.render(ten, RenderOptions(layout: layout)).output
            for y in 0..<a.format.height {
                for x in 0..<a.format.width {
                    let difference =
                        4 * Pictures.sample(a, 0, x, y) - Pictures.sample(b, 0, x, y)
                    #expect(abs(difference) <= 6)
                }
            }
        }
    }

    @Test("depth of a whole picture is what is painted", arguments: formats)
    func wholeDepth(format: PictureFormat) {
        let map = Pictures.ramp()
        let upsampler = GuidedUpsampler(
            method: .guided, width: format.width, height: format.height)
        var depth = [Float](repeating: -1, count: format.width * format.height)
        Pictures.source(format).withView { view in
            depth.withUnsafeMutableBufferPointer {
                upsampler.upsample(map, picture: view, into: $0, pool: WorkerPool(threads: 2))
            }
        }
        let output = Pictures.render(format, RenderOptions(layout: .depth, colorMap: .gray)).output
        for y in 0..<format.height {
            for x in 0..<format.width {
                let share = (depth[y * format.width + x] - 1) / 2
                let code =
                    Float(16 << (format.bitDepth - 8)) + share * Float(219 << (format.bitDepth - 8))
                #expect(abs(Float(Pictures.sample(output, 0, x, y)) - code) <= 1.5)
            }
        }
    }
}
