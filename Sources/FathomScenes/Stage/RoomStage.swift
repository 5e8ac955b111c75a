/// Rooms, corridors and table tops: closed spaces of some metres.
extension StageBuilder {
    /// Walls, floor and ceiling of a box-shaped room around the axis z, seen from within.
    private mutating func shell(_ half: Vector, window: Float?) {
        let middle = Vector(0, half.y, 0)
        func inward(_ corners: [Vector]) -> (corners: [Vector], outside: Vector) {
            let center = corners.reduce(Vector.zero, +) / Float(corners.count)
            return (corners, center + (center - middle))
        }
        if chance(0.5) {
            wearWood()
        } else {
            wear(
                [.tiles, .checks, .mottled, .plain, .marble][whole(5)], anyColor(),
                scale: number(0.2, 0.8))
        }
        let (w, h, d) = (half.x, 2 * half.y, half.z)
        let floor = inward([
            Vector(-w, 0, -d), Vector(w, 0, -d), Vector(w, 0, d), Vector(-w, 0, d),
        ])
        face(floor.corners, awayFrom: floor.outside)
        wearPlain(gray(0.5, 0.95))
        let ceiling = inward([
            Vector(-w, h, -d), Vector(w, h, -d), Vector(w, h, d), Vector(-w, h, d),
        ])
        face(ceiling.corners, awayFrom: ceiling.outside)
        wallpaper()
        let paper = pattern
        for sign: Float in [-1, 1] {
            if chance(0.3) { wallpaper() } else { wear(paper) }
            let end = inward([
                Vector(-w, 0, sign * d), Vector(w, 0, sign * d), Vector(w, h, sign * d),
                Vector(-w, h, sign * d),
            ])
            face(end.corners, awayFrom: end.outside)
            let long = inward([
                Vector(sign * w, 0, -d), Vector(sign * w, 0, d), Vector(sign * w, h, d),
                Vector(sign * w, h, -d),
            ])
            face(long.corners, awayFrom: long.outside)
        }
        if chance(0.6) {
            wearPlain(gray(0.3, 0.9))
            for sign: Float in [-1, 1] {
                box(Vector(sign * w, 0.05, 0), Vector(0.015, 0.05, d))
                box(Vector(0, 0.05, sign * d), Vector(w, 0.05, 0.015))
            }
        }
        // The sun comes in through a hole in a wall that only it sees: faces towards the outside.
        guard let window else { return }
        wearPlain(Vector(repeating: 0.5))
        let wall = w + 0.05
        for (low, high, from, to) in [
            (0, 0.9, -d, d), (2, h + 1, -d, d), (0.9, 2, -d, window - 0.6),
            (0.9, 2, window + 0.6, d),
        ] as [(Float, Float, Float, Float)] {
            face(
                [
                    Vector(wall, low, from), Vector(wall, low, to), Vector(wall, high, to),
                    Vector(wall, high, from),
                ], awayFrom: .zero)
        }
        for (corner, other) in [
            (Vector(-w, h + 0.05, -d), Vector(w, h + 0.05, d))
        ] {
            face(
                [
                    corner, Vector(other.x, corner.y, corner.z), other,
                    Vector(corner.x, corner.y, other.z),
                ], awayFrom: .zero)
        }
        // What one sees of it from within, and the sun doesn't: bright panes in a frame.
        func pane(_ inset: Float, _ high: Float, _ from: Float, _ to: Float) {
            let x = w - inset
            face(
                [
                    Vector(x, 1.45 - high, from), Vector(x, 1.45 - high, to),
                    Vector(x, 1.45 + high, to), Vector(x, 1.45 + high, from),
                ], awayFrom: Vector(w + 1, 1.45, from))
        }
        wearPlain(gray(0.6, 0.9))
        pane(0.01, 0.6, window - 0.65, window + 0.65)
        wearPlain(Vector(0.85, 0.92, 1), glow: number(0.8, 2.5))
        pane(0.02, 0.52, window - 0.57, window - 0.03)
        pane(0.02, 0.52, window + 0.03, window + 0.57)
    }

    private mutating func wallpaper() {
        if chance(0.55) {
            wearPlain(chance(0.6) ? gray(0.35, 0.9) : anyColor())
        } else {
            let kinds: [Pattern.Kind] = [
                .mottled, .stripes, .bricks, .tiles, .spots, .planks, .photograph,
            ]
            let kind = kinds[whole(textures > 0 ? 7 : 6)]
            wear(kind, anyColor(), scale: number(0.1, 0.6))
        }
    }

