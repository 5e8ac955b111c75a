import FathomCore
import Glibc

/// Puts bodies on a stage. Random choices come from one seeded source, in order, so that a seed always builds the
/// same stage. Coordinates are those of the object being built: x right, y up, z ahead, in metres.
struct StageBuilder {
    var random: SeededRandom
    let textures: Int
    private(set) var surfaces: [Surface] = []
    private(set) var patterns: [Pattern] = []

    /// Where the object being built stands, and which way it's turned.
    var origin = Vector.zero
    var yaw: Float = 0
    /// Metres a second by which what is added moves.
    var velocity = Vector.zero
    /// The pattern that what is added wears.
    private(set) var pattern = 0

    init(seed: UInt64, textures: Int) {
        random = SeededRandom(seed)
        self.textures = textures
        patterns.append(Pattern())
    }

    // MARK: Chance

    mutating func number(_ low: Float, _ high: Float) -> Float {
        low + (high - low) * random.unit()
    }

    /// A number whose logarithm is evenly spread.
    mutating func spread(_ low: Float, _ high: Float) -> Float {
        low * powf(high / low, random.unit())
    }

    mutating func whole(_ count: Int) -> Int { min(Int(random.unit() * Float(count)), count - 1) }

    mutating func chance(_ share: Float) -> Bool { random.unit() < share }

    mutating func side() -> Float { chance(0.5) ? 1 : -1 }

    /// A colour of a hue that is more often pale than not.
    mutating func anyColor() -> Vector {
        let value = number(0.06, 0.85)
        return Self.color(
            hue: random.unit(), saturation: chance(0.5) ? number(0, 0.25) : number(0.2, 0.9),
            value: value)
    }

    mutating func gray(_ low: Float, _ high: Float) -> Vector {
        let value = number(low, high)
        return Vector(value * number(0.93, 1.06), value, value * number(0.9, 1.08))
    }

    static func color(hue: Float, saturation: Float, value: Float) -> Vector {
        func part(_ offset: Float) -> Float {
            let place = abs(wrapped(hue * 6 + offset, 6) - 3) - 1
            return value * (1 - saturation * (1 - min(max(place, 0), 1)))
        }
        return Vector(part(0), part(4), part(2))
    }

    // MARK: Patterns

    /// What is added from now on looks like this.
    mutating func wear(_ pattern: Pattern) {
        patterns.append(pattern)
        self.pattern = patterns.count - 1
    }

    /// As `wear(_:)`, by what was returned by `keep()`.
    mutating func wear(_ index: Int) { pattern = index }

    mutating func wearPlain(_ color: Vector, gloss: Float = 0, glow: Float = 0) {
        wear(
            Pattern(
                first: color, second: color, gloss: gloss, glow: glow, seed: seed()))
    }

    private mutating func seed() -> UInt32 { UInt32(truncatingIfNeeded: random.next()) }

    mutating func wear(_ kind: Pattern.Kind, _ color: Vector, scale: Float) {
        wear(
            Pattern(
                kind: kind, first: color,
                second: chance(0.5) ? color * number(0.45, 0.8) : anyColor(),
                scale: scale * spread(0.6, 1.7), contrast: number(0.3, 1),
                gloss: chance(0.25) ? number(0, 0.35) : 0, seed: seed()))
    }

    /// Anything: for things whose look says nothing about what they are.
    mutating func wearAnything(scale: Float) {
        let color = anyColor()
        if textures > 0, chance(0.45) {
            wear(
                Pattern(
                    kind: .photograph, first: color, scale: scale * spread(1, 4),
                    contrast: number(0.6, 1), gloss: chance(0.2) ? 0.2 : 0, seed: seed(),
                    texture: whole(textures)))
            return
        }
        let kinds = Pattern.Kind.general
        wear(chance(0.3) ? .plain : kinds[whole(kinds.count)], color, scale: scale)
    }

    mutating func wearLeaves() {
        let color = Self.color(
            hue: number(0.14, 0.4), saturation: number(0.3, 0.75), value: number(0.12, 0.45))
        wear(
            Pattern(
                kind: .mottled, first: color, second: color * number(0.3, 0.6),
                scale: number(0.15, 0.5), seed: seed()))
    }

    mutating func wearWood() {
        let color = Self.color(
            hue: number(0.05, 0.11), saturation: number(0.2, 0.7), value: number(0.1, 0.6))
        wear(
            Pattern(
                kind: .planks, first: color, second: color * number(0.5, 0.85),
                scale: spread(0.06, 0.3), contrast: number(0.4, 1),
                gloss: chance(0.4) ? number(0, 0.25) : 0, seed: seed()))
    }

    // MARK: Bodies

    private func placed(_ point: Vector) -> Vector {
        let (s, c) = (sin(yaw), cos(yaw))
        return origin + Vector(point.x * c + point.z * s, point.y, point.z * c - point.x * s)
    }

