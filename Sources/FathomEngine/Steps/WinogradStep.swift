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
    private let parts: [fathom_winograd]
    private let kernels: Kernels
    private let slots: ScratchSlots

    /// `scratch` has so many numbers as `WinogradGeometry.scratch` says for these parts.
    init(
        _ conv: fathom_conv, _ parts: [fathom_winograd], slotCount: Int, kernels: Kernels,
        scratch: UnsafeMutablePointer<Float>
    ) {
        self.conv = conv
        self.parts = parts
        self.kernels = kernels
        slots = ScratchSlots(
            scratch, slots: ScratchSlots.count(chunks: parts.count), slotCount: slotCount)
    }

    var chunks: Int { parts.count }

    func run(_ chunk: Int) {
        var (conv, part) = (conv, parts[chunk])
        slots.withSlot { kernels.table.winograd(&conv, &part, $0) }
    }
}

/// How the work of a convolution by Winograd's algorithm is cut, and whether it is worth it.
struct WinogradGeometry: Sendable {
    /// Pixels of a tile's side.
    let tile: Int
    /// Numbers of scratch memory that a chunk needs.
    let slotCount: Int
    /// Blocks of output channels whose weights are transformed together.
    let blocksEach: Int
    private let blocks: Int
    private let groupBlocks: Int
    private let tiles: Int
    private let tilesEach: Int
    private let inputImage: Int
    private let outputImage: Int

    /// Numbers of transformed weights.
    static func weights(tile: Int, _ sizes: ConvolutionSizes) -> Int {
        (tile + 2) * (tile + 2) * sizes.winogradPieces * sizes.inputChannels
            * Kernels.blocks(sizes.outputChannels) * Kernels.block
    }

    /// The most transformed weights of one convolution: 48 MiB.
    private static let mostWeights = 12 << 20
    /// The most that are transformed together where they change at every run: 16 MiB, of which the third-level cache
    /// keeps most until they are used.
    private static let mostChangingWeights = 4 << 20
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
    ///
    /// - Parameters:
    ///   - sizes: a convolution of channels that all see each other.
    ///   - weightsChange: whether weights are transformed at every run.
    ///   - groupBlocks: blocks of output channels that kernels compute together.
    init?(_ sizes: ConvolutionSizes, weightsChange: Bool, groupBlocks: Int) {
        let (rows, columns) = (sizes.rows, sizes.columns)
        guard sizes.inputChannels >= Kernels.block,
            [rows, columns].allSatisfy({ $0.stride == 1 && $0.dilation == 1 && $0.kernel >= 3 }),
            sizes.winogradPieces == 1 || sizes.inputChannels.isMultiple(of: Kernels.block)
        else { return nil }
        let best = [2, 4].filter {
            weightsChange || Self.weights(tile: $0, sizes) <= Self.mostWeights
        }
        .map { (tile: $0, cost: Self.cost(sizes, tile: $0, weightsChange: weightsChange)) }
        .min { $0.cost < $1.cost }
        guard let best, best.cost < 0.9 * Self.cost(sizes) else { return nil }
        tile = best.tile
        self.groupBlocks = groupBlocks
        let planes = Kernels.blocks(sizes.inputChannels) * Kernels.block
        let inputs = sizes.winogradPieces * planes
        blocks = Kernels.blocks(sizes.outputChannels)
        inputImage = planes * rows.input * columns.input
        outputImage = blocks * Kernels.block * rows.output * columns.output
        let groups = (blocks - 1) / groupBlocks + 1
        let changing = Self.weights(tile: tile, sizes) / Self.mostChangingWeights + 1
        blocksEach =
            weightsChange
            ? ((groups - 1) / min(changing, groups) + 1) * groupBlocks : groups * groupBlocks

        let points = (tile + 2) * (tile + 2)
        tiles = sizes.images * Self.tiles(sizes, tile)
        let group = min(blocks, groupBlocks) * Kernels.block
        let room =
            Self.weights(tile: tile, sizes) > Self.residentWeights
            ? Self.scratch.alone : Self.scratch.beside
        let fitting = room / (points * (inputs + group)) / Self.piece * Self.piece
        let batches =
            (tiles - 1) / min(max(fitting, Self.piece), Self.mostTiles) + 1
        let piece = tiles > Self.mostTiles ? Self.piece : Self.shortPiece
        tilesEach = ((tiles - 1) / batches / piece + 1) * piece
        slotCount =
            points
            * (fathom_winograd_point(inputs, tilesEach) + fathom_winograd_point(group, tilesEach))
    }

