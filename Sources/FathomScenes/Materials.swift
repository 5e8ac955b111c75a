/// How surfaces look: reflectance by material and place.
struct Materials {
    /// Reflectance at a point of a surface. `blur` is the width in metres of what one sample sees there:
    /// details smaller than it are averaged, so that nothing flickers in the distance.
    @inline(__always)
    func reflectance(_ item: Surface, _ point: Vector, blur: Float) -> Vector {
        switch item.material {
        case .road: road(point, blur)
        case .pavement: pavement(point, blur)
        case .grass: grass(point, blur)
        case .kerb:
            item.tint * (1 - 0.5 * coverage(wrapped(point.z, 1), 0, 0.03, blur: max(blur, 0.02)))
        case .facade: facade(item, point, blur)
        case .roof: roof(item, point, blur)
        case .foliage, .hedge:
            item.tint * (0.62 + 0.76 * fade(leaves(point, item.seed), blur, 0.2))
        case .bark:
            item.tint * (0.7 + 0.6 * fade(Noise.smooth(point.x * 22, point.y * 5), blur, 0.1))
        case .plainWall: item.tint * (0.94 + 0.12 * Noise.smooth(point.z * 2, point.y * 2))
        case .metal, .paint, .glass, .tyre, .tailLight, .headLight, .plate, .patterned: item.tint
        }
    }

    /// A pattern of mean 0.5 that gives way to its mean as a sample grows to its size.
    @inline(__always)
    private func fade(_ pattern: Float, _ blur: Float, _ size: Float) -> Float {
        0.5 + (pattern - 0.5) * (1 - smoothStep(0.3 * size, 2 * size, blur))
    }

    private func leaves(_ point: Vector, _ seed: UInt32) -> Float {
        let coarse = Noise.smooth(point.x * 3 + point.z * 2.1, point.y * 3 - point.z * 1.7, seed)
        let fine = Noise.smooth(point.x * 11 + point.z * 7.3, point.y * 11 - point.z * 6.1, seed)
        return 0.5 * coarse + 0.5 * fine
    }

    private func road(_ point: Vector, _ blur: Float) -> Vector {
        let grain = fade(Noise.smooth(point.x * 30, point.z * 30), blur, 0.05)
        let patches = Noise.smooth(point.x * 0.5, point.z * 0.16, 3)
        // Wheels have polished two tracks in each lane.
        let inLane = wrapped(point.x, StreetMeasures.laneWidth) - StreetMeasures.laneWidth / 2
        let track = abs(abs(inLane) - 0.75)
        let worn = 1 - 0.10 * (1 - smoothStep(0.1, 0.5, track))
        var color = Vector(0.150, 0.152, 0.158) * (0.80 + 0.22 * grain + 0.20 * patches) * worn
        let paint = Vector(0.72, 0.72, 0.68) * (0.86 + 0.2 * grain)
        let along = wrapped(point.z, 9)
        let wide = max(blur, 0.015)
        let dash = coverage(along, 0, 4, blur: max(4 * wide, 0.1))
        var marking = coverage(point.x, -0.07, 0.07, blur: wide) * dash
        let edge = abs(point.x)
        marking += coverage(edge, 3.22, 3.34, blur: wide)
        // Zebra crossings.
        let interval = StreetMeasures.crossingInterval
        let crossing = wrapped(point.z + interval / 2, interval) - interval / 2
        if abs(crossing) < 2.5 {
            let stripe = coverage(wrapped(point.x + 0.3, 1.2), 0, 0.6, blur: wide)
            let length = coverage(crossing, -1.8, 1.8, blur: max(4 * wide, 0.1))
            marking = max(marking * (1 - length), stripe * length)
        }
        color = mix(color, paint, min(marking, 1))
        return color
    }

    private func pavement(_ point: Vector, _ blur: Float) -> Vector {
        let wide = max(blur, 0.015)
        let joints = max(
            coverage(wrapped(point.x, 0.6), 0, 0.02, blur: wide),
            coverage(wrapped(point.z, 0.6), 0, 0.02, blur: 3 * wide))
        let slab = Noise.unit(
            Int32((point.x / 0.6).rounded(.down)), Int32((point.z / 0.6).rounded(.down)))
        let shade = 0.90 + 0.2 * fade(slab, blur, 0.6)
        return Vector(0.40, 0.39, 0.365) * shade * (1 - 0.45 * joints)
    }

