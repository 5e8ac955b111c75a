import FathomCore
import FathomDepth
import Testing

@Suite struct RangeModeTests {
    @Test("every mode is read as it is written")
    func parse() throws {
        #expect(try RangeMode.parse("scene") == .scene)
        #expect(try RangeMode.parse("clip") == .clip)
        #expect(try RangeMode.parse("frame") == .frame)
        #expect(try RangeMode.parse("fixed:0.1:3") == .fixed(minimum: 0.1, maximum: 3))
        #expect(try RangeMode.parse("fixed:-1:1e3") == .fixed(minimum: -1, maximum: 1000))
    }

    @Test(
        "a wrong range is a usage error",
        arguments: [
            "", "scenes", "fixed", "fixed:", "fixed:1", "fixed:1:2:3", "fixed:a:b", "fixed:3:1",
            "fixed:1:1", "fixed:nan:1", "fixed:0:inf",
        ])
    func wrong(text: String) throws {
        let error = try #require(throws: FathomError.self) { try RangeMode.parse(text) }
        #expect(error.code == .usage)
    }

    @Test("a range is never empty, reversed or infinite")
    func valid() {
        let numbers: [Float] = [0, 1, -1, .nan, .infinity, -.infinity, 3e38, -3e38, 1e-37]
        for low in numbers {
            for high in numbers {
                let range = DepthRange(minimum: low, maximum: high)
                #expect(range.minimum < range.maximum)
                #expect(range.width.isFinite)
            }
        }
    }
}

@Suite struct DepthRangeTrackerTests {
    private func ramp(_ low: Float, _ high: Float) -> DepthMap {
        Scenes.map(1) { x, _ in low + (high - low) * Float(x) / 95 }
    }

    @Test("the first frame sets the range at once")
    func first() {
        var tracker = DepthRangeTracker(mode: .scene)
        let range = tracker.update(ramp(1, 3), at: 5, isCut: false).range
        #expect(abs(range.minimum - 1) < 0.15 && abs(range.maximum - 3) < 0.15)
    }

    @Test("a one-frame flash hardly moves the scene's range")
    func flash() {
        var tracker = DepthRangeTracker(mode: .scene)
        var before = DepthRange(minimum: 0, maximum: 1)
        for frame in 0..<90 {
            before = tracker.update(ramp(1, 3), at: Double(frame) / 30, isCut: false).range
        }
        let after = tracker.update(ramp(1, 30), at: 3, isCut: false).range
        #expect((after.maximum - before.maximum) / 27 < 0.03)
    }

    @Test("a cut begins a new range")
    func cut() {
        var tracker = DepthRangeTracker(mode: .scene)
        for frame in 0..<90 {
            _ = tracker.update(ramp(1, 3), at: Double(frame) / 30, isCut: false)
        }
        let range = tracker.update(ramp(10, 30), at: 3, isCut: true).range
        #expect(abs(range.minimum - 10) < 1 && abs(range.maximum - 30) < 1)
    }

    @Test("the approach goes by time, not by frames")
    func time() {
        func maximum(framesPerSecond: Int) -> Float {
            var tracker = DepthRangeTracker(mode: .scene)
            var range = tracker.update(ramp(1, 2), at: 0, isCut: false).range
            for frame in 1...(2 * framesPerSecond) {
                range =
                    tracker.update(
                        ramp(1, 4), at: Double(frame) / Double(framesPerSecond), isCut: false
                    ).range
            }
            return range.maximum
        }
        #expect(abs(maximum(framesPerSecond: 60) - maximum(framesPerSecond: 15)) < 0.2)
        #expect(maximum(framesPerSecond: 30) > 3)
    }

    @Test("flat and black frames are flagged and don't move the scene's range")
    func flat() {
        var tracker = DepthRangeTracker(mode: .scene)
        let before = tracker.update(ramp(1, 3), at: 0, isCut: false).range
        for (frame, value) in [Float(0), 7].enumerated() {
            let map = Scenes.map(1) { _, _ in value }
            let result = tracker.update(map, at: Double(frame + 1), isCut: false)
            #expect(result.flags == .flat)
            #expect(result.range == before)
        }
    }

    @Test("a clip that begins flat still has a range")
    func flatStart() {
        for mode in [RangeMode.scene, .frame, .clip] {
            var tracker = DepthRangeTracker(mode: mode)
            let range = tracker.update(Scenes.map(1) { _, _ in 0 }, at: 0, isCut: false).range
            #expect(range.minimum < range.maximum)
        }
    }

    @Test("frame mode takes each frame by itself")
    func frame() {
        var tracker = DepthRangeTracker(mode: .frame)
        _ = tracker.update(ramp(1, 3), at: 0, isCut: false)
        let range = tracker.update(ramp(10, 30), at: 0.04, isCut: false).range
        #expect(abs(range.minimum - 10) < 1 && abs(range.maximum - 30) < 1)
    }

    @Test("a fixed range stays what it is")
    func fixed() {
        var tracker = DepthRangeTracker(mode: .fixed(minimum: 0.5, maximum: 2))
        let range = tracker.update(ramp(1, 30), at: 0, isCut: true).range
        #expect(range == DepthRange(minimum: 0.5, maximum: 2))
    }

    @Test("the clip's range covers all frames but not wild values")
    func clip() {
        var histogram = ClipHistogram()
        for frame in 0..<50 {
            histogram.add(
                Scenes.map(1) { x, y in
                    x == 3 && y == 3 ? 1e6 : 1 + Float(frame) / 50 + Float(x) / 96
                })
        }
        #expect(abs(histogram.range.minimum - 1) < 0.3)
        #expect(abs(histogram.range.maximum - 3) < 0.3)
    }

    @Test("a wild value in one frame leaves the frame's percentiles alone")
    func robust() {
        var tracker = DepthRangeTracker(mode: .frame)
        let map = Scenes.map(1) { x, y in x == 3 && y == 3 ? .nan : 1 + Float(x) / 48 }
        let range = tracker.update(map, at: 0, isCut: false).range
        #expect(abs(range.minimum - 1) < 0.15 && abs(range.maximum - 3) < 0.15)
    }
}
