/// Things that stand outdoors. Each stands on the ground at the builder's place, its front towards negative z.
extension StageBuilder {
    mutating func car() {
        let kind = whole(10)
        let width = number(0.8, 0.95)
        let length = kind == 9 ? number(2.3, 2.9) : number(1.85, 2.4)
        let ground = number(0.17, 0.27)
        let body = number(0.26, 0.36)
        var cabin = number(0.25, 0.32)
        var share = number(0.5, 0.62)
        if kind < 3 { (cabin, share) = (cabin * 1.3, number(0.62, 0.78)) }
        if kind == 9 { (cabin, share) = (cabin * 2, 0.85) }
        wearPlain(chance(0.65) ? gray(0.03, 0.85) : anyColor(), gloss: number(0.2, 0.6))
        let paint = pattern
        box(
            Vector(0, ground + body, 0), Vector(width, body, length), top: SIMD2(0.93, 0.97))
        let top = ground + 2 * body
        let back = number(-0.05, 0.3) * (kind == 9 ? 0.2 : 1)
        wearPlain(gray(0.02, 0.08), gloss: 0.8)
        box(
            Vector(0, top + cabin, back), Vector(width * 0.92, cabin, length * share),
            top: SIMD2(0.8, kind < 3 || kind == 9 ? 0.85 : 0.62))
        wear(paint)
        let roof = kind < 3 || kind == 9 ? Float(0.85) : 0.62
        box(
            Vector(0, top + 2 * cabin, back),
            Vector(width * 0.75, 0.03, length * share * roof))
        for x: Float in [-1, 1] {
            for z: Float in [-1, 1] {
                wearPlain(gray(0.01, 0.05))
                let hub = Vector(x * width * 0.86, 0.31, z * length * 0.62)
                wheel(hub, 0.31, x * 0.13)
            }
            wearPlain(Vector(0.7, 0.03, 0.02), glow: number(0, 0.8))
            box(
                Vector(x * width * 0.75, ground + 1.4 * body, length),
                Vector(0.16, 0.06, 0.03))
            wearPlain(Vector(0.9, 0.9, 0.85), glow: number(0, 0.8))
            box(
                Vector(x * width * 0.72, ground + 1.3 * body, -length),
                Vector(0.17, 0.06, 0.03))
        }
        wearPlain(Vector(0.75, 0.75, 0.7))
        for z: Float in [-1, 1] {
            box(Vector(0, ground + 0.5 * body, z * length), Vector(0.25, 0.06, 0.025))
        }
    }

    private mutating func wheel(_ hub: Vector, _ radius: Float, _ half: Float) {
        var rim: [Vector] = []
        for spoke in 0..<10 {
            let angle = Float(spoke) * 0.6283
            rim.append(hub + Vector(0, .cosine(angle) * radius, .sine(angle) * radius))
        }
        let outside = Vector(half, 0, 0)
        for spoke in 0..<10 {
            let next = (spoke + 1) % 10
            face([rim[spoke], rim[next], rim[next] + outside, rim[spoke] + outside], awayFrom: hub)
        }
        let rubber = pattern
        for spoke in stride(from: 1, to: 9, by: 2) {
            face(
                [rim[0], rim[spoke], rim[spoke + 1], rim[(spoke + 2) % 10]].map { $0 + outside },
                awayFrom: hub)
        }
        wearPlain(gray(0.2, 0.6), gloss: 0.3)
        box(hub + outside, Vector(0.01, radius * 0.4, radius * 0.4), pitch: 0.78)
        wear(rubber)
    }

    mutating func lorry() {
        let (width, length, height) = (number(1.05, 1.27), number(2.4, 5.5), number(1, 1.5))
        let isBus = chance(0.4)
        if chance(0.5) {
            wearPlain(chance(0.5) ? gray(0.4, 0.95) : anyColor(), gloss: 0.1)
        } else {
            wearAnything(scale: 1.5)
        }
        box(Vector(0, 0.6 + height, 0), Vector(width, height, length))
        if isBus {
            wearPlain(gray(0.02, 0.07), gloss: 0.7)
            box(
                Vector(0, 0.7 + height * 1.25, 0),
                Vector(width + 0.01, height * 0.33, length * 0.96))
            box(
                Vector(0, 0.7 + height * 1.2, 0),
                Vector(width * 0.92, height * 0.4, length + 0.012))
        } else {
            wearPlain(anyColor(), gloss: 0.3)
            box(Vector(0, 1.5, -length - 0.95), Vector(width * 0.96, 1, 0.85))
            wearPlain(gray(0.02, 0.07), gloss: 0.7)
            box(Vector(0, 1.9, -length - 1.8), Vector(width * 0.85, 0.4, 0.02))
        }
        wearPlain(gray(0.01, 0.05))
        for x: Float in [-1, 1] {
            for z: Float in [-0.7, 0.1, 0.75] {
                wheel(Vector(x * width * 0.82, 0.48, z * length), 0.48, x * 0.2)
            }
            wearPlain(Vector(0.7, 0.03, 0.02), glow: number(0, 0.8))
            box(Vector(x * width * 0.8, 0.8, length), Vector(0.14, 0.08, 0.02))
            wearPlain(gray(0.01, 0.05))
        }
    }

