import CKernels
import FathomCore
import FathomGraph

/// A 3×3 convolution by Winograd's algorithm; a chunk is some tiles of the output and some of its channels.
///
/// Its rounding errors are larger than the direct kernel's: about 1e-6 of the largest output, against 3e-7.
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
    static func weights(tile: Int, _ convolution: Convolution) -> Int {
        (tile + 2) * (tile + 2) * convolution.inputChannels
            * Kernels.blocks(convolution.outputChannels) * Kernels.block
    }

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
        let convolution = source.convolution
        let (rows, columns) = (convolution.window.rows, convolution.window.columns)
        guard convolution.groups == 1, convolution.inputChannels >= Kernels.block,
            [rows, columns].allSatisfy({ $0.kernel == 3 && $0.stride == 1 && $0.dilation == 1 })
        else { return nil }
        let direct = Self.cost(convolution, tile: 1)
        let best = [2, 4].map { (tile: $0, cost: Self.cost(convolution, tile: $0)) }
            .min { $0.cost < $1.cost }
        guard let best, best.cost < 0.9 * direct else { return nil }
        tile = best.tile
        images = convolution.outputShape[0]
        let inputs = Kernels.blocks(convolution.inputChannels) * Kernels.block
        let blocks = Kernels.blocks(convolution.outputChannels)
        inputImage = inputs * rows.input * columns.input
        outputImage = blocks * Kernels.block * rows.output * columns.output

        let points = (tile + 2) * (tile + 2)
        let tiles = Self.tiles(convolution, tile)
        let group = min(blocks, groupBlocks) * Kernels.block
        let room =
            Self.weights(tile: tile, convolution) > Self.residentWeights
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

    private static func tiles(_ convolution: Convolution, _ tile: Int) -> Int {
        let (rows, columns) = (convolution.window.rows, convolution.window.columns)
        return ((rows.output - 1) / tile + 1) * ((columns.output - 1) / tile + 1)
    }

    /// What a picture costs a pair of channels, in multiplications; `tile` 1 stands for the direct kernel.
    ///
    /// The figures were measured: a transform of a channel of a tile takes as long as 9 multiplications a point,
    /// and reading a weight from far away as long as 8.
    private static func cost(_ convolution: Convolution, tile: Int) -> Double {
        let (inputs, outputs) = (
            Double(convolution.inputChannels), Double(convolution.outputChannels)
        )
        let points = tile == 1 ? 9.0 : Double((tile + 2) * (tile + 2))
        let tiles = Self.tiles(convolution, tile)
        let whole = Double((tiles - 1) / Self.shortPiece + 1) * Double(Self.shortPiece)
        let transforms = tile == 1 ? 0 : 9 * points * Double(tiles) * (1 / inputs + 1 / outputs)
        return points * (whole + 8) + transforms
    }
}
