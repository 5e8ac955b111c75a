import CKernels
import FathomCore
import FathomGraph

/// A convolution by Winograd's algorithm; a chunk is some tiles of the output and some of its channels.
///
/// With tiles of 4×4 its rounding errors are larger than the direct kernel's: about 2e-6 of the largest output, against
/// 1e-6; with 2×2 they are smaller.
struct WinogradStep: Step, @unchecked Sendable {
    // Sendable: chunks write parts of the output that do not overlap, and scratch memory of a slot they hold.

    /// The name by which it can be disabled.
    static let name = "winograd"

    private let conv: fathom_conv
    private let geometry: WinogradGeometry
    private let kernels: Kernels
    private let slots: ScratchSlots

    init(
        _ conv: fathom_conv, _ geometry: WinogradGeometry, kernels: Kernels,
        scratch: UnsafeMutablePointer<Float>
    ) {
        self.conv = conv
        self.geometry = geometry
        self.kernels = kernels
        slots = ScratchSlots(scratch, slots: geometry.slots, slotCount: geometry.slotCount)
    }

    var chunks: Int { geometry.chunks }

    func run(_ chunk: Int) {
        let (image, part) = chunk.quotientAndRemainder(dividingBy: geometry.parts.count)
        var conv = conv
        conv.input += image * geometry.inputImage
        conv.output += image * geometry.outputImage
        if let residual = conv.residual {
            conv.residual = residual + image * geometry.outputImage
        }
        var tiles = geometry.parts[part]
        slots.withSlot { kernels.table.winograd(&conv, &tiles, $0) }
    }
}

/// How the work of a convolution by Winograd's algorithm is cut, and whether it is worth it.
struct WinogradGeometry: Sendable {
    /// Pixels of a tile's side.
    let tile: Int
    let parts: [fathom_winograd]
    let images: Int
    let inputImage: Int
    let outputImage: Int
    /// Numbers of scratch memory that a chunk needs.
    let slotCount: Int

    var chunks: Int { images * parts.count }
    var slots: Int { ScratchSlots.count(chunks: chunks) }

    /// Numbers of transformed weights.
    static func weights(tile: Int, _ sizes: ConvolutionSizes) -> Int {
        (tile + 2) * (tile + 2) * sizes.winogradPieces * sizes.inputChannels
            * Kernels.blocks(sizes.outputChannels) * Kernels.block
    }

    /// The most transformed weights of one convolution: 48 MiB.
    private static let mostWeights = 12 << 20
    /// Tiles that kernels take in one piece.
    private static let piece = 12
    /// The shortest such piece.
    private static let shortPiece = 4
    private static let mostTiles = 48
    /// Numbers of scratch memory that stay in the second-level cache beside a layer's weights, and without them
    /// where those are too many to stay.
    private static let scratch = (beside: 128 << 10, alone: 224 << 10)
    /// Weights that stay in the second-level cache.
    private static let residentWeights = 192 << 10
    /// Fewer chunks than this are cut further, between groups of output channels; each then transforms its input
    /// anew, so that only every second group is cut.
    private static let fewestChunks = 4

