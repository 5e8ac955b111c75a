/// Tells whether the sun reaches a point of the ground.
///
/// What throws shadows is sorted into slices of the street, so that a point asks only its neighbours.
struct Shadows {
    private let toSun: Vector
    private let start: Float
    private let slices: [[ShadowCaster]]
    private static let sliceLength: Float = 4

    init(_ casters: [ShadowCaster], toSun: Vector, from start: Float, to end: Float) {
        self.toSun = toSun
        self.start = start
        var slices = [[ShadowCaster]](
            repeating: [], count: max(1, Int((end - start) / Self.sliceLength) + 1))
        let slope = toSun.z / toSun.y
        for caster in casters {
            var low: Float
            var high: Float
            switch caster {
            case .box(let least, let greatest):
                let shift = -slope * greatest.y
                low = min(least.z, least.z + shift)
                high = max(greatest.z, greatest.z + shift)
            case .ball(let center, let radius):
                let shift = -slope * center.y
                low = center.z + shift - 2 * radius
                high = center.z + shift + 2 * radius
            }
            low = ((low - start) / Self.sliceLength).rounded(.down)
            high = ((high - start) / Self.sliceLength).rounded(.down)
            guard high >= 0, low < Float(slices.count) else { continue }
            for slice in max(0, Int(low))...min(slices.count - 1, Int(high)) {
                slices[slice].append(caster)
            }
        }
        self.slices = slices
    }

    /// Whether something stands between the point and the sun.
    @inline(__always)
    func covers(_ point: Vector) -> Bool {
        let slice = Int((point.z - start) / Self.sliceLength)
        guard slice >= 0, slice < slices.count else { return false }
        for caster in slices[slice] {
            switch caster {
            case .box(let low, let high):
                let near = (low - point) / toSun
                let far = (high - point) / toSun
                let enters = pointwiseMin(near, far).max()
                let leaves = pointwiseMax(near, far).min()
                if enters < leaves, leaves > 0.02 { return true }
            case .ball(let center, let radius):
                let offset = center - point
                let along = offset.dot(toSun)
                if along > 0, offset.dot(offset) - along * along < radius * radius { return true }
            }
        }
        return false
    }
}
