/// How a surface looks: colours, a procedural texture or a photograph, and how it throws light back.
struct Pattern {
    /// The procedural textures.
    enum Kind: UInt8, CaseIterable {
        case plain, mottled, stripes, checks, bricks, planks, tiles, spots, marble, blocks, lines
        /// Rows of windows: for the outside of houses only.
        case windows
        /// A crop of a photograph, tinted.
        case photograph

        /// What may be on anything.
        static let general: [Kind] = [
            .plain, .mottled, .stripes, .checks, .bricks, .planks, .tiles, .spots, .marble,
            .blocks, .lines,
        ]
    }

    var kind: Kind = .plain
    var first = Vector(repeating: 0.5)
    var second = Vector(repeating: 0.3)
    /// Metres of the texture's typical feature.
    var scale: Float = 0.5
    /// How much the texture shows: 0…1.
    var contrast: Float = 1
    /// Mirror image of the surroundings: 0…1.
    var gloss: Float = 0
    /// Light of its own.
    var glow: Float = 0
    var seed: UInt32 = 0
    /// Which photograph.
    var texture: Int = 0

    /// Reflectance at a place measured in metres; `blur` is the width in metres that one sample sees there.
    func reflectance(
        _ u: Float, _ v: Float, blur: Float, photographs: SceneTextures
    ) -> Vector {
        let wide = max(blur, 0.002)
        let (x, y) = (u / scale, v / scale)
        let fine = wide / scale
        let share: Float
        switch kind {
        case .plain: share = 0
        case .mottled: share = clouds(x, y, fine)
        case .stripes: share = line(wrapped(x, 1), 0, 0.5, fine)
        case .checks:
            let across = line(wrapped(x, 1), 0, 0.5, fine)
            let down = line(wrapped(y, 1), 0, 0.5, fine)
            share = across + down - 2 * across * down
        case .bricks: return bricks(x, y, fine)
        case .planks: return planks(x, y, fine)
        case .tiles:
            let joint = max(
                line(wrapped(x, 1), 0, 0.05, fine), line(wrapped(y, 1), 0, 0.05, fine))
            let one = Noise.unit(whole(x), whole(y), seed)
            return mix(
                first * (1 + contrast * 0.3 * (one - 0.5) * calm(fine, 1)), second,
                joint * contrast)
        case .spots:
            let (i, j) = (x.rounded(.down), y.rounded(.down))
            let dx = x - i - 0.3 - 0.4 * Noise.unit(whole(x), whole(y), seed)
            let dy = y - j - 0.3 - 0.4 * Noise.unit(whole(x), whole(y), seed &+ 1)
            share = coverage(
                (dx * dx + dy * dy).squareRoot(), -1, 0.22, blur: max(fine, 0.01))
        case .marble:
            let turn = clouds(x, y, fine)
            let wave = wrapped(x * 0.7 + turn * 2.2, 1)
            share = smoothStep(0.35, 0.5, wave) * (1 - smoothStep(0.5, 0.65, wave))
        case .blocks: return blocks(x, y, fine)
        case .lines:
            // Like print on paper: rows of words.
            let row = line(wrapped(y, 1), 0.2, 0.65, fine)
            let word = Noise.smooth(x * 1.3, y.rounded(.down) * 7.3, seed)
            share = row * (word > 0.42 ? 1 : 0) * calm(fine, 0.5)
        case .windows: return windows(u, v, wide)
        case .photograph:
            let color = photographs.color(texture, x, y, blur: fine)
            return mix(first, color, contrast)
        }
        let grain =
            1 + 0.16 * (Noise.smooth(u * 37, v * 37, seed) - 0.5) * calm(wide, 0.03)
        return mix(first, second, share * contrast) * grain
    }

    /// 1 where details of `size` show, 0 where one sample covers them.
    @inline(__always)
    private func calm(_ blur: Float, _ size: Float) -> Float {
        1 - smoothStep(0.3 * size, 2 * size, blur)
    }

    @inline(__always)
    private func line(_ value: Float, _ low: Float, _ high: Float, _ fine: Float) -> Float {
        coverage(value, low, high, blur: max(fine, 0.01))
    }

    @inline(__always)
    private func whole(_ value: Float) -> Int32 { Int32(value.rounded(.down)) }

    @inline(__always)
    private func clouds(_ x: Float, _ y: Float, _ fine: Float) -> Float {
        var sum = 0.5 + (Noise.smooth(x, y, seed) - 0.5) * calm(fine, 1)
        sum += (Noise.smooth(x * 2.7, y * 2.7, seed &+ 1) - 0.5) * 0.6 * calm(fine, 0.37)
        sum += (Noise.smooth(x * 7.1, y * 7.1, seed &+ 2) - 0.5) * 0.4 * calm(fine, 0.14)
        return min(max(sum, 0), 1)
    }