    mutating func bicycle() {
        wearPlain(gray(0.01, 0.1))
        for z: Float in [-0.52, 0.52] {
            wheel(Vector(0, 0.33, z), 0.33, 0.02)
        }
        wearPlain(anyColor(), gloss: 0.3)
        rod(Vector(0, 0.33, 0.52), Vector(0, 0.8, -0.4), 0.02)
        rod(Vector(0, 0.33, -0.52), Vector(0, 1, -0.42), 0.02)
        rod(Vector(0, 0.3, 0), Vector(0, 0.9, 0.2), 0.02)
        rod(Vector(-0.28, 1.02, -0.42), Vector(0.28, 1.02, -0.42), 0.015)
        box(Vector(0, 0.92, 0.2), Vector(0.07, 0.03, 0.13))
    }

    mutating func tree(_ height: Float) {
        wear(
            .mottled,
            Self.color(hue: 0.08, saturation: number(0.1, 0.5), value: number(0.05, 0.3)),
            scale: 0.2)
        let radius = height * number(0.015, 0.035)
        if chance(0.22) {
            lathe(.zero, [(radius, 0), (radius * 0.8, height * 0.3)], sides: 7)
            wearLeaves()
            let tiers = 2 + whole(3)
            for tier in 0..<tiers {
                let low = height * (0.18 + 0.75 * Float(tier) / Float(tiers))
                let wide = height * 0.22 * (1.1 - Float(tier) / Float(tiers))
                lathe(
                    Vector(0, low, 0), [(wide, 0), (0, height * 1.1 / Float(tiers))], sides: 9)
            }
            return
        }
        lathe(.zero, [(radius, 0), (radius * 0.6, height * 0.6)], sides: 7)
        for _ in 0..<1 + whole(4) {
            rod(
                Vector(0, height * number(0.3, 0.5), 0),
                Vector(
                    number(-0.22, 0.22) * height, number(0.6, 0.85) * height,
                    number(-0.22, 0.22) * height), radius * 0.35)
        }
        if chance(0.1) { return }
        wearLeaves()
        let crown = height * number(0.15, 0.26)
        for _ in 0..<4 + whole(6) {
            ball(
                Vector(
                    number(-0.8, 0.8) * crown, height * number(0.55, 0.85),
                    number(-0.8, 0.8) * crown), crown * number(0.5, 1), isLeafy: true)
        }
    }

    mutating func bush(_ size: Float) {
        wearLeaves()
        for _ in 0..<2 + whole(4) {
            ball(
                Vector(number(-0.7, 0.7), number(0.3, 0.7), number(-0.7, 0.7)) * size,
                size * number(0.4, 0.8), isLeafy: true)
        }
    }

    /// Half its width and depth, and its whole height.
    mutating func building(_ width: Float, _ depth: Float, _ height: Float) {
        let color = chance(0.75) ? gray(0.25, 0.85) * Vector(1.05, 0.97, 0.85) : anyColor()
        wear(
            Pattern(
                kind: chance(0.85) ? .windows : .bricks, first: color,
                second: Vector(0.1, 0.13, 0.17) * number(0.4, 2), scale: number(0.2, 1.2),
                contrast: number(0.2, 1), seed: UInt32(truncatingIfNeeded: random.next())))
        let wall = pattern
        box(Vector(0, height / 2, 0), Vector(width, height / 2, depth))
        if height < 13, chance(0.7) {
            wear(
                .bricks,
                Self.color(
                    hue: number(0, 0.1), saturation: number(0.1, 0.7), value: number(0.08, 0.4)),
                scale: 0.4)
            let ridge = min(width, depth) * number(0.5, 1)
            let along = chance(0.6)
            box(
                Vector(0, height + ridge / 2, 0),
                Vector(width + 0.3, ridge / 2, depth + 0.3),
                top: along ? SIMD2(0.02, 0.98) : SIMD2(0.98, 0.02))
            if chance(0.6) {
                wear(wall)
                box(
                    Vector(number(-0.5, 0.5) * width, height + ridge * 0.8, 0),
                    Vector(0.35, ridge * 0.5, 0.35))
            }
        } else {
            wearPlain(gray(0.2, 0.7))
            box(
                Vector(0, height + 0.15, 0),
                Vector(width + 0.15, number(0.15, 0.4), depth + 0.15))
        }
        if chance(0.4) {
            // Balconies.
            wearPlain(gray(0.3, 0.8))
            for floor in 1..<max(2, Int(height / 2.9)) where chance(0.6) {
                let x = number(-0.8, 0.8) * width
                box(
                    Vector(x, Float(floor) * 2.9 + 0.4, -depth - 0.4), Vector(1, 0.5, 0.5))
            }
        }
        if chance(0.3) {
            wearAnything(scale: 0.8)
            box(Vector(0, 3, -depth - 0.2), Vector(width * 0.95, 0.35, 0.25))
            wearPlain(gray(0.02, 0.1), gloss: 0.6)
            box(Vector(0, 1.4, -depth), Vector(width * 0.85, 1.1, 0.03))
        }
    }

