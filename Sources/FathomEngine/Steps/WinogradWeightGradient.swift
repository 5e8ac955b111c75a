import CKernels
import FathomCore
import FathomGraph

/// How a weight gradient by Winograd's algorithm is cut, and whether it is worth it.
struct WeightTiles: Sendable {
    /// Pixels of a tile's side.
    private static let tile = 4
    private static let points = (tile + 2) * (tile + 2)
    /// Tiles whose transformed gradients of one group of outputs stay in the second-level cache.
    private static let mostTiles = 112

    /// The tiles that are transformed and multiplied together.
    let parts: [Range<Int>]
    let tilesInRow: Int
    let tilesInImage: Int
    let inputs: Int
    let outputs: Int

    /// Groups of output channels times blocks of inputs.
    var products: (groups: Int, blocks: Int) {
        (
            (Kernels.blocks(outputs) - 1) / Int(FATHOM_TILE_GROUP) + 1, Kernels.blocks(inputs)
        )
    }

    /// Pairs of blocks that are transformed.
    var transforms: Int { [inputs, outputs].map { (Kernels.blocks($0) + 1) / 2 }.reduce(0, +) }

    /// Numbers of transformed inputs and gradients.
    var counts: (values: Int, gradients: Int) {
        let most = parts.map(\.count).max() ?? 0
        return (
            fathom_weight_tiles_count(inputs, most), fathom_weight_tiles_count(outputs, most)
        )
    }

    /// Nil where the direct kernel is quicker, or this one cannot do it.
    init?(_ g: fathom_weight_gradient) {
        guard g.kernel_height == 3, g.kernel_width == 3,
            [g.stride_y, g.stride_x, g.dilation_y, g.dilation_x].allSatisfy({ $0 == 1 })
        else { return nil }
        (inputs, outputs) = (Int(g.inputs), Int(g.outputs))
        let (rows, columns) = (Int(g.output_height), Int(g.output_width))
        tilesInRow = (columns - 1) / Self.tile + 1
        tilesInImage = tilesInRow * ((rows - 1) / Self.tile + 1)
        let tiles = Int(g.images) * tilesInImage
        let count = (tiles - 1) / Self.mostTiles + 1
        let each = (tiles - 1) / count + 1
        parts = stride(from: 0, to: tiles, by: each).map { $0..<min($0 + each, tiles) }
        // What a pair of channels costs, in multiplications. Measured: a transform of a channel of a tile takes as long as
        // 9 a point, and the way back from the sums as long as 8 a point.
        let filled = [inputs, outputs].map { Double(Kernels.blocks($0) * Kernels.block) }
        let pairs = filled[0] * filled[1]
        let direct = 9 * Double(Int(g.images) * rows * columns) * pairs
        let transforms = 9 * Double(tiles) * (filled[0] + filled[1])
        let winograd = Double(Self.points) * (pairs * Double(tiles + 8) + transforms)
        guard winograd < 0.9 * direct else { return nil }
    }
}

extension Planner {
    /// Plans a weight gradient by Winograd's algorithm where that is the quickest way: for some tiles at a time a step that
    /// transforms them and one that adds what they contribute, so that what is transformed stays in the cache.
    mutating func lowerWinogradWeightGradient(
        _ node: Node, _ g: fathom_weight_gradient, _ reads: [Place], _ writes: [Int]
    ) -> Bool {
        guard !disabled.contains(WinogradStep.name), let tiles = WeightTiles(g) else {
            return false
        }
        let gradients = GradientKernels(instructionSet)
        let values = newBuffer(tiles.counts.values)
        let transformed = newBuffer(tiles.counts.gradients)
        let (groups, blocks) = tiles.products
        let chunks = groups * blocks
        let each = Int(FATHOM_TILE_SUMS)
        // Sums of one part need not outlive their chunk.
        let isWhole = tiles.parts.count == 1
        let slots = isWhole ? ScratchSlots.count(chunks: chunks) : chunks
        let sums = newBuffer(slots * each)
        for (index, part) in tiles.parts.enumerated() {
            var t = fathom_weight_tiles()
            (t.first_tile, t.last_tile) = (Int32(part.lowerBound), Int32(part.upperBound))
            (t.tiles_a_row, t.tiles_an_image) = (Int32(tiles.tilesInRow), Int32(tiles.tilesInImage))
            t.is_first = index == 0 ? 1 : 0
            t.is_last = index == tiles.parts.count - 1 ? 1 : 0
            let bind: @Sendable (Memory) -> Shared<(fathom_weight_gradient, fathom_weight_tiles)> =
                { [shared = Shared((g, t))] memory in
                    var (g, t) = shared.value
                    g.input = memory.readable(reads[0])
                    g.gradient = memory.readable(reads[1])
                    g.weights = memory.writable(writes[0])
                    if writes.count > 1 { g.bias = memory.writable(writes[1]) }
                    t.values = memory.writable(values)
                    t.gradients = memory.writable(transformed)
                    return Shared((g, t))
                }
            append(
                PlannedStep(
                    node: node.name, operation: "Transform, \(node.operation)", reads: reads,
                    writes: [values, transformed], worksInPlace: false
                ) { memory in
                    let bound = bind(memory)
                    return KernelStep(chunks: tiles.transforms) { pair in
                        var (g, t) = bound.value
                        gradients.table.weight_tiles(&g, &t, Int32(pair))
                    }
                })
            append(
                PlannedStep(
                    node: node.name, operation: "Winograd 4, \(node.operation)",
                    reads: reads + [.buffer(values), .buffer(transformed)],
                    writes: writes + [sums], worksInPlace: false
                ) { memory in
                    let bound = bind(memory)
                    let target = Shared(memory.writable(sums))
                    let scratch = ScratchSlots(target.value, slots: slots, slotCount: each)
                    return KernelStep(chunks: chunks) { chunk in
                        let (group, block) = chunk.quotientAndRemainder(dividingBy: blocks)
                        func add(_ sums: UnsafeMutablePointer<Float>) {
                            var (g, t) = bound.value
                            gradients.table.weight_tile_sums(
                                &g, &t, Int32(group), Int32(block), sums)
                        }
                        if isWhole {
                            scratch.withSlot(add)
                        } else {
                            add(target.value + chunk * each)
                        }
                    }
                })
        }
        return true
    }
}
