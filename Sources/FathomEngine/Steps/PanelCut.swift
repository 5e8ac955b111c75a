import CKernels
import FathomCore
import FathomGraph

/// How a convolution in lower precision is cut into chunks: bands of output rows (of pixels, where they do not see each
/// other) times runs of blocks of 16 output channels; and the panel of padded input that a chunk works on.
struct PanelCut: Sendable {
    /// Bytes that a panel should stay within: a part of the second-level cache, or of the first-level one for depthwise
    /// convolutions, which read each byte few times.
    private static let denseBytes = 256 * 1024
    private static let depthwiseBytes = 24 * 1024
    /// Multiplications that a chunk should have at least.
    private static let fewestMultiplications = 1 << 20
    /// Chunks that a step is cut into if it is large enough.
    private static let wantedChunks = 12
    /// Pixels that a pointwise chunk is a multiple of: whole tiles of every kernel.
    private static let tile = 24
    /// Blocks that a run is a multiple of: those of the widest tile.
    private static let groupBlocks = 3
    /// Bytes beyond a panel that kernels may read.
    private static let margin = Int(max(FATHOM_QUANTIZED_MARGIN, FATHOM_BFLOAT_MARGIN))

    let window: Window
    let images: Int
    let isDepthwise: Bool
    let isPointwise: Bool
    /// Whether input is copied to a panel; else it is read where it lies.
    let copies: Bool
    /// Blocks of output channels.
    let blocks: Int
    private let inputPlanes: Int
    private let lanes: Int
    private let bandLength: Int
    private let bands: Int
    private let blocksEach: Int
    private let runs: Int

    /// `lanes` are bytes of an input pixel of a plane. Without `alwaysCopies` only input that has padding, or is large
    /// and read several times, is copied.
    init(
        _ convolution: Convolution, inputPlanes: Int, lanes: Int, blocks: Int, isDepthwise: Bool,
        weightBytes: Int, alwaysCopies: Bool
    ) {
        window = convolution.window
        images = convolution.outputShape[0]
        self.isDepthwise = isDepthwise
        self.inputPlanes = inputPlanes
        self.lanes = lanes
        self.blocks = blocks
        isPointwise = !isDepthwise && window.isPointwise
        let (rows, columns) = (window.rows, window.columns)
        let inputBytes = inputPlanes * lanes * rows.input * columns.input
        let isPadded = rows.before + rows.after + columns.before + columns.after > 0
        copies =
            alwaysCopies || isPadded
            || (!isPointwise && !isDepthwise && inputBytes > Self.denseBytes)
        let multiplications =
            convolution.outputShape.count / max(images, 1) * rows.kernel * columns.kernel
            * (isDepthwise ? 1 : convolution.inputChannels)
        let wanted = min(
            Self.wantedChunks, max(1, multiplications / Self.fewestMultiplications))
        func rounded(_ count: Int, to unit: Int) -> Int { (count + unit - 1) / unit * unit }
        func parts(_ count: Int, _ size: Int) -> Int { (count + size - 1) / size }
        let extent = (rows.kernel - 1) * rows.dilation + 1
        let row = Self.reach(columns) * lanes * (isDepthwise ? 1 : inputPlanes)
        /// Output rows whose input stays within so many bytes.
        func fitting(_ bytes: Int) -> Int { max(1, (bytes / row - extent) / rows.stride + 1) }
        var length: Int
        var each = blocks
        if isPointwise {
            let pixels = rows.output * columns.output
            let pixel = inputPlanes * lanes
            // Few pixels and many weights: better that a chunk has few weights than few pixels.
            if weightBytes > pixels * pixel { each = parts(blocks, wanted) }
            each = rounded(each, to: Self.groupBlocks)
            let wantedBands = max(1, parts(wanted, parts(blocks, each)))
            length = min(max(Self.tile, Self.denseBytes / pixel), parts(pixels, wantedBands))
            length = rounded(length, to: Self.tile)
            bands = parts(pixels, length)
        } else if isDepthwise {
            let count = parts(rows.output, max(4, fitting(Self.depthwiseBytes)))
            length = parts(rows.output, count)
            bands = parts(rows.output, length)
            let panel = ((length - 1) * rows.stride + extent) * row
            each = max(1, min(Self.depthwiseBytes / panel, blocks / max(1, wanted / bands)))
        } else {
            // Bands shorter than the window would copy most rows several times.
            length = min(
                fitting(Self.denseBytes), max(extent, parts(rows.output, wanted)), rows.output)
            bands = parts(rows.output, length)
            each = rounded(parts(blocks, max(1, wanted / bands)), to: Self.groupBlocks)
        }
        bandLength = length
        blocksEach = max(1, min(each, blocks))
        runs = parts(blocks, blocksEach)
    }

    /// Pixels of a row that the windows of a row of outputs reach.
    private static func reach(_ columns: Window.Axis) -> Int {
        (columns.output - 1) * columns.stride + (columns.kernel - 1) * columns.dilation + 1
    }

    var chunks: Int { images * bands * runs }

    /// The picture, the output rows (or pixels) and the blocks of a chunk.
    func part(_ chunk: Int) -> (image: Int, band: Range<Int>, blocks: Range<Int>) {
        let run = chunk % runs
        let band = chunk / runs % bands
        let length = isPointwise ? window.rows.output * window.columns.output : window.rows.output
        let first = band * bandLength
        return (
            chunk / (runs * bands), first..<min(first + bandLength, length),
            run * blocksEach..<min((run + 1) * blocksEach, blocks)
        )
    }

    /// The input rows that a band of output rows reads; some may lie outside the picture.
    func inputRows(_ band: Range<Int>) -> Range<Int> {
        let rows = window.rows
        let first = band.lowerBound * rows.stride - rows.before
        return first..<first + (band.count - 1) * rows.stride + (rows.kernel - 1) * rows.dilation
            + 1
    }

    /// Bytes of a row of a panel; a pointwise one has a single row.
    var panelRow: Int { (isPointwise ? bandLength : Self.reach(window.columns)) * lanes }
    /// Bytes of a plane of a panel.
    var panelPlane: Int {
        panelRow * (isPointwise ? 1 : inputRows(0..<bandLength).count)
    }
    /// Bytes of a slot of scratch memory.
    var slotBytes: Int {
        let planes = isDepthwise ? blocksEach : inputPlanes
        return copies ? (planes * panelPlane + Self.margin + 63) / 64 * 64 : 0
    }
    /// Bytes of scratch memory.
    var scratchBytes: Int { slotBytes * ScratchSlots.count(chunks: chunks) }

    /// The slots in a piece of scratch memory of `scratchBytes`.
    func slots(_ scratch: UnsafeMutablePointer<Float>) -> ScratchSlots {
        ScratchSlots(
            scratch, slots: ScratchSlots.count(chunks: chunks),
            slotCount: slotBytes / MemoryLayout<Float>.stride)
    }
}