    private func bricks(_ x: Float, _ y: Float, _ fine: Float) -> Vector {
        let row = (y * 3).rounded(.down)
        let shifted = x + wrapped(row, 2) * 0.5
        let joint = max(
            line(wrapped(shifted, 1), 0, 0.06, fine), line(wrapped(y * 3, 1), 0, 0.15, fine * 3))
        let one = Noise.unit(whole(shifted), Int32(row), seed)
        let stone = first * (1 + 0.5 * contrast * (one - 0.5) * calm(fine, 0.7))
        return mix(stone, second, joint * contrast)
    }

    private func planks(_ x: Float, _ y: Float, _ fine: Float) -> Vector {
        let plank = x.rounded(.down)
        let shift = Noise.unit(Int32(plank), 0, seed) * 9
        let piece = whole((y + shift) / 8)
        let tone = Noise.unit(Int32(plank), piece, seed)
        let grain = (Noise.smooth(x * 14, y * 0.9 + shift, seed) - 0.5) * calm(fine, 0.08)
        let gap = line(wrapped(x, 1), 0, 0.04, fine)
        let wood = mix(first, second, min(max(tone * 0.7 + grain * 0.8, 0), 1) * contrast)
        return wood * (1 - 0.7 * gap)
    }

    /// Rectangles of many colours, as on posters, books and packages.
    private func blocks(_ x: Float, _ y: Float, _ fine: Float) -> Vector {
        let row = whole(y * 1.7)
        let stretch = 0.4 + Noise.unit(row, 5, seed)
        let column = whole(x * stretch + Noise.unit(row, 9, seed) * 4)
        func tone(_ topic: UInt32) -> Float { Noise.unit(column, row, seed &+ topic) }
        let color = Vector(tone(1), tone(2), tone(3))
        let kept = contrast * calm(fine, 0.8)
        return mix(first, color * color, tone(4) < 0.6 ? kept : kept * 0.2)
    }

    private func windows(_ u: Float, _ v: Float, _ wide: Float) -> Vector {
        let bay = 1.6 + scale * 2
        let high: Float = 2.9
        let (column, floor) = ((u / bay).rounded(.down), (v / high).rounded(.down))
        let (x, y) = (abs(u - (column + 0.5) * bay), v - floor * high)
        let half = bay * (0.2 + 0.22 * Noise.unit(1, 1, seed))
        let opening =
            coverage(x, -1, half, blur: wide) * coverage(y, 0.8, 2.3, blur: wide)
        let frame =
            coverage(x, -1, half + 0.12, blur: wide) * coverage(y, 0.68, 2.42, blur: wide)
        let stain = 0.85 + 0.3 * Noise.smooth(u * 0.7, v * 0.5, seed)
        let course = Noise.unit(whole(u * 4), whole(v * 9), seed)
        var color =
            first * stain * (1 + 0.25 * contrast * (course - 0.5) * calm(wide, 0.12))
        color = mix(color, Vector(repeating: 0.6), frame * 0.8)
        let lit = Noise.unit(Int32(column), Int32(floor), seed)
        let pane =
            lit < 0.3 ? Vector(0.35, 0.33, 0.28) * lit * 2 : second * (0.3 + 0.5 * lit)
        return mix(color, pane, opening)
    }
}

/// Photographs that surfaces may wear, given by who knows how to read files: squares of one size with mip levels.
public struct SceneTextures: Sendable {
    /// Sides in pixels.
    public static let side = 128
    /// Linear light, level after level, each half the one before.
    private var levels: [[Vector]] = []
    private static let depth = 7

    /// None: procedural textures only.
    public init() {}

    /// How many there are.
    public var count: Int { levels.count / Self.depth }

    /// Adds a square of `3 * side * side` sRGB bytes.
    public mutating func add(rgb: [UInt8]) {
        precondition(rgb.count == 3 * Self.side * Self.side, "a square of the stated size")
        var side = Self.side
        var level = (0..<side * side).map { pixel -> Vector in
            let color = Vector(
                Float(rgb[3 * pixel]), Float(rgb[3 * pixel + 1]), Float(rgb[3 * pixel + 2]))
            // Close to sRGB's curve, and quick.
            return color * color / (255 * 255)
        }
        levels.append(level)
        for _ in 1..<Self.depth {
            let half = side / 2
            level = (0..<half * half).map { at in
                let corner = 2 * (at / half) * side + 2 * (at % half)
                return
                    (level[corner] + level[corner + 1] + level[corner + side]
                    + level[corner + side + 1]) / 4
            }
            side = half
            levels.append(level)
        }
    }

    /// The colour at a place of a texture that repeats every 1; mirrored, so that no seam shows.
    @inline(__always)
    func color(_ index: Int, _ x: Float, _ y: Float, blur: Float) -> Vector {
        guard count > 0 else { return Vector(repeating: 0.4) }
        var level = 0
        var footprint = blur * Float(Self.side)
        while footprint > 1.5, level < Self.depth - 1 {
            footprint /= 2
            level += 1
        }
        let side = Self.side >> level
        func place(_ value: Float) -> Int {
            let there = wrapped(value, 2)
            let mirrored = there < 1 ? there : 2 - there
            return min(Int(mirrored * Float(side)), side - 1)
        }
        return levels[index % count * Self.depth + level][place(y) * side + place(x)]
    }
}
