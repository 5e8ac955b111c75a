import FathomPipeline
import Testing

@Suite("--target-fps") struct LoadControllerTests {
    /// Plays frames whose time goes with the number of pixels; `fullMs` at the largest size.
    private func play(
        _ controller: inout LoadController, frames: Int, fullMs: Double
    ) -> [Int] {
        var sizes: [Int] = []
        for _ in 0..<frames {
            let share = Double(controller.size) / Double(controller.sizes[0])
            _ = controller.note(milliseconds: fullMs * share * share)
            sizes.append(controller.size)
        }
        return sizes
    }

    @Test("sizes are multiples of what the network takes, falling")
    func sizes() {
        let controller = LoadController(largest: 384, multiple: 32, framesPerSecond: 30)
        #expect(controller.sizes == [384, 320, 256, 192, 160])
        #expect(controller.sizes.allSatisfy { $0 % 32 == 0 })
    }

    @Test("a machine that is fast enough keeps the full size")
    func fast() {
        var controller = LoadController(largest: 384, multiple: 32, framesPerSecond: 30)
        #expect(Set(play(&controller, frames: 600, fullMs: 20)) == [384])
    }

    @Test("a machine that is too slow comes to a size that it can do, and stays there")
    func slow() {
        var controller = LoadController(largest: 384, multiple: 32, framesPerSecond: 30)
        let sizes = play(&controller, frames: 3000, fullMs: 60)
        let last = Double(controller.size) / 384
        #expect(60 * last * last <= 1000.0 / 30)
        // Once it is there it doesn't swing.
        #expect(Set(sizes.suffix(2000)).count == 1)
    }

    @Test("when the load goes away, the full size comes back")
    func recovers() {
        var controller = LoadController(largest: 384, multiple: 32, framesPerSecond: 30)
        _ = play(&controller, frames: 300, fullMs: 100)
        #expect(controller.size < 384)
        _ = play(&controller, frames: 3000, fullMs: 10)
        #expect(controller.size == 384)
    }

    @Test("a rate that no size can reach ends at the smallest size, not in an error")
    func hopeless() {
        var controller = LoadController(largest: 384, multiple: 32, framesPerSecond: 240)
        _ = play(&controller, frames: 1000, fullMs: 500)
        #expect(controller.size == controller.sizes.last)
    }
}
