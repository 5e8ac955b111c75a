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
        let sharp = Scenes.map(1)
        let light = sharp.brightness
        let blurred = DepthMap(
            width: 96, height: 64, kind: .inverseDepth, values: sharp.values,
            brightness: (0..<(96 * 64)).map { index in
                // Motion blur over 15 pixels.
                let row = index / 96 * 96
                let columns = max(index - row - 7, 0)...min(index - row + 7, 95)
                return columns.reduce(0) { $0 + light[row + $1] } / Float(columns.count)
            })
        let dark = Scenes.map(1, gain: 0.02, lift: 0)
        let flat = Scenes.map(2) { _, _ in 2 }
        let got = flags([sharp, sharp, Scenes.map(2), Scenes.map(2), flat])
        #expect(got == [[], [], ["cut"], [], ["flat"]])
        #expect(flags([sharp, dark])[1].contains("dark"))
        #expect(flags([sharp, sharp, blurred])[2].contains("blurred"))
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
