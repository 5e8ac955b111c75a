/// Streets and open country.
extension StageBuilder {
    /// Sun, clouds, fog, dusk: the light of a day.
    private mutating func daylight() -> StageLight {
        var light = StageLight()
        light.seed = UInt32(truncatingIfNeeded: random.next())
        let turn = number(0, 6.283)
        let height = number(0.25, 1.4)
        light.toSun = Vector(.cosine(turn), height, .sine(turn)).normalized
        let warm = max(0, 0.8 - height)
        light.sun =
            Vector(1.55, 1.45 - 0.45 * warm, 1.25 - 0.9 * warm) * number(0.6, 1.4)
        light.skyLight = Vector(0.42, 0.52, 0.66) * number(0.6, 1.3)
        light.groundLight = Vector(0.26, 0.24, 0.2) * number(0.5, 1.2)
        light.zenith = Vector(number(0.08, 0.3), number(0.25, 0.42), number(0.5, 0.75))
        light.clouds = number(0, 1)
        light.hazeDistance = spread(180, 2500)
        light.exposure = number(0.13, 0.36)
        switch whole(10) {
        case 0, 1, 2:  // Overcast.
            light.sun = .zero
            light.skyLight = gray(0.6, 0.9)
            light.groundLight = light.skyLight * 0.4
            light.haze = light.skyLight * number(0.8, 1.1)
            light.zenith = light.skyLight * number(0.6, 1)
            light.hazeDistance = spread(80, 900)
        case 3:  // Fog.
            light.sun = .zero
            light.skyLight = gray(0.6, 0.85)
            light.groundLight = light.skyLight * 0.6
            light.haze = light.skyLight
            light.zenith = light.haze
            light.clouds = 0
            light.hazeDistance = spread(14, 90)
        case 4:  // Dusk or night.
            light.sun = .zero
            light.skyLight = Vector(0.2, 0.24, 0.4) * number(0.3, 1)
            light.groundLight = Vector(0.2, 0.16, 0.12) * number(0.3, 0.8)
            light.haze = Vector(number(0.15, 0.7), number(0.15, 0.4), number(0.2, 0.4)) * 0.6
            light.zenith = Vector(0.03, 0.05, 0.14)
            light.exposure = number(0.05, 0.13)
            for lamp in 0..<2 {
                light.lamps.append(
                    (
                        Vector(number(-6, 6), number(4.5, 7), Float(lamp * 16) + number(4, 16)),
                        Vector(1, 0.75, 0.42) * number(3, 16)
                    ))
            }
        default: break
        }
        return light
    }

    private mutating func ground(
        _ left: Float, _ right: Float, _ height: Float, from start: Float = -20,
        to end: Float = 420
    ) {
        face(
            [
                Vector(left, height, start), Vector(right, height, start),
                Vector(right, height, end), Vector(left, height, end),
            ], awayFrom: Vector(0, height - 1, 0))
    }

    /// Paint on the road: long thin quads just above it.
    private mutating func markings(_ half: Float, lanes: Int, speed: Float) {
        wearPlain(gray(0.6, 0.85))
        func stripe(_ x: Float, _ from: Float, _ to: Float) {
            ground(x - 0.07, x + 0.07, 0.006, from: from, to: to)
        }
        if chance(0.6) {
            stripe(-half + 0.3, -10, 220)
            stripe(half - 0.3, -10, 220)
        }
        let (dash, gap) = (number(1.5, 6), number(2, 9))
        for lane in 1..<max(lanes, 1) {
            let x = half * (2 * Float(lane) / Float(lanes) - 1)
            if chance(0.2) { stripe(x, -10, 220); continue }
            for z in stride(from: Float(-10), to: 150, by: dash + gap) { stripe(x, z, z + dash) }
        }
        if chance(0.3) {
            let place = number(8, 45)
            for x in stride(from: -half + 0.4, to: half - 0.6, by: 1) {
                ground(x, x + 0.5, 0.008, from: place, to: place + 3)
            }
        }
    }

