import FathomCore

/// Measures of the street's cross-section in metres from its middle.
enum StreetMeasures {
    static let laneWidth: Float = 3.3
    static let kerb: Float = 5.6
    static let kerbHeight: Float = 0.14
    static let pavementEnd: Float = 8.6
    static let blockLength: Float = 15
    static let crossingInterval: Float = 75
}

/// What stands along the street. Each block depends on the seed and its number only, so the street is endless.
struct StreetLayout {
    let seed: UInt32

    private static let walls: [Vector] = [
        Vector(0.62, 0.30, 0.20), Vector(0.78, 0.68, 0.50), Vector(0.70, 0.70, 0.66),
        Vector(0.52, 0.24, 0.17), Vector(0.80, 0.56, 0.36), Vector(0.42, 0.48, 0.54),
        Vector(0.74, 0.62, 0.58), Vector(0.56, 0.58, 0.42),
    ]
    private static let roofs: [Vector] = [
        Vector(0.36, 0.13, 0.09), Vector(0.20, 0.20, 0.22), Vector(0.30, 0.18, 0.12),
    ]
    static let paints: [Vector] = [
        Vector(0.60, 0.04, 0.04), Vector(0.04, 0.10, 0.36), Vector(0.62, 0.63, 0.65),
        Vector(0.05, 0.05, 0.06), Vector(0.78, 0.78, 0.76), Vector(0.05, 0.24, 0.17),
        Vector(0.70, 0.42, 0.06), Vector(0.24, 0.26, 0.30),
    ]

    /// Random numbers of one block of one side.
    private func random(_ block: Int, _ side: Float, _ topic: UInt32) -> SeededRandom {
        let place = Noise.hash(Int32(truncatingIfNeeded: block), side < 0 ? 1 : 2, seed &+ topic)
        return SeededRandom(UInt64(place) << 20 | UInt64(topic))
    }

    /// Adds everything that doesn't move between two places along the street.
    func add(from start: Float, to end: Float, into list: inout SurfaceList) {
        addGround(from: start, to: end, into: &list)
        let length = StreetMeasures.blockLength
        let first = Int((start / length).rounded(.down))
        let last = Int((end / length).rounded(.down))
        for block in first...last {
            for side: Float in [-1, 1] {
                addHouse(block, side, into: &list)
                addTrees(block, side, into: &list)
                addParkedCars(block, side, into: &list)
            }
            if block % 2 == 0 { addLamp(block, block % 4 == 0 ? 1 : -1, into: &list) }
        }
    }

    private func addGround(from start: Float, to end: Float, into list: inout SurfaceList) {
        let kerb = StreetMeasures.kerb
        let height = StreetMeasures.kerbHeight
        func strip(_ left: Float, _ right: Float, _ y: Float, _ material: Material) {
            list.quad(
                Vector(left, y, start), Vector(right, y, start), Vector(right, y, end),
                Vector(left, y, end), material, Vector(repeating: 1))
        }
        strip(-kerb, kerb, 0, .road)
        for side: Float in [-1, 1] {
            let inner = side * kerb
            let outer = side * StreetMeasures.pavementEnd
            let far = side * 160
            strip(min(inner, outer), max(inner, outer), height, .pavement)
            strip(min(outer, far), max(outer, far), height, .grass)
            let (from, to) = side > 0 ? (start, end) : (end, start)
            list.quad(
                Vector(inner, 0, to), Vector(inner, 0, from), Vector(inner, height, from),
                Vector(inner, height, to), .kerb, Vector(repeating: 0.55))
        }
    }

    private func addHouse(_ block: Int, _ side: Float, into list: inout SurfaceList) {
        var random = random(block, side, 11)
        let ground = StreetMeasures.kerbHeight
        let start = Float(block) * StreetMeasures.blockLength
        let house = random.next()
        if random.unit() < 0.12 {
            // A garden with a hedge instead of a house.
            let near = side * (StreetMeasures.pavementEnd + 0.5)
            let far = side * (StreetMeasures.pavementEnd + 1.4)
            let low = Vector(min(near, far), ground, start + 0.5)
            let high = Vector(max(near, far), ground + 1.3, start + 14.5)
            list.box(low: low, high: high, .hedge, Vector(0.10, 0.20, 0.05))
            list.shade(.box(low: low, high: high))
            return
        }
        let setback = StreetMeasures.pavementEnd + random.uniform(0.6...3.2)
        let floors = Float(2 + Int(random.unit() * 2.7))
        let height = ground + 3 * floors + 0.5
        let depth = random.uniform(8...11)
        let margin = random.uniform(0.1...1.3)
        let near = side * setback
        let far = side * (setback + depth)
        let low = Vector(min(near, far), ground, start + margin)
        let high = Vector(
            max(near, far), height, start + StreetMeasures.blockLength - margin)
        let wall = Self.walls[Int(house % UInt64(Self.walls.count))]
        let wallSeed = UInt32(truncatingIfNeeded: house >> 8)
        list.box(low: low, high: high, .facade, wall, seed: wallSeed)

        // A gable roof with its ridge along the street, overhanging a little.
        let ridge = height + random.uniform(1.8...3.2)
        let middle = (low.x + high.x) / 2
        let (left, right) = (low.x - 0.4, high.x + 0.4)
        let (front, back) = (low.z - 0.3, high.z + 0.3)
        let eaves = height - 0.15
        let tint = Self.roofs[Int(house >> 40) % Self.roofs.count]
        list.quad(
            Vector(left, eaves, back), Vector(left, eaves, front), Vector(middle, ridge, front),
            Vector(middle, ridge, back), .roof, tint)
        list.quad(
            Vector(right, eaves, front), Vector(right, eaves, back), Vector(middle, ridge, back),
            Vector(middle, ridge, front), .roof, tint)
        let gable = wall * 0.9
        list.add(
            [
                Vector(low.x, height, low.z), Vector(high.x, height, low.z),
                Vector(middle, ridge, low.z),
            ],
            .plainWall, gable)
        list.add(
            [
                Vector(high.x, height, high.z), Vector(low.x, height, high.z),
                Vector(middle, ridge, high.z),
            ],
            .plainWall, gable)
        let chimney = Vector(middle + side * 1.2, ridge - 1.4, low.z + 3)
        list.box(
            low: chimney, high: chimney + Vector(0.7, 2.1, 0.7), .plainWall,
            Vector(0.36, 0.16, 0.12))
        list.shade(.box(low: low, high: Vector(high.x, (height + ridge) / 2, high.z)))
    }

