import FathomCore
import FathomDepth
import Testing

@Suite struct GuidedUpsamplerTests {
    private let width = 320
    private let height = 180

    /// A picture's brightness with an edge at `edge`, and a small map blurred over it, as networks give.
    private func upsampled(
        _ method: UpsamplingMethod, edge: Int, texture: Float = 0, step: Float = 2
    ) -> [Float] {
        func light(_ x: Int, _ y: Int) -> Float {
            (x < edge ? 0.8 : 0.2) + texture * (Scenes.noise(y * width + x) - 0.5)
        }
        let (smallWidth, smallHeight) = (64, 36)
        var brightness: [Float] = []
        var depth: [Float] = []
        for y in 0..<smallHeight {
            for x in 0..<smallWidth {
                var sum: Float = 0
                for v in 0..<5 { for u in 0..<5 { sum += light(x * 5 + u, y * 5 + v) } }
                brightness.append(sum / 25)
                let distance = (Float(x) + 0.5) * 5 - Float(edge)
                depth.append(1 + step * min(max(0.5 - distance / 20, 0), 1))
            }
        }
        let map = DepthMap(
            width: smallWidth, height: smallHeight, kind: .inverseDepth, values: depth,
            brightness: brightness)
        let upsampler = GuidedUpsampler(method: method, width: width, height: height)
        upsampler.load(map)
        let scratch = upsampler.makeScratch()
        var result = [Float](repeating: 0, count: width * height)
        for y in 0..<height {
            let row = (0..<width).map { light($0, y) }
            result.withUnsafeMutableBufferPointer {
                upsampler.row(
                    y, brightness: row, into: $0.start + y * width, scratch: scratch)
            }
        }
        return result
    }

    @Test("an edge is sharper guided than bilinear, and where the picture has it")
    func sharper() {
        let edge = 163
        func steepest(_ values: [Float]) -> (place: Int, step: Float) {
            let row = Array(values[(90 * width)..<(91 * width)])
            let steps = (1..<width).map { row[$0 - 1] - row[$0] }
            let best = steps.indices.max { steps[$0] < steps[$1] } ?? 0
            return (best + 1, steps[best])
        }
        let guided = steepest(upsampled(.guided, edge: edge))
        let bilinear = steepest(upsampled(.bilinear, edge: edge))
        #expect(guided.step > 4 * bilinear.step)
        #expect(guided.place == edge)
    }

    @Test("nothing overshoots the depth of the map", arguments: [Float(0), 0.3, 1])
    func overshoot(texture: Float) {
        let values = upsampled(.guided, edge: 163, texture: texture)
        #expect(values.allSatisfy { $0 >= 1 - 1e-4 && $0 <= 3 + 1e-4 })
    }

    @Test("texture is not copied into a smooth slope")
    func texture() {
        let map = Scenes.map(1, width: 64, height: 36) { x, _ in 1 + Float(x) / 64 }
        let upsampler = GuidedUpsampler(method: .guided, width: 320, height: 180)
        upsampler.load(map)
        let scratch = upsampler.makeScratch()
        var worst: Float = 0
        var out = [Float](repeating: 0, count: 320)
        for y in 0..<180 {
            let row = (0..<320).map { 0.1 + 0.8 * Scenes.texture(1, Float($0) / 5, Float(y) / 5) }
            upsampler.row(y, brightness: row, into: &out, scratch: scratch)
            for x in 20..<300 { worst = max(worst, abs(out[x] - (1 + (Float(x) - 2) / 320))) }
        }
        #expect(worst < 0.05)
    }

    @Test("a constant map stays constant, at every size and method")
    func constant() {
        for method in UpsamplingMethod.allCases {
            for (width, height) in [(1, 1), (7, 5), (96, 64), (40, 300), (333, 17)] {
                let upsampler = GuidedUpsampler(method: method, width: width, height: height)
                upsampler.load(Scenes.map(1) { _, _ in 1.5 })
                let scratch = upsampler.makeScratch()
                let light = (0..<width).map { Scenes.noise($0) }
                var out = [Float](repeating: 0, count: width)
                for y in 0..<height {
                    upsampler.row(y, brightness: light, into: &out, scratch: scratch)
                    #expect(out.allSatisfy { abs($0 - 1.5) < 1e-4 })
                }
            }
        }
    }
}