    /// A flat face of three or four corners that is seen from the side on which `inside` is not.
    mutating func face(_ corners: [Vector], awayFrom inside: Vector) {
        var corners = corners.map(placed)
        let center = placed(inside)
        func normal() -> Vector {
            let last = corners.count - 1
            return (corners[last] - corners[0]).cross(corners[1] - corners[0])
        }
        var across = normal()
        if across.dot(corners[0] - center) < 0 {
            corners.reverse()
            across = normal()
        }
        let size = across.length
        guard size > 1e-9 else { return }
        let unit = across / size
        // Textures stand upright on walls, whatever the order of the corners.
        let level = Vector(0, 1, 0).cross(unit)
        let u = level.length > 0.1 ? level.normalized : Vector(cos(yaw), 0, -sin(yaw))
        surfaces.append(
            Surface(
                shape: .polygon(count: corners.count),
                corners: (corners[0], corners[1], corners[2], corners[corners.count - 1]),
                normal: unit, uAxis: u, vAxis: unit.cross(u), material: .patterned,
                tint: .zero, seed: 0, motion: velocity, pattern: Int32(pattern)))
    }

    mutating func ball(_ center: Vector, _ radius: Float, isLeafy: Bool = false) {
        let center = placed(center)
        surfaces.append(
            Surface(
                shape: .ball(radius: max(radius, 0.01)),
                corners: (center, center, center, center),
                normal: .zero, uAxis: .zero, vAxis: .zero,
                material: isLeafy ? .foliage : .patterned, tint: .zero, seed: seed(),
                motion: velocity, pattern: Int32(pattern)))
    }

    /// A box by its middle and half its sides; `top` shrinks the upper face in x and z.
    mutating func box(
        _ center: Vector, _ half: Vector, yaw turn: Float = 0, pitch: Float = 0,
        top: SIMD2<Float> = SIMD2(1, 1)
    ) {
        let (sy, cy, sp, cp) = (sin(turn), cos(turn), sin(pitch), cos(pitch))
        func corner(_ x: Float, _ y: Float, _ z: Float) -> Vector {
            let share = y > 0 ? top : SIMD2(1, 1)
            let local = Vector(x * half.x * share.x, y * half.y, z * half.z * share.y)
            let tilted = Vector(
                local.x, local.y * cp - local.z * sp, local.y * sp + local.z * cp)
            return center
                + Vector(tilted.x * cy + tilted.z * sy, tilted.y, tilted.z * cy - tilted.x * sy)
        }
        let low = [corner(-1, -1, -1), corner(1, -1, -1), corner(1, -1, 1), corner(-1, -1, 1)]
        let high = [corner(-1, 1, -1), corner(1, 1, -1), corner(1, 1, 1), corner(-1, 1, 1)]
        for side in 0..<4 {
            let next = (side + 1) % 4
            face([low[side], low[next], high[next], high[side]], awayFrom: center)
        }
        face(high, awayFrom: center)
        face(low, awayFrom: center)
    }

    /// A body of revolution about the vertical: radii at heights above `foot`, as a prism of `sides`.
    mutating func lathe(
        _ foot: Vector, _ profile: [(radius: Float, height: Float)], sides: Int = 10
    ) {
        func point(_ side: Int, _ ring: (radius: Float, height: Float)) -> Vector {
            let angle = 2 * Float.pi * Float(side) / Float(sides)
            return foot + Vector(cos(angle) * ring.radius, ring.height, sin(angle) * ring.radius)
        }
        guard let first = profile.first, let last = profile.last else { return }
        for (below, above) in zip(profile, profile.dropFirst()) {
            let middle = foot + Vector(0, (below.height + above.height) / 2, 0)
            for side in 0..<sides {
                let corners = [
                    point(side, below), point(side + 1, below), point(side + 1, above),
                    point(side, above),
                ]
                face(above.radius < 1e-3 ? Array(corners.prefix(3)) : corners, awayFrom: middle)
            }
        }
        for (ring, inside) in [(last, first.height), (first, last.height)] where ring.radius > 1e-3
        {
            let center = foot + Vector(0, ring.height, 0)
            let within = foot + Vector(0, (ring.height + inside) / 2, 0)
            for side in 0..<sides {
                face([center, point(side, ring), point(side + 1, ring)], awayFrom: within)
            }
        }
    }

    /// A rod of six sides from one place to another.
    mutating func rod(_ from: Vector, _ to: Vector, _ radius: Float) {
        let along = to - from
        guard along.length > 1e-4 else { return }
        let ahead = along.normalized
        let helper = abs(ahead.y) < 0.9 ? Vector(0, 1, 0) : Vector(1, 0, 0)
        let right = ahead.cross(helper).normalized
        let up = right.cross(ahead)
        let middle = (from + to) / 2
        func rim(_ side: Int) -> Vector {
            let angle = Float.pi / 3 * Float(side)
            return right * (cos(angle) * radius) + up * (sin(angle) * radius)
        }
        for side in 0..<6 {
            face(
                [from + rim(side), from + rim(side + 1), to + rim(side + 1), to + rim(side)],
                awayFrom: middle)
        }
        for end in [from, to] {
            face([end + rim(0), end + rim(1), end + rim(2), end + rim(3)], awayFrom: middle)
            face([end + rim(3), end + rim(4), end + rim(5), end + rim(0)], awayFrom: middle)
        }
    }

    /// Stands the next object somewhere.
    mutating func stand(at place: Vector, yaw: Float = 0) {
        origin = place
        self.yaw = yaw
    }
}