    private func addTrees(_ block: Int, _ side: Float, into list: inout SurfaceList) {
        var random = random(block, side, 23)
        for index in 0..<2 where random.unit() < 0.62 {
            let place = Vector(
                side * (StreetMeasures.pavementEnd - 1.9 + random.uniform(-0.2...0.2)),
                StreetMeasures.kerbHeight,
                Float(block) * StreetMeasures.blockLength + 3.5 + 7.5 * Float(index)
                    + random.uniform(-1...1))
            addTree(at: place, height: random.uniform(4.6...6.8), &random, into: &list)
        }
    }

    private func addTree(
        at foot: Vector, height: Float, _ random: inout SeededRandom, into list: inout SurfaceList
    ) {
        let half: Float = 0.14
        list.prism(
            foot: (foot - Vector(half, 0, half), foot + Vector(half, 0, half)),
            top: (
                foot + Vector(-0.6 * half, height * 0.7, -0.6 * half),
                foot + Vector(0.6 * half, height * 0.7, 0.6 * half)
            ), sides: .bark, sideTint: Vector(0.20, 0.14, 0.09), lid: .bark,
            lidTint: Vector(0.20, 0.14, 0.09))
        let crown = height * 0.30
        let tint = Vector(
            random.uniform(0.09...0.17), random.uniform(0.20...0.30), random.uniform(0.03...0.06))
        let middle = foot + Vector(0, height * 0.72, 0)
        list.ball(middle, crown, .foliage, tint)
        list.shade(.ball(center: middle, radius: crown * 0.95))
        for lump in 0..<6 {
            let offset = Vector(
                random.uniform(-0.75...0.75), random.uniform(-0.45...0.6),
                lump % 2 == 0 ? random.uniform(0.3...0.8) : random.uniform(-0.8 ... -0.3))
            let center = middle + offset * crown
            let radius = crown * random.uniform(0.5...0.7)
            list.ball(center, radius, .foliage, tint * random.uniform(0.85...1.2))
            list.shade(.ball(center: center, radius: radius * 0.9))
        }
    }

    private func addParkedCars(_ block: Int, _ side: Float, into list: inout SurfaceList) {
        var random = random(block, side, 37)
        let start = Float(block) * StreetMeasures.blockLength
        for index in 0..<2 {
            let place = Vector(
                side * (StreetMeasures.kerb - 1.15), 0,
                start + 3.8 + 7 * Float(index) + random.uniform(-0.5...0.5))
            let paint = Self.paints[Int(random.next() % UInt64(Self.paints.count))]
            // None on a zebra crossing.
            let crossing = abs(
                wrapped(
                    place.z + StreetMeasures.crossingInterval / 2, StreetMeasures.crossingInterval)
                    - StreetMeasures.crossingInterval / 2)
            if random.unit() < 0.55, crossing > 7 {
                CarModel(
                    middle: place, paint: paint, isOncoming: side < 0,
                    height: random.uniform(1.4...1.75)
                ).add(into: &list)
            }
        }
    }

    private func addLamp(_ block: Int, _ side: Float, into list: inout SurfaceList) {
        let foot = Vector(
            side * (StreetMeasures.kerb + 0.5), StreetMeasures.kerbHeight,
            Float(block) * StreetMeasures.blockLength + 0.2)
        let tint = Vector(0.16, 0.18, 0.18)
        let top = foot + Vector(0, 6.2, 0)
        list.box(
            low: foot - Vector(0.08, 0, 0.08), high: top + Vector(0.08, 0, 0.08), .metal, tint)
        let arm = -side * 1.9
        list.box(
            low: top + Vector(min(arm, 0), -0.08, -0.06),
            high: top + Vector(max(arm, 0), 0.04, 0.06), .metal, tint)
        list.box(
            low: top + Vector(arm - 0.35, -0.2, -0.14), high: top + Vector(arm + 0.35, 0, 0.14),
            .metal, Vector(0.42, 0.42, 0.40))
        list.shade(
            .box(low: foot - Vector(0.08, 0, 0.08), high: top + Vector(0.08, 0, 0.08)))
    }
}
