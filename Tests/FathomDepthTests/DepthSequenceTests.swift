import FathomCore
import FathomDepth
import Testing

@Suite struct DepthSequenceTests {
    private func flags(_ maps: [DepthMap]) -> [[String]] {
        var sequence = DepthSequence()
        return maps.indices.map { sequence.next(maps[$0], at: Double($0) / 30).flags.names }
    }

    @Test("flags have the manifest's names in its order")
    func names() {
        let all: DepthFlags = [
            .damaged, .scaleJump, .nonFinite, .flat, .blurred, .dark, .cut,
        ]
        #expect(
            all.names == ["cut", "dark", "blurred", "flat", "non-finite", "scale-jump", "damaged"])
    }

    @Test("a cut, a dark, a blurred and a flat frame are flagged, an ordinary one is not")
    func flagged() {
        let ground = Scenes.map(1)
        // Fine grain over the scene's shapes, and the same through a lens out of focus.
        let (width, height) = (384, 224)
        let light = (0..<(width * height)).map { index -> Float in
            let (x, y) = (Float(index % width) / 4, Float(index / width) / 4)
            return 0.1 + 0.5 * Scenes.texture(1, x, y) + 0.3 * Scenes.noise(index)
        }
        let soft = (0..<(width * height)).map { index -> Float in
            let (x, y) = (index % width, index / width)
            var sum: Float = 0
            for v in -2...2 {
                for u in -2...2 {
                    sum +=
                        light[
                            min(max(y + v, 0), height - 1) * width + min(max(x + u, 0), width - 1)]
                }
            }
            return sum / 25
        }
        let values = (0..<(width * height)).map { 1 + Float($0) / Float(width * height) }
        let sharp = DepthMap(
            width: width, height: height, kind: .inverseDepth, values: values, brightness: light)
        let blurred = DepthMap(
            width: width, height: height, kind: .inverseDepth, values: values, brightness: soft)
        let dark = Scenes.map(1, gain: 0.02, lift: 0)
        let flat = Scenes.map(2) { _, _ in 2 }
        let got = flags([ground, ground, Scenes.map(2), Scenes.map(2), flat])
        #expect(got == [[], [], ["cut"], [], ["flat"]])
        #expect(flags([ground, dark])[1].contains("dark"))
        #expect(flags([sharp, sharp, blurred]) == [[], [], ["blurred"]])
    }

    @Test("values that were not finite are flagged")
    func nonFinite() {
        let map = Scenes.map(1) { x, y in x == 2 && y == 2 ? .nan : 1 + Float(y) / 32 }
        map.replaceNonFinite()
        #expect(flags([map]) == [["non-finite"]])
    }

    @Test("smoothed depth stays in the range of a still scene's colours")
    func range() {
        var sequence = DepthSequence(smoothing: .strong)
        for frame in 0..<60 {
            let result = sequence.next(Scenes.map(1), at: Double(frame) / 30)
            #expect(result.range.minimum < 1.1 && result.range.maximum > 2.8)
            #expect(result.map.values.allSatisfy { $0 > 0.99 && $0 < 3.01 })
        }
    }
}
