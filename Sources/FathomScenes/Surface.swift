/// What a surface is made of; `Materials` says how each looks.
enum Material: UInt8 {
    case road, pavement, kerb, grass, facade, plainWall, roof, foliage, bark, metal, paint, glass
    case tyre, tailLight, headLight, plate, hedge
    /// Looks as one of a stage's patterns says.
    case patterned
}

/// A flat polygon or a ball.
struct Surface {
    enum Shape {
        /// Three or four corners in order.
        case polygon(count: Int)
        case ball(radius: Float)
    }

    var shape: Shape
    /// Corners; of a ball the first is the centre.
    var corners: (Vector, Vector, Vector, Vector)
    /// Outwards; of a ball unused.
    var normal: Vector
    /// Directions along which the texture is measured in metres, from the first corner.
    var uAxis: Vector
    var vAxis: Vector
    var material: Material
    var tint: Vector
    /// Sets one house apart from the next.
    var seed: UInt32
    /// How far it moves until the next frame.
    var motion: Vector = .zero
    /// Which of the stage's patterns it wears; unused in the sample street.
    var pattern: Int32 = 0
}

/// What throws a shadow on the ground.
enum ShadowCaster {
    case box(low: Vector, high: Vector)
    case ball(center: Vector, radius: Float)
}

/// Everything that stands in the street at a moment.
struct SurfaceList {
    private(set) var surfaces: [Surface] = []
    private(set) var casters: [ShadowCaster] = []
    /// Motion until the next frame of what is added now.
    var motion = Vector.zero

    mutating func quad(
        _ a: Vector, _ b: Vector, _ c: Vector, _ d: Vector, _ material: Material, _ tint: Vector,
        seed: UInt32 = 0
    ) {
        add([a, b, c, d], material, tint, seed: seed)
    }

    /// Adds a convex polygon of three or four corners, counter-clockwise as seen from outside; u runs along
    /// the first edge.
    mutating func add(
        _ corners: [Vector], _ material: Material, _ tint: Vector, seed: UInt32 = 0
    ) {
        let u = (corners[1] - corners[0]).normalized
        let normal = (corners[2] - corners[0]).cross(corners[1] - corners[0]).normalized
        surfaces.append(
            Surface(
                shape: .polygon(count: corners.count),
                corners: (corners[0], corners[1], corners[2], corners[corners.count - 1]),
                normal: normal, uAxis: u, vAxis: u.cross(normal), material: material, tint: tint,
                seed: seed, motion: motion))
    }

    mutating func ball(_ center: Vector, _ radius: Float, _ material: Material, _ tint: Vector) {
        surfaces.append(
            Surface(
                shape: .ball(radius: radius), corners: (center, center, center, center),
                normal: .zero, uAxis: .zero, vAxis: .zero, material: material, tint: tint,
                seed: UInt32(truncatingIfNeeded: Int(center.z * 8)), motion: motion))
    }

    /// Adds a body with a rectangle for its foot and a smaller one for its top, both level; without the
    /// underside.
    mutating func prism(
        foot: (low: Vector, high: Vector), top: (low: Vector, high: Vector), sides: Material,
        sideTint: Vector, lid: Material, lidTint: Vector, seed: UInt32 = 0
    ) {
        func ring(_ rectangle: (low: Vector, high: Vector)) -> [Vector] {
            let (low, high) = rectangle
            return [
                Vector(low.x, low.y, low.z), Vector(high.x, low.y, low.z),
                Vector(high.x, low.y, high.z), Vector(low.x, low.y, high.z),
            ]
        }
        let (below, above) = (ring(foot), ring(top))
        for side in 0..<4 {
            let next = (side + 1) % 4
            quad(
                below[side], below[next], above[next], above[side], sides, sideTint, seed: seed)
        }
        quad(above[0], above[1], above[2], above[3], lid, lidTint, seed: seed)
    }

    /// Adds an upright box.
    mutating func box(
        low: Vector, high: Vector, _ material: Material, _ tint: Vector, seed: UInt32 = 0
    ) {
        let roof = Vector(low.x, high.y, low.z)
        prism(
            foot: (low, high), top: (roof, high), sides: material, sideTint: tint, lid: material,
            lidTint: tint, seed: seed)
    }

    mutating func shade(_ caster: ShadowCaster) { casters.append(caster) }
}