    /// Light of a room: a lamp or two, what comes through the window, or both.
    private mutating func roomLight(_ half: Vector, window: Bool) -> StageLight {
        var light = StageLight()
        let warm = number(0, 1)
        let tint = Vector(1, 0.94 - 0.18 * warm, 0.9 - 0.45 * warm)
        light.skyLight = tint * number(0.1, 0.5)
        light.groundLight = light.skyLight * number(0.4, 0.8)
        light.haze = light.skyLight
        light.shadowReach = 11
        light.hazeDistance = 3000
        for _ in 0..<1 + whole(2) {
            light.lamps.append(
                (
                    Vector(
                        number(-0.6, 0.6) * half.x, 2 * half.y - number(0.1, 0.5),
                        number(-0.6, 0.6) * half.z),
                    tint * number(0.6, 4)
                ))
        }
        if window {
            light.toSun = Vector(1, number(0.4, 1.1), number(-0.6, 0.6)).normalized
            light.sun = Vector(1.6, 1.45, 1.2) * number(0.3, 2)
        } else {
            light.sun = .zero
        }
        light.exposure = number(0.12, 0.36)
        return light
    }

    mutating func room() -> StagePlan {
        let half = Vector(number(1.4, 3.6), number(1.15, 1.6), number(1.6, 4.4))
        let window: Float? = chance(0.5) ? number(-0.5, 0.7) * half.z : nil
        shell(half, window: window)
        // The camera stands near one end and looks along the room; things keep out of its way.
        let eye = Vector(
            number(-0.55, 0.55) * half.x, number(0.7, 1.7),
            -half.z + number(0.35, 0.9))
        let yaw = number(-0.45, 0.45)
        func isFree(_ place: Vector, _ radius: Float) -> Bool {
            let away = (place - eye) * Vector(1, 0, 1)
            return away.length > radius + 0.6
        }
        // Along the walls.
        for side: Float in [-1, 1] {
            var z = -half.z + number(0.3, 1)
            while z < half.z - 0.7 {
                let place = Vector(side * (half.x - 0.3), 0, z)
                stand(at: place, yaw: side * 1.5708)
                if chance(0.7), isFree(place, 0.7) { wallPiece() }
                if chance(0.4) {
                    stand(
                        at: Vector(
                            side * (half.x - 0.02), number(1.3, 1.8), z), yaw: side * 1.5708)
                    hanging(width: number(0.12, 0.5), height: number(0.12, 0.4))
                }
                z += number(0.9, 2)
            }
        }
        var x = -half.x + number(0.3, 0.9)
        while x < half.x - 0.6 {
            stand(at: Vector(x, 0, half.z - 0.3))
            if chance(0.7) { wallPiece() }
            if chance(0.4) {
                stand(at: Vector(x, number(1.2, 1.9), half.z - 0.02))
                hanging(width: number(0.15, 0.6), height: number(0.12, 0.45))
            }
            x += number(0.9, 1.9)
        }
        // In the middle.
        for _ in 0..<1 + whole(5) {
            let place = Vector(
                number(-0.7, 0.7) * half.x, 0, number(-0.6, 0.6) * half.z)
            guard isFree(place, 0.7) else { continue }
            stand(at: place, yaw: number(-3.1, 3.1))
            middlePiece()
        }
        if chance(0.25) {
            let place = Vector(number(-0.6, 0.6) * half.x, 0, number(-0.2, 0.8) * half.z)
            if isFree(place, 0.5) {
                stand(at: place, yaw: number(-3, 3))
                velocity = Vector(number(-0.8, 0.8), 0, number(-0.4, 0.4))
                person(height: number(1.5, 1.95))
                velocity = .zero
            }
        }
        let light = roomLight(half, window: window != nil)
        return StagePlan(
            light: light,
            path: CameraPath.wandering(
                &self, from: eye, yaw: yaw, pitch: number(-0.4, 0.12), reach: 0.28))
    }

    private mutating func wallPiece() {
        switch whole(8) {
        case 0: shelf()
        case 1, 2: cabinet()
        case 3: sofa()
        case 4:
            let height = number(0.65, 0.8)
            table(width: number(0.4, 0.8), depth: number(0.25, 0.35), height: height)
            ontop(height, width: 0.35, depth: 0.2)
        case 5: pottedPlant(number(0.5, 1.2))
        case 6: floorLamp()
        default: cabinet()
        }
    }

    private mutating func middlePiece() {
        switch whole(6) {
        case 0, 1:
            let (width, depth) = (number(0.4, 0.9), number(0.3, 0.5))
            let height = number(0.35, 0.78)
            table(width: width, depth: depth, height: height)
            ontop(height, width: width * 0.8, depth: depth * 0.8)
        case 2: chair()
        case 3: sofa()
        case 4: bed()
        default: thing(number(0.25, 0.7))
        }
    }

