import FathomCore
import FathomDepth
import Testing

@Suite struct SceneCutTests {
    private func cuts(_ maps: [DepthMap]) -> [Int] {
        var detector = SceneCutDetector()
        return maps.indices.filter { detector.update(maps[$0]) }
    }

    @Test("a hard cut between scenes of the same exposure is found at its first frame")
    func hard() {
        for scene in 2..<8 {
            let maps = (0..<20).map { frame in
                Scenes.map(frame < 10 ? 1 : scene, shift: (Float(frame), 0))
            }
            #expect(cuts(maps) == [10])
        }
    }

    @Test("a cut in the second frame is found")
    func early() {
        #expect(cuts([Scenes.map(1), Scenes.map(2), Scenes.map(2)]) == [1])
    }

    @Test("a one-frame flash is no cut")
    func flash() {
        let maps = (0..<20).map { frame in
            frame == 10 ? Scenes.map(1, gain: 0.5, lift: 0.6) : Scenes.map(1)
        }
        #expect(cuts(maps) == [])
        let white = (0..<20).map { frame in
            frame == 10 ? Scenes.map(1, gain: 0, lift: 1) : Scenes.map(1)
        }
        #expect(cuts(white) == [])
    }

    @Test("a fade from black is no cut")
    func fade() {
        let maps = (0..<30).map { frame in
            Scenes.map(1, gain: 0.8 * Float(frame) / 29, lift: 0.1 * Float(frame) / 29)
        }
        #expect(cuts(maps) == [])
    }

    @Test("a dissolve is no cut")
    func dissolve() {
        let maps = (0..<40).map { frame -> DepthMap in
            let share = min(max(Float(frame - 8) / 24, 0), 1)
            let (from, to) = (Scenes.map(1), Scenes.map(2))
            return DepthMap(
                width: from.width, height: from.height, kind: .inverseDepth, values: from.values,
                brightness: zip(from.brightness, to.brightness).map { $0 + ($1 - $0) * share })
        }
        #expect(cuts(maps) == [])
    }

    @Test("a fast pan is no cut")
    func pan() {
        // Six pixels of ninety-six a frame: a whole picture in half a second.
        let maps = (0..<30).map { Scenes.map(1, shift: (Float($0 * 6), 0)) }
        #expect(cuts(maps) == [])
    }

    @Test("a cut over black frames is found when the picture returns")
    func black() {
        let maps = (0..<20).map { frame in
            (8..<12).contains(frame)
                ? Scenes.map(1, gain: 0, lift: 0) : Scenes.map(frame < 8 ? 1 : 2)
        }
        #expect(cuts(maps) == [12])
    }

    @Test("noise in the dark is no cut")
    func darkNoise() {
        let maps = (0..<20).map { frame in
            DepthMap(
                width: 96, height: 64, kind: .inverseDepth,
                values: [Float](repeating: 1, count: 96 * 64),
                brightness: (0..<(96 * 64)).map { Scenes.noise(frame * 7919 + $0) * 0.02 })
        }
        #expect(cuts(maps) == [])
    }
}