    mutating func street() -> StagePlan {
        let lanes = 1 + whole(4)
        let half = Float(lanes) * number(1.5, 1.9) + number(0, 2.4)
        let walk = chance(0.85) ? number(1.2, 4.5) : 0
        let kerb: Float = walk > 0 ? number(0.06, 0.17) : 0
        stand(at: .zero)
        wear(.mottled, gray(0.08, 0.4), scale: number(0.3, 2.5))
        ground(-half, half, 0)
        markings(half, lanes: lanes, speed: 0)
        if walk > 0 {
            wear([.tiles, .mottled, .checks, .bricks][whole(4)], gray(0.2, 0.6), scale: 0.5)
            ground(half, half + walk, kerb)
            ground(-half - walk, -half, kerb)
            wearPlain(gray(0.3, 0.7))
            for side: Float in [-1, 1] {
                face(
                    [
                        Vector(side * half, 0, -20), Vector(side * half, 0, 420),
                        Vector(side * half, kerb, 420), Vector(side * half, kerb, -20),
                    ], awayFrom: Vector(side * (half + 1), 0, 0))
            }
        }
        let verge = half + walk
        let isTown = chance(0.75)
        if isTown, chance(0.5) {
            wear(.tiles, gray(0.2, 0.5), scale: 0.8)
        } else {
            wear(
                .mottled,
                Self.color(hue: number(0.12, 0.33), saturation: 0.5, value: number(0.1, 0.4)),
                scale: number(0.5, 3))
        }
        ground(verge, 300, kerb)
        ground(-300, -verge, kerb)
        for side: Float in [-1, 1] { roadside(side, verge, walk, half, kerb, isTown: isTown) }
        let mine = traffic(half, lanes)
        var light = daylight()
        if light.sun.sum() > 0 { light.shadowReach = 64 }
        let isWalker = chance(0.25)
        let eye =
            isWalker
            ? Vector(side() * (half + walk * 0.5), kerb + number(1, 1.75), 0)
            : Vector(mine + number(-0.4, 0.4), number(1, 2.3), 0)
        let yaw = isWalker ? number(-0.7, 0.7) : number(-0.16, 0.16)
        return StagePlan(
            light: light,
            path: CameraPath.ahead(
                &self, from: eye, speed: isWalker ? number(0, 1.5) : number(0, 13), yaw: yaw,
                pitch: number(-0.18, 0.12)))
    }

    private mutating func roadside(
        _ side: Float, _ verge: Float, _ walk: Float, _ half: Float, _ kerb: Float, isTown: Bool
    ) {
        let setback = isTown ? number(0, 5) : number(4, 25)
        var z: Float = -12
        while z < 170 {
            let width = isTown ? number(4, 11) : number(4, 8)
            if chance(isTown ? 0.88 : 0.25) {
                let depth = number(4, 8)
                let height = isTown ? spread(4, z > 20 ? 30 : 18) : number(4, 8)
                stand(
                    at: Vector(side * (verge + setback + number(0, 1.5) + depth), kerb, z + width),
                    yaw: side * 1.5708)
                building(width, depth, height)
            }
            z += 2 * width + (chance(0.6) ? number(0, 1) : number(2, 14))
        }
        // Rows of things between road and houses.
        let hasTrees = chance(0.6)
        let hasPoles = chance(0.7)
        let hasParked = chance(0.55)
        let hasFence = chance(0.35)
        for step in 0..<26 {
            let z = Float(step) * 5.5 - 4 + number(-1.4, 1.4)
            let place = Vector(side * (half + max(walk, 1) * number(0.25, 0.9)), kerb, z)
            stand(at: place, yaw: number(-3, 3))
            if hasTrees, chance(0.5) { tree(number(3, 10)) }
            if hasPoles, chance(0.3) {
                stand(at: place)
                pole(towards: -side)
            }
            if chance(0.14) {
                stand(at: place, yaw: number(-3, 3))
                velocity = Vector(0, 0, number(-1.4, 1.4))
                person(height: number(1.2, 1.95))
                velocity = .zero
            }
            if chance(0.12) {
                stand(at: place, yaw: side * number(1.2, 1.8))
                switch whole(3) {
                case 0: bin()
                case 1: bench()
                default: bicycle()
                }
            }
            if hasParked, half > 4, chance(0.6) {
                stand(at: Vector(side * (half - 1.1), 0, z), yaw: side > 0 ? 3.1416 : 0)
                if chance(0.9) { car() } else { lorry() }
            }
            if chance(isTown ? 0.1 : 0.4) {
                stand(at: Vector(side * (verge + number(0.5, setback + 4)), kerb, z))
                bush(number(0.3, 1.2))
            }
            if hasFence {
                stand(at: Vector(side * (verge + 0.3), kerb, z))
                fence(2.6)
            }
            if !isTown, chance(0.5) {
                stand(at: Vector(side * (verge + number(3, 40)), kerb, z))
                tree(number(4, 14))
            }
        }
    }