    /// The blocks of output channels whose weights are transformed together.
    var ranges: [Range<Int>] {
        stride(from: 0, to: blocks, by: blocksEach).map { $0..<min($0 + blocksEach, blocks) }
    }

    /// The chunks of so many blocks of output channels, whose number is counted from the first of them.
    func parts(_ blocks: Int) -> [fathom_winograd] {
        let batches = (tiles - 1) / tilesEach + 1
        let groups = (blocks - 1) / groupBlocks + 1
        let cuts = max(1, min(groups / 2, (Self.fewestChunks - 1) / batches + 1))
        let blocksEach = ((groups - 1) / cuts + 1) * groupBlocks
        return stride(from: 0, to: tiles, by: tilesEach).flatMap { first in
            stride(from: 0, to: blocks, by: blocksEach).map { block in
                fathom_winograd(
                    tile: Int32(tile), first_tile: Int32(first),
                    last_tile: Int32(min(first + tilesEach, tiles)), first_block: Int32(block),
                    last_block: Int32(min(block + blocksEach, blocks)), input_image: inputImage,
                    output_image: outputImage)
            }
        }
    }

    /// Numbers of scratch memory of so many chunks.
    func scratch(chunks: Int) -> Int { ScratchSlots.count(chunks: chunks) * slotCount }

    private static func tiles(_ sizes: ConvolutionSizes, _ tile: Int) -> Int {
        ((sizes.rows.output - 1) / tile + 1) * ((sizes.columns.output - 1) / tile + 1)
    }

    // What the pictures cost a pair of channels, in multiplications. The figures were measured: a transform of a channel
    // of a tile takes as long as 9 multiplications a point, reading a weight from far away as long as 8, and transforming
    // one as long as 30 a point.

    /// By the direct kernel.
    private static func cost(_ sizes: ConvolutionSizes) -> Double {
        Double(sizes.taps * sizes.images)
            * Double(sizes.rows.output * sizes.columns.output + 8)
    }

    private static func cost(
        _ sizes: ConvolutionSizes, tile: Int, weightsChange: Bool
    ) -> Double {
        let points = Double((tile + 2) * (tile + 2))
        let pieces = Double(sizes.winogradPieces)
        let tiles = sizes.images * Self.tiles(sizes, tile)
        let whole = Double(((tiles - 1) / Self.shortPiece + 1) * Self.shortPiece)
        let transforms =
            9 * Double(tiles)
            * (pieces / Double(sizes.outputChannels) + 1 / Double(sizes.inputChannels))
        return points * (pieces * (whole + 8 + (weightsChange ? 30 : 0)) + transforms)
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
        let sizes = ConvolutionSizes(source.convolution)
        guard source.convolution.groups == 1,
            let winograd = winograd(sizes, weightsChange: false)
        else { return false }
        let part = ConvolutionStep.Part(
            geometry: geometry, packed: PackedWeights(source, tile: winograd.tile, kernels))
        let edges = try winogradEdges(node)
        for range in winograd.ranges { appendWinograd(node, part, winograd, range, edges) }
        return true
    }

