import FathomCore
import FathomDepth
import FathomPicture
import Testing

@Suite struct AnnotationTests {
    @Test("the legend's bar has the picture's own colours, far left and near right")
    func legend() throws {
        for kind in DepthKind.allCases {
            for map in ColorMap.allCases {
                let format = PictureFormat(width: 640, height: 360, chroma: .c444)
                let options = RenderOptions(
                    layout: .sideBySide, colorMap: map, upsampling: .bilinear, hud: false)
                let (renderer, output) = Pictures.render(
                    format, options, map: Pictures.ramp(kind))
                let bar = try #require(renderer.legendBar)
                #expect(bar.x >= 640, "the legend stands on the depth")
                // The ramp's far and near pixels in the depth panel, above the legend.
                let (far, near) = kind.isLargeNear ? (640, 1279) : (1279, 640)
                for plane in 0..<3 {
                    func sample(_ x: Int, _ y: Int) -> Int { Pictures.sample(output, plane, x, y) }
                    let row = bar.y + bar.height / 2
                    #expect(sample(bar.x, row) == sample(far, 20))
                    #expect(sample(bar.x + bar.width - 1, row) == sample(near, 20))
                }
            }
        }
    }

    @Test("HUD and legend are drawn by default with all layouts but depth alone")
    func defaults() {
        #expect(Layout.allCases.filter { !$0.hasAnnotations } == [.depth])
        let format = PictureFormat(width: 320, height: 180)
        for layout in Layout.allCases {
            let plain = Pictures.render(
                format, RenderOptions(layout: layout, legend: false, hud: false)
            ).output
            let marked = Pictures.render(format, RenderOptions(layout: layout)).output
            var changed = 0
            for y in 0..<plain.format.height {
                for x in 0..<plain.format.width
                where Pictures.sample(plain, 0, x, y) != Pictures.sample(marked, 0, x, y) {
                    changed += 1
                }
            }
            #expect((changed > 500) == layout.hasAnnotations, "\(layout): \(changed)")
        }
    }

    @Test("letters have ink at every width from 320 to 3840", arguments: [320, 1280, 3840])
    func ink(width: Int) {
        let format = PictureFormat(width: width, height: width * 9 / 16)
        let output = Pictures.render(format, RenderOptions(layout: .depth, hud: true)).output
        var white = 0
        let rows = format.height / 8
        for y in 0..<rows {
            for x in 0..<(width / 2) where Pictures.sample(output, 0, x, y) > 220 { white += 1 }
        }
        #expect(white > 60)
    }

    @Test(
        "the HUD's line has time, frame and rate",
        arguments: [
            (3723.0405, 7, 24000 / 1001.0, "1:02:03.041  #7  23.98 fps"),
            (0, 0, 30, "0:00:00.000  #0  30 fps"), (-0.5, 1, 0, "-0:00:00.500  #1"),
            (.nan, 2, .infinity, "0:00:00.000  #2"),
        ] as [(Double, Int, Double, String)])
    func line(seconds: Double, frame: Int, rate: Double, wanted: String) {
        #expect(
            HUDText(seconds: seconds, frame: frame, framesPerSecond: rate).line == wanted)
    }

    @Test("tiny pictures are drawn without room for letters")
    func tiny() {
        for (width, height) in [(1, 1), (2, 2), (16, 9), (40, 8), (9, 200)] {
            for layout in Layout.allCases {
                let format = PictureFormat(width: width, height: height)
                let output = Pictures.render(
                    format, RenderOptions(layout: layout, legend: true, hud: true)
                ).output
                #expect(output.format.width >= width)
            }
        }
    }
}
