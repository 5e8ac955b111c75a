import FathomCore
import FathomDepth
import Testing

@Suite struct StateTests {
    private func frame(_ index: Int) -> DepthMap {
        Scenes.map(index < 12 ? 1 : 2, shift: (Float(index) * 1.5, 0)) { x, y in
            1 + Float(y) / 32 + 0.2 * Scenes.noise(index * 31 + x * 7 + y * 1013)
        }
    }

    @Test(
        "a sequence put away and taken up again goes on the same to the bit",
        arguments: [5, 12, 13])
    func sequence(cut: Int) throws {
        for smoothing in Smoothing.allCases {
            var whole = DepthSequence(smoothing: smoothing)
            var expected: [DepthSequence.Frame] = []
            for index in 0..<20 {
                expected.append(whole.next(frame(index), at: Double(index) / 30))
            }
            var first = DepthSequence(smoothing: smoothing)
            for index in 0..<cut { _ = first.next(frame(index), at: Double(index) / 30) }
            var second = DepthSequence(smoothing: smoothing)
            try second.restoreState(first.saveState())
            #expect(second.saveState() == first.saveState())
            for index in cut..<20 {
                let got = second.next(frame(index), at: Double(index) / 30)
                #expect(got.map.values == expected[index].map.values)
                #expect(got.range == expected[index].range)
                #expect(got.flags == expected[index].flags)
            }
        }
    }

    @Test("a foreign, cut or prolonged state is refused and changes nothing")
    func hostile() throws {
        var sequence = DepthSequence()
        for index in 0..<5 { _ = sequence.next(frame(index), at: Double(index) / 30) }
        let good = sequence.saveState()
        var bad: [[UInt8]] = [
            [], [1, 2, 3], good + [0], DepthRangeTracker(mode: .scene).saveState(),
        ]
        for length in stride(from: 5, to: good.count, by: good.count / 23) {
            bad.append(Array(good[0..<length]))
        }
        for bytes in bad {
            #expect(throws: FathomError.self) { try sequence.restoreState(bytes) }
            #expect(sequence.saveState() == good)
        }
    }
}
