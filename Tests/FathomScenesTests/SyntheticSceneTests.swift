import FathomScenes
import Testing

@Suite struct SyntheticSceneTests {
    private let options = RenderOptions(
        width: 96, height: 56, samples: 2, frameInterval: 1.0 / 15)

    @Test(
        "a seed gives the same place each time, another seed another",
        arguments: SyntheticScene.Kind.allCases)
    func deterministic(kind: SyntheticScene.Kind) {
        let frame = SyntheticScene(seed: 11, kind: kind).frame(at: 0.4, options)
        let again = SyntheticScene(seed: 11, kind: kind).frame(at: 0.4, options)
        #expect(frame.rgb == again.rgb && frame.depth == again.depth)
        #expect(frame.flow.map(\.bitPattern) == again.flow.map(\.bitPattern))
        #expect(SyntheticScene(seed: 12, kind: kind).frame(at: 0.4, options).rgb != frame.rgb)
    }

    @Test("every pixel has a depth; only outdoors is something infinitely far")
    func depths() {
        var skies = 0
        for kind in SyntheticScene.Kind.allCases {
            for seed in 0..<12 as Range<UInt64> {
                let frame = SyntheticScene(seed: seed, kind: kind).frame(at: 0, options)
                #expect(frame.depth.allSatisfy { $0 >= 0.19 })
                let sky = frame.depth.count { $0.isInfinite }
                if kind == .street || kind == .country {
                    skies += sky > 0 ? 1 : 0
                } else {
                    #expect(sky == 0, "\(kind) \(seed)")
                }
                #expect(frame.depth.filter(\.isFinite).min() ?? 0 < 30)
            }
        }
        #expect(skies > 16)
    }

    @Test("pictures differ in light, lens and height, as the places do in depth")
    func variety() {
        var brightness: Set<Int> = []
        var lenses: Set<Int> = []
        var medians: Set<Int> = []
        for seed in 0..<24 as Range<UInt64> {
            let frame = SyntheticScene(seed: seed).frame(at: 0, options)
            brightness.insert(frame.rgb.reduce(0) { $0 + Int($1) } / frame.rgb.count / 8)
            lenses.insert(Int(frame.focalLength / 6))
            medians.insert(Int(frame.depth.sorted()[frame.depth.count / 2].rounded()))
        }
        #expect(brightness.count > 8 && lenses.count > 5 && medians.count > 6)
    }

    @Test(
        "flow and poses lead from a picture's points to the next picture's depth",
        arguments: SyntheticScene.Kind.allCases)
    func flowLeadsToTheSameDepth(kind: SyntheticScene.Kind) {
        var hits = 0
        var all = 0
        for seed in 0..<4 as Range<UInt64> {
            let place = SyntheticScene(seed: seed, kind: kind)
            let frame = place.frame(at: 0, options)
            let next = place.frame(at: options.frameInterval, options)
            let axes = frame.camera.axes
            for row in 2..<54 {
                for column in 2..<94 {
                    let at = row * 96 + column
                    let depth = frame.depth[at]
                    guard depth.isFinite, !frame.flow[2 * at].isNaN else { continue }
                    let x = Float(column) + 0.5 + frame.flow[2 * at]
                    let y = Float(row) + 0.5 + frame.flow[2 * at + 1]
                    guard x > 1, y > 1, x < 95, y < 55 else { continue }
                    all += 1
                    let across = (Float(column) + 0.5 - 48) / frame.focalLength
                    let up = (28 - Float(row) - 0.5) / frame.focalLength
                    let point =
                        frame.camera.position
                        + (axes.ahead + axes.right * across + axes.up * up) * depth
                    let away = (point - next.camera.position) * next.camera.axes.ahead
                    let expected = away.x + away.y + away.z
                    // Movers and what comes into view behind edges are the few that differ.
                    let near = [(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)].contains { step in
                        let seen = next.depth[(Int(y) + step.1) * 96 + Int(x) + step.0]
                        return abs(seen - expected) < 0.06 * expected
                    }
                    hits += near ? 1 : 0
                }
            }
        }
        #expect(all > 8000)
        #expect(Double(hits) > 0.9 * Double(all))
    }

    @Test("the other eye sees each point moved by focal length times baseline over depth")
    func stereo() {
        let place = SyntheticScene(seed: 3, kind: .room)
        let left = place.frame(at: 0, options)
        var moved = options
        moved.eyeOffset = 0.1
        let right = place.frame(at: 0, moved)
        var hits = 0
        var all = 0
        for row in 0..<56 {
            for column in 0..<96 {
                let depth = left.depth[row * 96 + column]
                let x = Float(column) + 0.5 - left.focalLength * 0.1 / depth
                guard x > 1, x < 95 else { continue }
                all += 1
                let seen = (-1...1).map { right.depth[row * 96 + Int(x) + $0] }
                hits += seen.contains { abs($0 - depth) < 0.05 * depth } ? 1 : 0
            }
        }
        #expect(Double(hits) > 0.9 * Double(all))
    }

    @Test("photographs show on surfaces")
    func photographs() {
        var textures = SceneTextures()
        let side = SceneTextures.side
        textures.add(
            rgb: (0..<side * side).flatMap { at -> [UInt8] in
                (at / 16 + at / side / 16) % 2 == 0 ? [250, 0, 250] : [0, 250, 0]
            })
        var plain = 0
        var photographed = 0
        func isMagenta(_ rgb: [UInt8], _ at: Int) -> Bool {
            Int(rgb[at]) > 2 * Int(rgb[at + 1]) + 40 && Int(rgb[at + 2]) > 2 * Int(rgb[at + 1]) + 40
        }
        for seed in 0..<8 as Range<UInt64> {
            let without = SyntheticScene(seed: seed, kind: .table).frame(at: 0, options)
            let with = SyntheticScene(seed: seed, kind: .table, textures: textures)
                .frame(at: 0, options)
            for at in stride(from: 0, to: without.rgb.count, by: 3) {
                plain += isMagenta(without.rgb, at) ? 1 : 0
                photographed += isMagenta(with.rgb, at) ? 1 : 0
            }
        }
        #expect(photographed > plain + 500)
    }
}
