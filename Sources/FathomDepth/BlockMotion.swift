import CKernels

/// Where each block of a picture was in the picture before: full search on halved brightness.
///
/// Pictures are 8-bit planes with a margin of replicated edge samples, so that every candidate lies inside.
package struct LumaPlane: Sendable {
    /// Width without margin.
    package let width: Int
    /// Height without margin.
    package let height: Int
    /// Samples, (width + 2 margin) × (height + 2 margin).
    package private(set) var samples: [UInt8]
    /// Margin on each side: the search reach and a block.
    package static let margin = 16

    /// From row to row.
    package var stride: Int { width + 2 * Self.margin }

    /// A plane from samples without margin.
    package init(width: Int, height: Int, samples inner: [UInt8]) {
        precondition(inner.count == width * height, "a plane has width × height samples")
        self.width = width
        self.height = height
        samples = [UInt8](
            repeating: 0, count: (width + 2 * Self.margin) * (height + 2 * Self.margin))
        inner.withUnsafeBufferPointer { inner in
            fill { y, row in _ = row.update(fromContentsOf: inner[(y * width)..<((y + 1) * width)])
            }
        }
    }

    /// Half the size of a map's brightness (each side rounded down, at least 1).
    package init(halvingBrightnessOf map: DepthMap) {
        width = max(map.width / 2, 1)
        height = max(map.height / 2, 1)
        samples = [UInt8](
            repeating: 0, count: (width + 2 * Self.margin) * (height + 2 * Self.margin))
        let kernels = fathom_temporal().pointee
        let isWide = map.width > 1
        map.withBrightness { light in
            fill { y, row in
                guard let base = light.baseAddress, let out = row.baseAddress, isWide else {
                    return
                }
                let above = base + min(2 * y, map.height - 1) * map.width
                let below = base + min(2 * y + 1, map.height - 1) * map.width
                kernels.halve(out, above, below, row.count)
            }
        }
    }

    /// Sets the inner rows, then the margin.
    private mutating func fill(_ body: (Int, UnsafeMutableBufferPointer<UInt8>) -> Void) {
        let (width, height, stride, margin) = (width, height, stride, Self.margin)
        samples.withUnsafeMutableBufferPointer { all in
            for y in 0..<height {
                let row = UnsafeMutableBufferPointer(
                    rebasing: all[((y + margin) * stride)..<((y + margin + 1) * stride)])
                body(y, UnsafeMutableBufferPointer(rebasing: row[margin..<(margin + width)]))
                row[0..<margin].update(repeating: row[margin])
                row[(margin + width)...].update(repeating: row[margin + width - 1])
            }
            for y in 0..<margin {
                for x in 0..<stride {
                    all[y * stride + x] = all[margin * stride + x]
                    all[(y + margin + height) * stride + x] =
                        all[(margin + height - 1) * stride + x]
                }
            }
        }
    }
}

/// A field of motion: one vector for each block of 8×8 samples of a `LumaPlane`.
package struct MotionField: Sendable {
    /// Blocks in a row.
    package let columns: Int
    /// Rows of blocks.
    package let rows: Int
    /// Where the block was, across, in samples of the plane (fractions by a parabola through the best three).
    package var dx: [Float]
    /// Where the block was, down.
    package var dy: [Float]
    /// The best sum of absolute differences of each block (64 samples).
    package var residuals: [UInt16]

    /// Side of a block in samples.
    package static let block = 8

    /// Finds where the blocks of `current` were in `previous` (of the same size), up to `reach` samples away.
    package init(from previous: LumaPlane, to current: LumaPlane, reach: Int) {
        precondition(
            previous.width == current.width && previous.height == current.height,
            "motion is between planes of one size")
        precondition((1...7).contains(reach), "motion reaches 1 to 7 samples")
        columns = (current.width + Self.block - 1) / Self.block
        rows = (current.height + Self.block - 1) / Self.block
        dx = [Float](repeating: 0, count: columns * rows)
        dy = dx
        residuals = [UInt16](repeating: 0, count: columns * rows)
        var search = BlockSearch(stride: current.stride, reach: reach)
        current.samples.withUnsafeBufferPointer { now in
            previous.samples.withUnsafeBufferPointer { before in
                guard let now = now.baseAddress, let before = before.baseAddress else { return }
                for row in 0..<rows {
                    for column in 0..<columns {
                        let at =
                            (LumaPlane.margin + row * Self.block) * current.stride
                            + LumaPlane.margin + column * Self.block
                        let index = row * columns + column
                        (dx[index], dy[index], residuals[index]) = search.best(
                            block: now + at, before: before + at)
                    }
                }
            }
        }
    }
}

/// The search of one block, with its sums kept for the parabola.
private struct BlockSearch {
    let stride: Int
    let reach: Int
    var sums: [UInt16]
    private var span: Int { 2 * reach + 1 }
    /// A block whose samples differ this little in all where it is did not move.
    private static let still: UInt16 = 96
    /// What a vector costs for each sample of its length: plain surfaces stay where they are.
    private static let lengthCost = 6

    init(stride: Int, reach: Int) {
        self.stride = stride
        self.reach = reach
        sums = [UInt16](repeating: 0, count: (2 * reach + 1) * (2 * reach + 1))
    }

    mutating func best(
        block: UnsafePointer<UInt8>, before: UnsafePointer<UInt8>
    ) -> (Float, Float, UInt16) {
        let kernels = fathom_temporal().pointee
        var unmoved: UInt16 = 0
        kernels.differences(&unmoved, block, stride, before, stride, 1)
        if unmoved <= Self.still { return (0, 0, unmoved) }
        let (stride, reach, span) = (stride, reach, span)
        return sums.withUnsafeMutableBufferPointer { sums in
            guard let base = sums.baseAddress else { return (0, 0, unmoved) }
            var best = (cost: Int.max, x: 0, y: 0)
            for y in 0..<span {
                kernels.differences(
                    base + y * span, block, stride, before + (y - reach) * stride - reach, stride,
                    span)
                for x in 0..<span {
                    let cost =
                        Int(sums[y * span + x])
                        + Self.lengthCost * (abs(x - reach) + abs(y - reach))
                    if cost < best.cost { best = (cost, x, y) }
                }
            }
            let centre = Int(sums[best.y * span + best.x])
            func fraction(_ before: Int, _ after: Int) -> Float {
                let bend = before + after - 2 * centre
                return bend > 0 ? min(max(Float(before - after) / Float(2 * bend), -0.5), 0.5) : 0
            }
            var x = Float(best.x - reach)
            var y = Float(best.y - reach)
            if best.x > 0, best.x < span - 1 {
                x += fraction(
                    Int(sums[best.y * span + best.x - 1]), Int(sums[best.y * span + best.x + 1]))
            }
            if best.y > 0, best.y < span - 1 {
                y += fraction(
                    Int(sums[(best.y - 1) * span + best.x]), Int(sums[(best.y + 1) * span + best.x])
                )
            }
            return (x, y, sums[best.y * span + best.x])
        }
    }
}
