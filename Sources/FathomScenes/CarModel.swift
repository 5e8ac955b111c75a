import Glibc

/// A car of a few flat surfaces; it points along the street.
struct CarModel {
    /// Middle of its footprint on the road.
    var middle: Vector
    var paint: Vector
    /// Whether it points towards smaller z.
    var isOncoming: Bool
    var height: Float = 1.5

    private static let halfLength: Float = 2.15
    private static let halfWidth: Float = 0.88
    private static let wheelRadius: Float = 0.33

    /// Adds it, and its shadow.
    func add(into list: inout SurfaceList) {
        let (half, side) = (Self.halfLength, Self.halfWidth)
        func corners(
            _ y: Float, _ x: Float, _ rear: Float, _ front: Float
        ) -> (low: Vector, high: Vector) {
            let (from, to) = isOncoming ? (-front, -rear) : (rear, front)
            return (middle + Vector(-x, y, from), middle + Vector(x, y, to))
        }
        let waist: Float = 0.95
        list.prism(
            foot: corners(0.26, side - 0.04, -half, half),
            top: corners(waist, side - 0.02, -half + 0.06, half - 0.12), sides: .paint,
            sideTint: paint, lid: .paint, lidTint: paint)
        list.prism(
            foot: corners(waist, side - 0.06, -half + 0.35, half - 1.15),
            top: corners(height, side - 0.22, -half + 0.85, half - 1.95), sides: .glass,
            sideTint: Vector(0.05, 0.06, 0.07), lid: .paint, lidTint: paint)
        addEnds(corners, half, into: &list)
        addWheels(into: &list)
        let body = corners(0.2, side, -half, half)
        list.shade(.box(low: body.low, high: Vector(body.high.x, waist, body.high.z)))
        let cabin = corners(waist, side - 0.15, -half + 0.6, half - 1.5)
        list.shade(.box(low: cabin.low, high: Vector(cabin.high.x, height, cabin.high.z)))
    }

    private func addEnds(
        _ corners: (Float, Float, Float, Float) -> (low: Vector, high: Vector), _ half: Float,
        into list: inout SurfaceList
    ) {
        for isFront in [false, true] {
            let reach = half + 0.012
            let end = corners(0, 1, isFront ? reach : -reach, isFront ? reach : -reach).low.z
            // Seen from smaller z the left corner comes first, from larger z the right one.
            let facesBack = isFront == isOncoming
            func patch(
                _ left: Float, _ right: Float, _ low: Float, _ high: Float, _ material: Material,
                _ tint: Vector
            ) {
                let (from, to) = facesBack ? (left, right) : (right, left)
                list.quad(
                    Vector(middle.x + from, low, end), Vector(middle.x + to, low, end),
                    Vector(middle.x + to, high, end), Vector(middle.x + from, high, end), material,
                    tint)
            }
            let lamp: Material = isFront ? .headLight : .tailLight
            let glow = isFront ? Vector(0.95, 0.93, 0.82) : Vector(0.55, 0.02, 0.02)
            patch(-0.84, -0.48, 0.62, 0.82, lamp, glow)
            patch(0.48, 0.84, 0.62, 0.82, lamp, glow)
            patch(-0.26, 0.26, 0.48, 0.60, .plate, Vector(0.85, 0.85, 0.80))
            patch(-0.84, 0.84, 0.26, 0.40, .tyre, Vector(repeating: 0.03))
        }
    }

    private func addWheels(into list: inout SurfaceList) {
        for side: Float in [-1, 1] {
            for along: Float in [-1.35, 1.35] {
                let hub = middle + Vector(side * (Self.halfWidth - 0.01), Self.wheelRadius, along)
                disc(hub, Self.wheelRadius, side, .tyre, Vector(repeating: 0.025), into: &list)
                let cap = hub + Vector(side * 0.012, 0, 0)
                disc(cap, 0.19, side, .metal, Vector(repeating: 0.38), into: &list)
            }
        }
        // The treads below the body, seen from behind and ahead.
        for along: Float in [-1.35, 1.35] {
            for side: Float in [-0.76, 0.76] {
                let hub = middle + Vector(side, 0, along)
                list.box(
                    low: hub - Vector(0.11, 0, 0.24), high: hub + Vector(0.11, 0.45, 0.24), .tyre,
                    Vector(repeating: 0.02))
            }
        }
    }

    /// An octagon beside the car, of quads that share an edge.
    private func disc(
        _ center: Vector, _ radius: Float, _ side: Float, _ material: Material, _ tint: Vector,
        into list: inout SurfaceList
    ) {
        func rim(_ step: Int) -> Vector {
            let angle = Float(step) * .pi / 4 + .pi / 8
            return center + Vector(0, radius * sin(angle), side * radius * cos(angle))
        }
        for first in [1, 3, 5] {
            list.quad(rim(0), rim(first), rim(first + 1), rim(first + 2), material, tint)
        }
    }
}