    private func grass(_ point: Vector, _ blur: Float) -> Vector {
        let blades = fade(Noise.smooth(point.x * 14, point.z * 14), blur, 0.1)
        let patches = Noise.smooth(point.x * 0.4, point.z * 0.4, 9)
        return mix(Vector(0.13, 0.22, 0.055), Vector(0.24, 0.28, 0.09), patches)
            * (0.65 + 0.7 * blades)
    }

    private func roof(_ item: Surface, _ point: Vector, _ blur: Float) -> Vector {
        let up = (point - item.corners.0).dot(item.vAxis)
        let along = (point - item.corners.0).dot(item.uAxis)
        let course = wrapped(up, 0.3) / 0.3
        let tile = Noise.unit(
            Int32((along / 0.25).rounded(.down)), Int32((up / 0.3).rounded(.down)), item.seed)
        let shade = 0.7 + 0.3 * fade(course, blur, 0.2) + 0.3 * fade(tile, blur, 0.25)
        return item.tint * shade
    }

    /// A wall with windows: floors of 3 m, bays of about 2.5 m that divide the wall evenly.
    private func facade(_ item: Surface, _ point: Vector, _ blur: Float) -> Vector {
        let width = (item.corners.1 - item.corners.0).length
        let u = (point - item.corners.0).dot(item.uAxis)
        let v = (point - item.corners.0).dot(item.vAxis)
        let wide = max(blur, 0.015)

        let course = Noise.unit(
            Int32((u / 0.24 + (v / 0.08).rounded(.down) * 0.5).rounded(.down)),
            Int32((v / 0.08).rounded(.down)), item.seed)
        var color = item.tint * (0.90 + 0.2 * fade(course, blur, 0.15))
        // Walls are darker near the ground, where rain splashes.
        color *= 0.80 + 0.20 * smoothStep(0, 0.9, v)

        let bays = max(1, (width / 2.5).rounded(.down))
        let bay = width / bays
        let floor = (v / 3).rounded(.down)
        let column = (u / bay).rounded(.down)
        let x = abs(u - (column + 0.5) * bay)
        let y = v - floor * 3
        let isDoor = floor == 0 && column == Float(item.seed % UInt32(bays))
        let (low, high): (Float, Float) = isDoor ? (0, 2.2) : (0.95, 2.45)
        let half: Float = isDoor ? 0.5 : 0.58
        let frame =
            coverage(x, -1, half + 0.10, blur: wide)
            * coverage(y, low - 0.10, high + 0.10, blur: wide)
        color = mix(color, Vector(0.74, 0.73, 0.70), frame)
        let opening = coverage(x, -1, half, blur: wide) * coverage(y, low, high, blur: wide)
        let room = Noise.hash(Int32(column), Int32(floor), item.seed)
        if isDoor {
            let tints = [
                Vector(0.22, 0.06, 0.04), Vector(0.05, 0.14, 0.10), Vector(0.08, 0.10, 0.22),
            ]
            return mix(color, tints[Int(item.seed % 3)], opening)
        }
        // Glass mirrors the sky, more so higher up; some rooms have curtains.
        let sky = mix(Vector(0.05, 0.06, 0.08), Vector(0.30, 0.38, 0.47), min(v / 12, 1) * 0.8)
        var pane = sky * (0.8 + 0.4 * Float(room & 255) / 255)
        if room % 4 == 0 {
            let curtain = coverage(x, half * 0.45, 1, blur: wide)
            pane = mix(pane, Vector(0.52, 0.50, 0.45), curtain)
        }
        let bar = max(
            coverage(x, -1, 0.025, blur: wide), coverage(y, 1.92, 1.98, blur: wide))
        pane = mix(pane, Vector(0.70, 0.69, 0.66), bar)
        color = mix(color, pane, opening)
        // A sill below each window.
        let sill =
            coverage(x, -1, half + 0.2, blur: wide) * coverage(y, low - 0.2, low - 0.08, blur: wide)
        return mix(color, Vector(0.50, 0.48, 0.45), sill)
    }
}
