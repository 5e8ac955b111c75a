import CKernels

/// Depth of the last frame brought to where the picture is now, and how much the brightness differs there.
package struct CarriedDepth {
    /// The last depth, moved.
    package let depth: [Float]
    /// The difference of brightness (0…1) after the motion, averaged over 3×3 pixels.
    package let change: [Float]

    /// How far motion is searched, in samples of the halved plane: 14 pixels of the map.
    private static let reach = 7
    /// Pixels whose brightness differs more than this don't vote on the scale.
    private static let sameBrightness: Float = 0.03
    /// The greatest natural logarithm of a factor of scale that is followed.
    private static let greatestLog: Float = 0.5

    /// Carries `last` (depth and brightness of `width` × `height`) to `map`, which has the same size.
    package init(
        from last: (depth: [Float], brightness: [Float]), to map: DepthMap, width: Int, height: Int
    ) {
        let before = DepthMap(
            width: width, height: height, kind: map.kind, values: last.depth,
            brightness: last.brightness)
        let field = MotionField(
            from: LumaPlane(halvingBrightnessOf: before), to: LumaPlane(halvingBrightnessOf: map),
            reach: Self.reach)
        let dense = DenseMotion(field, width: width, height: height)
        var carried = [Float](repeating: 0, count: width * height)
        let difference = PaddedPlane(width: width, height: height, left: 1)
        let temporal = fathom_temporal().pointee
        let upsample = fathom_upsample().pointee
        map.withBrightness { light in
            carried.withUnsafeMutableBufferPointer { carried in
                guard let out = carried.baseAddress else { return }
                dense.forEachRow { y, dx, dy in
                    let row = difference[y]
                    temporal.carry(
                        out + y * width, row, last.depth, last.brightness, width, height, y, dx, dy)
                    for x in 0..<width { row[x] = abs(row[x] - light[y * width + x]) }
                    difference.replicateEdges(y)
                }
            }
        }
        depth = carried
        change = Self.smoothed(difference, upsample)
    }

    private static func smoothed(
        _ plane: PaddedPlane, _ kernels: fathom_upsample_kernels
    ) -> [Float] {
        let (width, height) = (plane.width, plane.height)
        let sums = PaddedPlane(width: width, height: 1, left: 1)
        return [Float](unsafeUninitializedCapacity: width * height) { out, count in
            guard let base = out.baseAddress else { return }
            for y in 0..<height {
                let rows: [UnsafePointer<Float>?] = (-1...1).map {
                    UnsafePointer(plane[min(max(y + $0, 0), height - 1)] - 1)
                }
                kernels.column_sums(sums[0] - 1, rows, 3, width + 2)
                kernels.box(base + y * width, sums[0] - 1, 1, 1 / 9, width)
            }
            count = width * height
        }
    }

    /// The factor that brings `map` to the carried scale: the median of carried / new over pixels that match.
    ///
    /// Relative kinds only; metres keep their scale. A factor beyond the bounds is brought to them, with `isJump`.
    package func scale(of map: DepthMap, spread: Float) -> (factor: Float, isJump: Bool) {
        guard map.kind != .metres else { return (1, false) }
        let bins = 128
        var counts = [Int](repeating: 0, count: bins)
        var total = 0
        let least = spread * 0.1
        map.withValues { values in
            // Every third pixel is plenty for a median.
            for index in stride(from: 0, to: values.count, by: 3)
            where change[index] < Self.sameBrightness && values[index] > least
                && depth[index] > least
            {
                let ratio = depth[index] / values[index]
                // Near 1 the logarithm is close to (r - 1) / sqrt(r), and a rational form needs no call.
                let log = 2 * (ratio - 1) / (ratio + 1)
                let bin = Int((log / Self.greatestLog + 1) * Float(bins / 2))
                counts[min(max(bin, 0), bins - 1)] += 1
                total += 1
            }
        }
        guard total * 20 > map.count / 3 else { return (1, false) }
        var left = total / 2
        for bin in 0..<bins {
            if left < counts[bin] {
                let share = (Float(left) + 0.5) / Float(counts[bin])
                let log = ((Float(bin) + share) / Float(bins / 2) - 1) * Self.greatestLog
                return ((2 + log) / (2 - log), bin == 0 || bin == bins - 1)
            }
            left -= counts[bin]
        }
        return (1, false)
    }
}

/// Block motion made dense: linear between block centres, in pixels of the map.
private struct DenseMotion {
    let width: Int
    let height: Int
    private let columns: Int
    private let rows: Int
    private let dx: PaddedPlane
    private let dy: PaddedPlane
    private let across: ExpansionTable
    private let down: ExpansionTable

    init(_ field: MotionField, width: Int, height: Int) {
        self.width = width
        self.height = height
        columns = field.columns
        rows = field.rows
        dx = PaddedPlane(width: columns, height: rows)
        dy = PaddedPlane(width: columns, height: rows)
        for row in 0..<rows {
            for column in 0..<columns {
                // The plane is half the map's size.
                dx[row][column] = 2 * field.dx[row * columns + column]
                dy[row][column] = 2 * field.dy[row * columns + column]
            }
            dx.replicateEdges(row)
            dy.replicateEdges(row)
        }
        // Blocks that stick out of the map are cut off by using only as much of the longer row.
        across = ExpansionTable(source: columns, count: columns * 2 * MotionField.block)
        down = ExpansionTable(source: rows, count: rows * 2 * MotionField.block)
    }

    func forEachRow(_ body: (Int, UnsafePointer<Float>, UnsafePointer<Float>) -> Void) {
        let kernels = fathom_upsample().pointee
        let length = max(across.first.count, width)
        let small = PaddedPlane(width: columns, height: 1)
        let full = PaddedPlane(width: length, height: 2)
        for y in 0..<height {
            let place = min(y, down.first.count - 1)
            let top = Int(down.first[place])
            let next = min(top + 1, rows - 1)
            for (plane, target) in [(dx, full[0]), (dy, full[1])] {
                kernels.between(small[0], plane[top], plane[next], down.share[place], small.stride)
                across.expand(small[0], into: target, kernels: kernels)
            }
            body(y, full[0], full[1])
        }
    }
}
