/// Which surface is seen at each sample, and one over its depth.
///
/// A flat surface's inverse depth is linear over the picture, so depth is exact at every sample; colours are
/// worked out afterwards, once a sample.
struct VisibilityBuffer {
    let projection: Projection
    /// Metres⁻¹ along the optical axis; 0 is the sky.
    private(set) var inverseDepth: [Float]
    /// Index of the surface; -1 is the sky.
    private(set) var surface: [Int32]

    private static let nearPlane: Float = 0.2

    init(_ surfaces: [Surface], _ projection: Projection) {
        self.projection = projection
        let count = projection.width * projection.height
        inverseDepth = [Float](repeating: 0, count: count)
        surface = [Int32](repeating: -1, count: count)
        var clipped: [Vector] = []
        for (index, item) in surfaces.enumerated() {
            switch item.shape {
            case .polygon(let count):
                // Seen from behind it's hidden by its body's front.
                guard (projection.position - item.corners.0).dot(item.normal) > 0 else { continue }
                clip(item.corners, count, into: &clipped)
                if clipped.count >= 3 { fill(clipped, item, Int32(index)) }
            case .ball(let radius): fillBall(item, radius, Int32(index))
            }
        }
    }

    /// The part of a polygon ahead of the near plane, in camera space.
    private func clip(
        _ corners: (Vector, Vector, Vector, Vector), _ count: Int, into result: inout [Vector]
    ) {
        result.removeAll(keepingCapacity: true)
        let all = [
            projection.toCamera(corners.0), projection.toCamera(corners.1),
            projection.toCamera(corners.2), projection.toCamera(corners.3),
        ]
        for index in 0..<count {
            let (from, to) = (all[index], all[(index + 1) % count])
            if from.z >= Self.nearPlane { result.append(from) }
            if (from.z >= Self.nearPlane) != (to.z >= Self.nearPlane) {
                result.append(from + (to - from) * ((Self.nearPlane - from.z) / (to.z - from.z)))
            }
        }
    }

    private mutating func fill(_ corners: [Vector], _ item: Surface, _ index: Int32) {
        let points = corners.map { projection.project($0) }
        var top = Float.infinity
        var bottom = -Float.infinity
        for point in points {
            top = min(top, point.y)
            bottom = max(bottom, point.y)
        }
        let firstRow = max(0, Int((max(top, -1) - 0.5).rounded(.up)))
        let lastRow = min(
            projection.height - 1,
            Int((min(bottom, Float(projection.height) + 1) - 0.5).rounded(.up)) - 1)
        guard firstRow <= lastRow else { return }

        // The plane n · p = d in camera space gives 1/z = n · ray / d.
        let normal = Vector(
            item.normal.dot(projection.right), item.normal.dot(projection.up),
            item.normal.dot(projection.ahead))
        let distance = normal.dot(projection.toCamera(item.corners.0))
        guard abs(distance) > 1e-6 else { return }
        let stepX = normal.x / distance / projection.focal
        let stepY = -normal.y / distance / projection.focal
        let origin =
            normal.z / distance - stepX * projection.centerX - stepY * projection.centerY
        let width = projection.width

        inverseDepth.withUnsafeMutableBufferPointer { depths in
            surface.withUnsafeMutableBufferPointer { indices in
                for row in firstRow...lastRow {
                    let y = Float(row) + 0.5
                    var left = Float.infinity
                    var right = -Float.infinity
                    var from = points[points.count - 1]
                    for to in points {
                        if (from.y <= y) != (to.y <= y) {
                            let x = from.x + (y - from.y) * (to.x - from.x) / (to.y - from.y)
                            left = min(left, x)
                            right = max(right, x)
                        }
                        from = to
                    }
                    guard left < right else { continue }
                    let first = Int((max(left, 0) - 0.5).rounded(.up))
                    let end = Int((min(right, Float(width)) - 0.5).rounded(.up))
                    guard first < end else { continue }
                    let start = origin + stepY * y + stepX * 0.5
                    for column in max(first, 0)..<min(end, width) {
                        let value = start + stepX * Float(column)
                        let at = row * width + column
                        if value > depths[at] {
                            depths[at] = value
                            indices[at] = index
                        }
                    }
                }
            }
        }
    }

    private mutating func fillBall(_ item: Surface, _ radius: Float, _ index: Int32) {
        let center = projection.toCamera(item.corners.0)
        guard center.z > radius + Self.nearPlane else { return }
        // A ball's outline reaches a little farther than its radius at its centre's distance.
        let reach = 1.1 * projection.focal * radius / (center.z - radius)
        let middle = projection.project(center)
        let columns = Self.clamped(middle.x, reach, projection.width)
        let rows = Self.clamped(middle.y, reach, projection.height)
        let excess = center.dot(center) - radius * radius
        for row in rows {
            for column in columns {
                let across = (Float(column) + 0.5 - projection.centerX) / projection.focal
                let upwards = (projection.centerY - Float(row) - 0.5) / projection.focal
                let ray = Vector(across, upwards, 1)
                let square = ray.dot(ray)
                let along = ray.dot(center)
                let root = along * along - square * excess
                guard root > 0 else { continue }
                let depth = (along - root.squareRoot()) / square
                let at = row * projection.width + column
                guard depth > Self.nearPlane, 1 / depth > inverseDepth[at] else { continue }
                let hit = ray * depth - center
                if item.material == .foliage {
                    // Leaves: the rim is ragged, in a pattern that stays with the tree.
                    let rim = -hit.dot(ray.normalized) / radius
                    let world =
                        projection.right * hit.x + projection.up * hit.y + projection.ahead * hit.z
                    let leaf = Noise.smooth(
                        world.x * 6 + world.z * 4.1, world.y * 6 - world.z * 3.3, item.seed)
                    guard rim > 0.85 * leaf else { continue }
                }
                inverseDepth[at] = 1 / depth
                surface[at] = index
            }
        }
    }

    private static func clamped(_ middle: Float, _ reach: Float, _ count: Int) -> Range<Int> {
        let low = max(0, min(middle - reach, Float(count)))
        let high = max(low, min(middle + reach + 1, Float(count)))
        return Int(low)..<Int(high)
    }
}