    /// Cars on the road; returns where across the road the camera's own lane is.
    private mutating func traffic(_ half: Float, _ lanes: Int) -> Float {
        let lane = 2 * half / Float(max(lanes, 1))
        let own = lanes > 1 ? lanes / 2 + whole(lanes - lanes / 2) : 0
        func middle(_ index: Int) -> Float { -half + (Float(index) + 0.5) * lane }
        for index in 0..<lanes {
            let isOncoming = lanes > 1 && index < lanes / 2
            var z = index == own ? number(7, 40) : number(-2, 30)
            while z < 140 {
                if chance(0.55) {
                    stand(
                        at: Vector(middle(index) + number(-0.25, 0.25), 0, z),
                        yaw: isOncoming ? 0 : 3.1416)
                    velocity = Vector(0, 0, isOncoming ? number(-13, -3) : number(3, 13))
                    if chance(0.82) { car() } else { lorry() }
                    velocity = .zero
                }
                z += number(9, 40)
            }
        }
        return middle(own)
    }

    mutating func country() -> StagePlan {
        stand(at: .zero)
        wear(
            .mottled,
            Self.color(
                hue: number(0.06, 0.36), saturation: number(0.2, 0.7), value: number(0.12, 0.5)),
            scale: spread(0.4, 5))
        ground(-500, 500, 0, from: -40, to: 900)
        let path = chance(0.6) ? number(0.6, 2.5) : 0
        if path > 0 {
            wear(.mottled, gray(0.2, 0.6), scale: 0.7)
            ground(-path, path, 0.01, from: -10, to: 300)
        }
        // Hills are the tops of great balls.
        wearLeaves()
        for _ in 0..<whole(6) {
            let radius = spread(60, 400)
            let (x, z) = (number(-350, 350), number(150, 700))
            ball(Vector(x, number(-0.97, -0.75) * radius, z + radius * 0.5), radius)
        }
        for _ in 0..<20 + whole(90) {
            let z = spread(4, 190)
            let x = side() * (max(path, 0.8) + spread(1.2, 12 + z * 0.8))
            stand(at: Vector(x, 0, z), yaw: number(-3, 3))
            switch whole(12) {
            case 0...5: tree(spread(2.5, 15))
            case 6...8: bush(spread(0.25, 1.6))
            case 9:
                wear(.mottled, gray(0.15, 0.6), scale: 0.4)
                let size = spread(0.15, 1.8)
                ball(Vector(0, size * number(-0.3, 0.5), 0), size)
            case 10 where abs(x) > 9: building(number(2, 7), number(2, 6), number(2.5, 8))
            default:
                fence(number(2, 8))
            }
        }
        for _ in 0..<whole(4) {
            stand(at: Vector(number(-5, 5), 0, number(3.5, 25)), yaw: number(-3, 3))
            velocity = Vector(number(-1, 1), 0, number(-1, 1))
            switch whole(4) {
            case 0: bicycle()
            case 1: bench()
            default: person(height: number(1, 1.95))
            }
            velocity = .zero
        }
        return StagePlan(
            light: daylight(),
            path: CameraPath.ahead(
                &self, from: Vector(number(-0.5, 0.5), spread(0.4, 4), 0),
                speed: number(0, 4), yaw: number(-0.3, 0.3), pitch: number(-0.22, 0.15)))
    }
}