    mutating func pole(towards side: Float) {
        wearPlain(gray(0.08, 0.6), gloss: 0.2)
        let (height, radius) = (number(2.2, 8.5), number(0.035, 0.11))
        switch whole(5) {
        case 0:
            lathe(.zero, [(0.03, 0), (0.03, 2.6)], sides: 6)
            wear(
                .blocks, Self.color(hue: chance(0.5) ? 0 : 0.6, saturation: 0.8, value: 0.6),
                scale: 0.4)
            box(Vector(0, 2.5, -0.04), Vector(number(0.2, 0.5), number(0.2, 0.4), 0.012))
        case 1:
            lathe(.zero, [(radius, 0), (radius, 4.5)], sides: 7)
            let reach = number(0.3, 4)
            rod(Vector(0, 4.4, 0), Vector(side * reach, 4.5, 0), 0.06)
            wearPlain(gray(0.01, 0.05))
            box(Vector(side * reach, 4.2, -0.1), Vector(0.16, 0.45, 0.12))
            let lit = whole(3)
            for (lamp, color) in [
                Vector(0.9, 0.06, 0.04), Vector(0.9, 0.55, 0.04), Vector(0.06, 0.8, 0.35),
            ].enumerated() {
                wearPlain(color, glow: lamp == lit ? 2 : 0)
                ball(Vector(side * reach, 4.5 - Float(lamp) * 0.3, -0.2), 0.1)
            }
        default:
            lathe(.zero, [(radius, 0), (radius * 0.6, height)], sides: 7)
            let arm = side * number(0.5, 2.2)
            rod(Vector(0, height - 0.1, 0), Vector(arm, height + 0.2, 0), radius * 0.5)
            wearPlain(Vector(1, 0.9, 0.7), glow: number(0, 1))
            box(Vector(arm, height + 0.2, 0), Vector(0.35, 0.05, 0.12))
        }
    }

    /// Along z, `half` metres in each direction.
    mutating func fence(_ half: Float) {
        switch whole(4) {
        case 0:
            wearPlain(gray(0.3, 0.7), gloss: 0.2)
            box(Vector(0, 0.65, 0), Vector(0.04, 0.15, half))
            for post in stride(from: -half, to: half, by: 2.5) {
                box(Vector(0.05, 0.35, post), Vector(0.05, 0.35, 0.06))
            }
        case 1:
            if chance(0.5) { wearWood() } else { wear(.bricks, anyColor(), scale: 0.3) }
            let height = number(0.4, 1.1)
            box(Vector(0, height, 0), Vector(0.12, height, half))
        case 2:
            wearLeaves()
            let height = number(0.4, 1)
            box(Vector(0, height, 0), Vector(0.4, height, half), top: SIMD2(0.85, 1))
        default:
            wearPlain(anyColor())
            for rail: Float in [0.4, 0.9] {
                box(Vector(0, rail, 0), Vector(0.025, 0.04, half))
            }
            for post in stride(from: -half, to: half, by: 0.7) {
                box(Vector(0, 0.5, post), Vector(0.025, 0.5, 0.03))
            }
        }
    }

    mutating func bin() {
        wearPlain(anyColor(), gloss: 0.1)
        box(
            Vector(0, 0.5, 0), Vector(number(0.2, 0.5), 0.5, number(0.2, 0.4)),
            top: SIMD2(1.1, 1.1))
    }

    mutating func bench() {
        wearWood()
        box(Vector(0, 0.45, 0), Vector(0.8, 0.03, 0.22))
        box(Vector(0, 0.75, 0.22), Vector(0.8, 0.16, 0.02), pitch: 0.15)
        for x: Float in [-0.6, 0.6] { box(Vector(x, 0.22, 0), Vector(0.04, 0.22, 0.2)) }
    }
}
