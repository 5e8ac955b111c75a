import FathomScenes
import Testing

@Suite struct StreetSceneTests {
    private let scene = StreetScene(seed: 1)
    private let options = RenderOptions(width: 192, height: 108, samples: 1)

    @Test("a seed and a time give the same frame each time, another seed another street")
    func deterministic() {
        let frame = scene.frame(at: 2.5, options)
        let again = StreetScene(seed: 1).frame(at: 2.5, options)
        #expect(frame.rgb == again.rgb && frame.depth == again.depth)
        #expect(frame.flow.map(\.bitPattern) == again.flow.map(\.bitPattern))
        #expect(StreetScene(seed: 2).frame(at: 2.5, options).rgb != frame.rgb)
    }

    @Test("each pixel has a positive depth, and the sky is infinitely far")
    func depthEverywhere() {
        let frame = scene.frame(at: 4, options)
        #expect(frame.depth.count == 192 * 108 && frame.rgb.count == 3 * 192 * 108)
        #expect(frame.depth.allSatisfy { $0 > 0 })
        let sky = frame.depth.filter(\.isInfinite).count
        #expect(sky > 200 && sky < frame.depth.count / 2)
        #expect(frame.depth.filter { $0 < 20 }.count > frame.depth.count / 4)
    }

    @Test("the road's depth is that of its plane, to the last digits", arguments: [0.0, 3.3, 7.9])
    func exactRoad(time: Double) {
        let frame = scene.frame(at: time, options)
        let axes = frame.camera.axes
        for row in 96..<108 {
            for column in 70..<120 {
                let ray = ray(frame, Float(column) + 0.5, Float(row) + 0.5)
                let expected = -frame.camera.position.y / ray.y
                let depth = frame.depth[row * 192 + column]
                #expect(abs(depth - expected) < 1e-4 * expected)
            }
        }
        #expect(
            abs(
                axes.right.x * axes.ahead.x + axes.right.y * axes.ahead.y
                    + axes.right.z * axes.ahead.z) < 1e-6)
    }

    @Test("flow of what stands still is that of depth and poses; the cars ahead move otherwise")
    func flowFromPoses() {
        let frame = scene.frame(at: 1.5, options)
        let next = scene.frame(at: 1.5 + options.frameInterval, options)
        var still = 0
        var moving = 0
        for row in 0..<108 {
            for column in 0..<192 {
                let at = row * 192 + column
                guard frame.depth[at].isFinite else { continue }
                let (x, y) = (Float(column) + 0.5, Float(row) + 0.5)
                let point = frame.camera.position + ray(frame, x, y) * frame.depth[at]
                // The next camera's pose, turned over: world to camera.
                let pose = next.camera.pose
                let world = SIMD3<Float>(point.x, -point.y, point.z)
                let offset = world - SIMD3<Float>(pose[3], pose[7], pose[11])
                func along(_ axis: Int) -> Float {
                    offset.x * pose[axis] + offset.y * pose[4 + axis] + offset.z * pose[8 + axis]
                }
                let expected = SIMD2(
                    96 + frame.focalLength * along(0) / along(2) - x,
                    54 + frame.focalLength * along(1) / along(2) - y)
                let found = SIMD2(frame.flow[2 * at], frame.flow[2 * at + 1])
                let off = expected - found
                if (off * off).sum() < 1e-4 { still += 1 } else { moving += 1 }
            }
        }
        #expect(still > 5 * moving)
        #expect(moving > 50)
    }

    @Test("the picture moves as the flow says")
    func flowOfColors() {
        let options = RenderOptions(width: 384, height: 216, samples: 2)
        let frame = scene.frame(at: 5, options)
        let next = scene.frame(at: 5 + options.frameInterval, options)
        var moved = 0
        var resting = 0
        for row in 0..<216 {
            for column in 0..<384 {
                let at = row * 384 + column
                let x = Float(column) + frame.flow[2 * at]
                let y = Float(row) + frame.flow[2 * at + 1]
                guard x >= 0, y >= 0, x < 383, y < 215 else { continue }
                let there = Int(y.rounded()) * 384 + Int(x.rounded())
                moved += abs(Int(frame.rgb[3 * at + 1]) - Int(next.rgb[3 * there + 1]))
                resting += abs(Int(frame.rgb[3 * at + 1]) - Int(next.rgb[3 * at + 1]))
            }
        }
        #expect(Double(moved) < 0.75 * Double(resting))
    }

    @Test("a small picture and a long drive work as well")
    func extremes() {
        for time in [0, 600.25, 3600] {
            let frame = scene.frame(at: time, RenderOptions(width: 3, height: 1, samples: 4))
            #expect(frame.depth.count == 3 && frame.depth.allSatisfy { $0 > 0 })
        }
    }

    private func ray(_ frame: SceneFrame, _ x: Float, _ y: Float) -> Vector {
        let axes = frame.camera.axes
        let right = axes.right * ((x - Float(frame.width) / 2) / frame.focalLength)
        let up = axes.up * ((Float(frame.height) / 2 - y) / frame.focalLength)
        return axes.ahead + right + up
    }
}