    /// Things on a board at a height.
    private mutating func ontop(_ height: Float, width: Float, depth: Float) {
        let (place, turn) = (origin, yaw)
        for _ in 0..<whole(6) {
            let (x, z) = (number(-width, width), number(-depth, depth))
            let across = Vector(
                x * .cosine(turn) + z * .sine(turn), height,
                z * .cosine(turn) - x * .sine(turn))
            stand(at: place + across, yaw: number(-3, 3))
            thing(number(0.08, 0.32))
        }
        stand(at: place, yaw: turn)
    }

    mutating func corridor() -> StagePlan {
        let half = Vector(number(0.75, 1.8), number(1.15, 1.7), number(5, 16))
        shell(half, window: chance(0.4) ? number(-0.6, 0.2) * half.z : nil)
        var z = -half.z + number(0.8, 2)
        while z < half.z - 0.6 {
            for side: Float in [-1, 1] {
                let wall = Vector(side * half.x, 0, z)
                switch whole(6) {
                case 0, 1:
                    stand(at: wall, yaw: side * 1.5708)
                    if chance(0.5) { wearWood() } else { wearPlain(anyColor()) }
                    box(Vector(0, 1, 0), Vector(0.42, 1, 0.03))
                    wearPlain(gray(0.1, 0.8), gloss: 0.4)
                    ball(Vector(0.34, 1, -0.06), 0.03)
                case 2:
                    stand(at: wall + Vector(0, number(1.3, 1.7), 0), yaw: side * 1.5708)
                    hanging(width: number(0.15, 0.5), height: number(0.12, 0.4))
                case 3 where half.x > 1.1:
                    stand(at: wall - Vector(side * 0.25, 0, 0), yaw: side * 1.5708)
                    wallPiece()
                default: break
                }
            }
            if chance(0.35) {
                stand(at: Vector(0, 2 * half.y - 0.02, z))
                wearPlain(Vector(repeating: 0.9), glow: number(0.5, 2.5))
                box(.zero, Vector(number(0.1, 0.3), 0.02, number(0.1, 0.5)))
            }
            z += number(0.9, 2.6)
        }
        for _ in 0..<whole(3) {
            stand(
                at: Vector(
                    number(-0.6, 0.6) * half.x, 0, number(-0.4, 0.9) * half.z),
                yaw: number(-3, 3))
            velocity = Vector(0, 0, number(-1.3, 1.3))
            person(height: number(1.5, 1.95))
            velocity = .zero
        }
        var light = roomLight(half, window: false)
        for index in light.lamps.indices {
            light.lamps[index].place.z = number(-0.8, 0.3) * half.z
            light.lamps[index].light *= 2
        }
        return StagePlan(
            light: light,
            path: CameraPath.ahead(
                &self,
                from: Vector(
                    number(-0.4, 0.4) * half.x, number(1, 1.75), -half.z + number(0.3, 1.5)),
                speed: number(0, 1.3), yaw: number(-0.25, 0.25), pitch: number(-0.2, 0.1)))
    }

    mutating func tabletop() -> StagePlan {
        let half = Vector(number(1.5, 3), number(1.2, 1.5), number(1.5, 3))
        let window: Float? = chance(0.5) ? number(-0.3, 0.5) : nil
        shell(half, window: window)
        let height = number(0.6, 0.95)
        let (width, depth) = (number(0.45, 0.9), number(0.35, 0.6))
        stand(at: .zero)
        table(width: width, depth: depth, height: height)
        for _ in 0..<4 + whole(10) {
            stand(
                at: Vector(number(-0.85, 0.85) * width, height, number(-0.8, 0.85) * depth),
                yaw: number(-3, 3))
            thing(spread(0.06, 0.36))
        }
        for _ in 0..<whole(4) {
            stand(
                at: Vector(
                    number(-0.8, 0.8) * half.x, 0, half.z * number(0.5, 0.8)),
                yaw: number(-0.6, 0.6))
            if chance(0.5) { wallPiece() } else { chair() }
        }
        let distance = depth + number(0.2, 0.7)
        let eye = Vector(
            number(-0.4, 0.4), height + number(0.2, 0.75), -min(distance, half.z - 0.2))
        let down = -(eye.y - height) / (distance * number(0.9, 1.5))
        return StagePlan(
            light: roomLight(half, window: window != nil),
            path: CameraPath.wandering(
                &self, from: eye, yaw: number(-0.25, 0.25) - eye.x * 0.5,
                pitch: max(down, -1), reach: 0.1))
    }
}
