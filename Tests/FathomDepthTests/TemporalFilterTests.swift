import FathomCore
import FathomDepth
import Testing

@Suite struct TemporalFilterTests {
    private func flicker(_ frame: Int) -> DepthMap {
        Scenes.map(1) { x, y in
            1 + Float(y) / 32 + 0.1 * (Scenes.noise(frame * 9176 + x * 3 + y * 997) - 0.5)
        }
    }

    private func roughness(_ a: DepthMap, _ b: DepthMap) -> Float {
        zip(a.values, b.values).reduce(0) { $0 + abs($1.0 - $1.1) } / Float(a.count)
    }

    @Test("light steadies a still scene and strong steadies it more")
    func steadier() {
        func change(_ smoothing: Smoothing) -> Float {
            var filter = TemporalFilter(smoothing: smoothing)
            var last: DepthMap?
            var sum: Float = 0
            for frame in 0..<20 {
                let map = filter.update(flicker(frame), at: Double(frame) / 30, isCut: false).map
                if let last, frame > 9 { sum += roughness(last, map) }
                last = map
            }
            return sum
        }
        #expect(change(.light) < 0.6 * change(.off))
        #expect(change(.strong) < 0.6 * change(.light))
    }

    @Test("off gives back the same map")
    func off() {
        var filter = TemporalFilter(smoothing: .off)
        let map = flicker(0)
        #expect(filter.update(map, at: 0, isCut: false).map === map)
    }

    @Test("nothing is carried over a cut")
    func cut() {
        var filter = TemporalFilter(smoothing: .strong)
        _ = filter.update(Scenes.map(1) { _, _ in 3 }, at: 0, isCut: false)
        let map = Scenes.map(2) { x, _ in 1 + Float(x) / 96 }
        #expect(filter.update(map, at: 1 / 30, isCut: true).map.values == map.values)
    }

    @Test("a moving edge stays where the picture has it")
    func movingEdge() {
        var filter = TemporalFilter(smoothing: .strong)
        for frame in 0..<12 {
            let edge = 20 + 4 * frame
            // A near, bright object with a texture of its own moves over a dark ground.
            var light: [Float] = []
            var depth: [Float] = []
            for y in 0..<64 {
                for x in 0..<96 {
                    let isObject = x < edge
                    light.append(
                        isObject
                            ? 0.6 + 0.3 * Scenes.texture(1, Float(x - edge), Float(y))
                            : 0.1 + 0.2 * Scenes.texture(2, Float(x), Float(y)))
                    depth.append(isObject ? 3 : 1)
                }
            }
            let map = DepthMap(
                width: 96, height: 64, kind: .inverseDepth, values: depth, brightness: light)
            let smooth = filter.update(map, at: Double(frame) / 30, isCut: false).map
            let wrong = zip(smooth.values, depth).filter { abs($0 - $1) > 0.5 }.count
            #expect(wrong < 64, "frame \(frame): \(wrong) pixels")
        }
    }

    @Test("jitter of the scale is taken out, a lasting change is followed")
    func scale() {
        var filter = TemporalFilter(smoothing: .light)
        var medians: [Float] = []
        for frame in 0..<60 {
            let scale: Float = frame < 30 ? (frame % 2 == 0 ? 1 : 1.1) : 1.3
            let map = Scenes.map(1) { _, y in scale * (1 + Float(y) / 32) }
            let smooth = filter.update(map, at: Double(frame) / 30, isCut: false).map
            medians.append(smooth.values.sorted()[smooth.count / 2])
        }
        let jitter = abs(medians[29] - medians[28]) / medians[28]
        #expect(jitter < 0.03)
        #expect(abs(medians[59] / medians[0] - 1.3) < 0.05)
    }

    @Test("metres keep their scale")
    func metres() {
        var filter = TemporalFilter(smoothing: .strong)
        _ = filter.update(Scenes.map(1, kind: .metres) { _, _ in 4 }, at: 0, isCut: false)
        let map = Scenes.map(1, kind: .metres) { x, _ in 4.4 + Float(x) / 960 }
        let smooth = filter.update(map, at: 1 / 30, isCut: false)
        #expect(smooth.flags.isEmpty)
        #expect(smooth.map.values.allSatisfy { $0 >= 4 && $0 <= 4.6 })
    }

    @Test("a jump of the scale is bounded and flagged")
    func jump() {
        var filter = TemporalFilter(smoothing: .light)
        _ = filter.update(Scenes.map(1), at: 0, isCut: false)
        let result = filter.update(
            Scenes.map(1) { _, y in 5 * (1 + Float(y) / 32) }, at: 1 / 30, isCut: false)
        #expect(result.flags == .scaleJump)
        #expect(result.map.values.allSatisfy { $0.isFinite && $0 > 0 && $0 < 20 })
    }

    @Test("flat, black and huge maps pass through with finite values")
    func odd() {
        var filter = TemporalFilter(smoothing: .strong)
        for (frame, value) in [Float(0), 0, 1e30, 1e30, 1, 0].enumerated() {
            let map = Scenes.map(1, gain: 0, lift: 0) { _, _ in value }
            let smooth = filter.update(map, at: Double(frame) / 30, isCut: false).map
            #expect(smooth.values.allSatisfy { $0.isFinite })
        }
    }

    @Test("a change of size and time that stands still or runs back are borne")
    func jumps() {
        var filter = TemporalFilter(smoothing: .light)
        for (width, time) in [(96, 0.0), (96, 0.0), (96, -5), (48, 0.1), (1, 0.2), (1, 0.3)] {
            let map = Scenes.map(1, width: width, height: width)
            let smooth = filter.update(map, at: time, isCut: false).map
            #expect(smooth.count == width * width)
        }
    }
}