    /// As the above for weights that change; where `isTurned`, those of a transposed convolution, [input][output][tap].
    mutating func lowerWinograd(
        _ node: Node, _ sizes: ConvolutionSizes, _ geometry: ConvolutionGeometry, bias: Place,
        isTurned: Bool
    ) throws(FathomError) -> Bool {
        guard let winograd = winograd(sizes, weightsChange: true) else { return false }
        let source = try operand(node.inputs[1], .planar)
        let edges = try winogradEdges(node)
        let kernels = kernels
        let steps = (
            output: sizes.taps * (isTurned ? 1 : sizes.inputChannels),
            input: sizes.taps * (isTurned ? sizes.outputChannels : 1)
        )
        for range in winograd.ranges {
            let first = range.lowerBound * Kernels.block
            var size = fathom_winograd_size(sizes, tile: winograd.tile)
            size.outputs = Int32(
                min(range.upperBound * Kernels.block, sizes.outputChannels) - first)
            (size.output_step, size.input_step) = steps
            size.is_turned = isTurned ? 1 : 0
            let count =
                WinogradGeometry.weights(tile: winograd.tile, sizes)
                / Kernels.blocks(sizes.outputChannels) * range.count
            let groups = (range.count - 1) / Int(kernels.table.group_blocks) + 1
            let shared = Shared(size)
            let weights = packed(
                node, "Transform weights", source, count: count, chunks: groups
            ) { from, to, group in
                var size = shared.value
                kernels.table.winograd_weights(
                    from + first * size.output_step, &size, Int32(group), to)
            }
            let part = ConvolutionStep.Part(geometry: geometry, weights: weights, bias: bias)
            appendWinograd(node, part, winograd, range, edges)
        }
        return true
    }

    private func winograd(
        _ sizes: ConvolutionSizes, weightsChange: Bool
    ) -> WinogradGeometry? {
        guard !disabled.contains(WinogradStep.name) else { return nil }
        return WinogradGeometry(
            sizes, weightsChange: weightsChange, groupBlocks: Int(kernels.table.group_blocks))
    }

    private typealias WinogradEdges = (input: Place, residual: Place?, output: Int)

    private mutating func winogradEdges(_ node: Node) throws(FathomError) -> WinogradEdges {
        (
            try operand(node.inputs[0], .blocked),
            try node.inputs.count > 3 ? operand(node.inputs[3], .blocked) : nil,
            try result(node.outputs[0], .blocked)
        )
    }

    /// Plans what writes a range of the blocks of output channels.
    private mutating func appendWinograd(
        _ node: Node, _ part: ConvolutionStep.Part, _ winograd: WinogradGeometry,
        _ range: Range<Int>, _ edges: WinogradEdges
    ) {
        let parts = winograd.parts(range.count)
        let scratch = newBuffer(winograd.scratch(chunks: parts.count))
        append(
            PlannedStep(
                node: node.name, operation: "Winograd \(winograd.tile), \(node.operation)",
                reads: [edges.input, part.weights, part.bias] + (edges.residual.map { [$0] } ?? []),
                writes: [edges.output, scratch], worksInPlace: false
            ) { [kernels] memory in
                var conv = part.conv(
                    memory, input: edges.input, output: edges.output, residual: edges.residual)
                conv.output += range.lowerBound * conv.output_block
                conv.bias += range.lowerBound * Kernels.block
                if let residual = conv.residual {
                    conv.residual = residual + range.lowerBound * conv.output_block
                }
                return WinogradStep(
                    conv, parts, slotCount: winograd.slotCount, kernels: kernels,
                    scratch: memory.writable(scratch))
            })
    }
}

extension fathom_winograd_size {
    /// For weights [output][input][tap].
    init(_ sizes: ConvolutionSizes, tile: Int) {
        self.init(
            outputs: Int32(sizes.outputChannels), inputs: Int32(sizes.inputChannels),
            kernel_height: Int32(sizes.rows.kernel), kernel_width: Int32(sizes.columns.kernel),
            tile: Int32(tile), is_turned: 0, output_step: sizes.inputChannels * sizes.taps,
            input_step: sizes.taps)
    }
}
