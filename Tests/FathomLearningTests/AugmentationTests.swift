import FathomCore
import FathomDepth
import FathomLearning
import Foundation
import Testing

@Suite struct AugmentationTests {
    private func warp(angle: Double, flipped: Bool) -> PictureWarp {
        var warp = PictureWarp(from: 60, 40, to: 45, 30)
        (warp.left, warp.top, warp.width, warp.height) = (6, 5, 45, 30)
        (warp.pivotX, warp.pivotY) = (31, 19)
        warp.angle = angle
        warp.isFlipped = flipped
        return warp
    }

    @Test(
        "a point of space appears where the changed camera says, at the depth it had",
        arguments: [(0, false), (0, true), (0.08, false), (-0.06, true)] as [(Double, Bool)])
    func intrinsicsFollow(angle: Double, flipped: Bool) throws {
        let warp = warp(angle: angle, flipped: flipped)
        let camera = try CameraIntrinsics(width: 60, height: 40, fx: 50, fy: 50, cx: 31, cy: 19)
        let after = try warp.intrinsics(camera)
        for (x, y, z) in [(0.3, -0.2, 2.0), (-0.5, 0.4, 3.0), (0, 0, 1)]
            as [(Double, Double, Double)]
        {
            let place = warp.forward(50 * x / z + 31, 50 * y / z + 19)
            // The camera was turned about its axis, and sees a mirror image of the world.
            let (s, c) = (sin(angle), cos(angle))
            let (turnedX, turnedY) = (c * x - s * y, s * x + c * y)
            let seenX = after.fx * (flipped ? -turnedX : turnedX) / z + after.cx
            let seenY = after.fy * turnedY / z + after.cy
            #expect(abs(place.x - seenX) < 1e-9 && abs(place.y - seenY) < 1e-9)
        }
    }

    @Test(
        "picture, depth and flow move together",
        arguments: [(0, true), (0.1, false), (-0.1, true)] as [(Double, Bool)])
    func movesTogether(angle: Double, flipped: Bool) throws {
        let warp = warp(angle: angle, flipped: flipped)
        // A picture whose values are its places, so that each result says where it came from.
        var origins = [Float](repeating: 0, count: 3 * 2400)
        for at in 0..<2400 {
            origins[at] = Float(at % 60) + 0.5
            origins[2400 + at] = Float(at / 60) + 0.5
        }
        let places = Tensor(shape: [3, 40, 60], values: origins)
        let depth = Tensor(shape: [40, 60], values: (0..<2400).map { Float($0 + 1) })
        let moved = warp.picture(places).values
        let movedDepth = warp.depth(depth).values
        for (column, row) in [(5, 5), (20, 12), (40, 25)] {
            let at = row * 45 + column
            let back = warp.forward(Double(moved[at]), Double(moved[1350 + at]))
            #expect(abs(back.x - Double(column) - 0.5) < 1e-4)
            #expect(abs(back.y - Double(row) - 0.5) < 1e-4)
            let source = Int(movedDepth[at]) - 1
            #expect(abs(Float(source % 60) + 0.5 - moved[at]) <= 0.501)
            #expect(abs(Float(source / 60) + 0.5 - moved[1350 + at]) <= 0.501)
        }
        let across = [Float](repeating: 2, count: 2400)
        let down = [Float](repeating: -1, count: 2400)
        let flow = Tensor(shape: [2, 40, 60], values: across + down)
        let movedFlow = warp.flow(flow).values
        let (from, to) = (warp.forward(30, 20), warp.forward(32, 19))
        #expect(abs(Double(movedFlow[700]) - (to.x - from.x)) < 1e-5)
        #expect(abs(Double(movedFlow[1350 + 700]) - (to.y - from.y)) < 1e-5)
    }

    @Test("depth is never blended, measurements of a lidar survive a smaller size")
    func sparseDepth() {
        var values = [Float](repeating: 0, count: 40 * 60)
        for at in stride(from: 7, to: values.count, by: 31) { values[at] = Float(at % 50) + 3 }
        let small = PictureWarp(from: 60, 40, to: 20, 13).depth(
            Tensor(shape: [40, 60], values: values)
        ).values
        #expect(small.allSatisfy { $0 == 0 || values.contains($0) })
        #expect(small.count { $0 > 0 } > 60)
    }

    @Test("beyond the source nothing is known")
    func outside() {
        var warp = PictureWarp(from: 20, 20, to: 20, 20)
        warp.angle = .pi / 4
        let depth = warp.depth(Tensor(shape: [20, 20], values: [Float](repeating: 2, count: 400)))
        #expect(depth.values[0] == 0 && depth.values[210] == 2)
    }

    @Test("a zoom keeps depth and lengthens the lens, or divides depth, as asked")
    func zoom() throws {
        func batch(_ augmentation: String) throws -> [String: Tensor] {
            let configuration = try AugmentationConfiguration(
                ConfigurationSection(yaml: augmentation, place: "test"))
            return try BatchRecipe(
                DataFixtures.synthetic("target: depth"), split: .train, batchSize: 1,
                augmentation: configuration, isShuffled: false
            ).batch(0).tensors
        }
        let plain = try batch("{}")
        let focal = try batch("{crop: [0.5, 0.5]}")
        let divided = try batch("{crop: [0.5, 0.5], zoom: depth}")
        let lens = try #require(plain["intrinsics"]?.values[0])
        #expect(abs(try #require(focal["intrinsics"]?.values[0]) - 2 * lens) < 1e-3)
        #expect(divided["intrinsics"]?.values[0] == lens)
        let (kept, halved) = (
            try #require(focal["target"]?.values), try #require(divided["target"]?.values)
        )
        #expect(zip(kept, halved).allSatisfy { abs($0 / 2 - $1) < 1e-5 })
    }

    @Test("colour, blur, noise and JPEG change the picture and nothing else")
    func pictureOnly() throws {
        func batch(_ augmentation: String) throws -> [String: Tensor] {
            let configuration = try AugmentationConfiguration(
                ConfigurationSection(yaml: augmentation, place: "test"))
            return try BatchRecipe(
                DataFixtures.synthetic("normalization: none"), split: .train, batchSize: 2,
                augmentation: configuration, isShuffled: false
            ).batch(0).tensors
        }
        let plain = try batch("{}")
        for one in ["color: 0.4", "blur: 1", "noise: 0.05", "jpeg: 1"] {
            let varied = try batch("{\(one)}")
            #expect(varied["image"]?.values != plain["image"]?.values, "\(one)")
            #expect(varied["target"]?.values == plain["target"]?.values, "\(one)")
            #expect(varied["image"]?.values.allSatisfy { $0 >= 0 && $0 <= 1 } == true, "\(one)")
            #expect(try batch("{\(one)}")["image"]?.values == varied["image"]?.values, "\(one)")
        }
    }

    @Test(
        "what can't be is an error",
        arguments: ["{flip: 2}", "{crop: [1.0, 0.5]}", "{crop: [0.5]}", "{flop: 1}"])
    func errors(yaml: String) {
        #expect(throws: FathomError.self) {
            try AugmentationConfiguration(ConfigurationSection(yaml: yaml, place: "test"))
        }
    }
}