    /// The quickest way, nil where that is the direct kernel.
    init?(_ source: ConstantConvolution, groupBlocks: Int) {
        let sizes = ConvolutionSizes(source.convolution)
        let (rows, columns) = (sizes.rows, sizes.columns)
        guard source.convolution.groups == 1, sizes.inputChannels >= Kernels.block,
            [rows, columns].allSatisfy({ $0.stride == 1 && $0.dilation == 1 && $0.kernel >= 3 }),
            sizes.winogradPieces == 1 || sizes.inputChannels.isMultiple(of: Kernels.block)
        else { return nil }
        let best = [2, 4].filter { Self.weights(tile: $0, sizes) <= Self.mostWeights }
            .map { (tile: $0, cost: Self.cost(sizes, tile: $0)) }.min { $0.cost < $1.cost }
        guard let best, best.cost < 0.9 * Self.cost(sizes) else { return nil }
        tile = best.tile
        images = sizes.images
        let planes = Kernels.blocks(sizes.inputChannels) * Kernels.block
        let inputs = sizes.winogradPieces * planes
        let blocks = Kernels.blocks(sizes.outputChannels)
        inputImage = planes * rows.input * columns.input
        outputImage = blocks * Kernels.block * rows.output * columns.output

        let points = (tile + 2) * (tile + 2)
        let tiles = Self.tiles(sizes, tile)
        let group = min(blocks, groupBlocks) * Kernels.block
        let room =
            Self.weights(tile: tile, sizes) > Self.residentWeights
            ? Self.scratch.alone : Self.scratch.beside
        let fitting = room / (points * (inputs + group)) / Self.piece * Self.piece
        let batches =
            (tiles - 1) / min(max(fitting, Self.piece), Self.mostTiles) + 1
        let piece = tiles > Self.mostTiles ? Self.piece : Self.shortPiece
        let tilesEach = ((tiles - 1) / batches / piece + 1) * piece
        let groups = (blocks - 1) / groupBlocks + 1
        let cuts = max(1, min(groups / 2, (Self.fewestChunks - 1) / batches + 1))
        let blocksEach = ((groups - 1) / cuts + 1) * groupBlocks
        slotCount =
            points
            * (fathom_winograd_point(inputs, tilesEach) + fathom_winograd_point(group, tilesEach))
        parts = stride(from: 0, to: tiles, by: tilesEach).flatMap { [tile] first in
            stride(from: 0, to: blocks, by: blocksEach).map { block in
                fathom_winograd(
                    tile: Int32(tile), first_tile: Int32(first),
                    last_tile: Int32(min(first + tilesEach, tiles)), first_block: Int32(block),
                    last_block: Int32(min(block + blocksEach, blocks)))
            }
        }
    }

    private static func tiles(_ sizes: ConvolutionSizes, _ tile: Int) -> Int {
        ((sizes.rows.output - 1) / tile + 1) * ((sizes.columns.output - 1) / tile + 1)
    }

    // What a picture costs a pair of channels, in multiplications. The figures were measured: a transform of a channel
    // of a tile takes as long as 9 multiplications a point, and reading a weight from far away as long as 8.

    /// By the direct kernel.
    private static func cost(_ sizes: ConvolutionSizes) -> Double {
        Double(sizes.taps) * Double(sizes.rows.output * sizes.columns.output + 8)
    }

    private static func cost(_ sizes: ConvolutionSizes, tile: Int) -> Double {
        let points = Double((tile + 2) * (tile + 2))
        let pieces = Double(sizes.winogradPieces)
        let tiles = Self.tiles(sizes, tile)
        let whole = Double(((tiles - 1) / Self.shortPiece + 1) * Self.shortPiece)
        let transforms =
            9 * Double(tiles)
            * (pieces / Double(sizes.outputChannels) + 1 / Double(sizes.inputChannels))
        return points * (pieces * (whole + 8) + transforms)
    }
}

extension ConvolutionSizes {
    /// Pieces of 3×3 taps of the window.
    fileprivate var winogradPieces: Int { (rows.kernel + 2) / 3 * ((columns.kernel + 2) / 3) }
}

extension Planner {
    /// Plans a convolution by Winograd's algorithm where that is the quickest way.
    mutating func lowerWinograd(
        _ node: Node, _ source: ConstantConvolution, _ geometry: ConvolutionGeometry
    ) throws(FathomError) -> Bool {
        guard !disabled.contains(WinogradStep.name),
            let winograd = WinogradGeometry(source, groupBlocks: Int(kernels.table.group_blocks))
        else { return false }
        let part = ConvolutionStep.Part(
            geometry: geometry, packed: PackedWeights(source, tile: winograd.tile, kernels))
        let kernels = kernels
        let input = try operand(node.inputs[0], .blocked)
        let residual = try node.inputs.count > 3 ? operand(node.inputs[3], .blocked) : nil
        let output = try result(node.outputs[0], .blocked)
        let scratch = newBuffer(winograd.slots * winograd.slotCount)
        append(
            PlannedStep(
                node: node.name, operation: "Winograd \(winograd.tile), \(node.operation)",
                reads: [input] + (residual.map { [$0] } ?? []), writes: [output, scratch],
                worksInPlace: false
            ) { memory in
                WinogradStep(
                    part.conv(memory, input: input, output: output, residual: residual), winograd,
                    kernels: kernels, scratch: memory.writable(scratch))
            })
        return true
    }
}
