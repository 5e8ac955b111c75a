import CKernels
import FathomCore
import FathomGraph

/// How the work of a depthwise convolution, together with what is computed just before and after it, is cut: into
/// strips of rows, and into groups of channels where nothing needs all of them.
///
/// A slot of scratch memory holds what lies between, so that it never leaves the second-level cache: a group of
/// channels of the depthwise convolution's input, and all channels of its output where a pointwise one follows.
struct DepthwiseBand: Sendable {
    /// What comes before the depthwise convolution.
    enum Source: Sendable {
        case picture, pointwise, resize
    }

    /// Pixels of a group's strip before the depthwise convolution: 384 KiB of scratch memory.
    private static let stripPixels = 3072
    /// Numbers of a slot where a pointwise convolution follows, whose weights are in the cache too.
    private static let projectedCount = 112 << 10
    /// Strips that a picture should have there, if they are not too low.
    private static let fewestStrips = 14

    let window: Window
    let source: Source
    let isProjected: Bool
    let images: Int
    let blocks: Int
    /// Blocks of channels of a group: a whole number of every kernel's groups where a kernel wants them.
    let groupBlocks: Int
    /// Numbers of scratch memory that the source needs itself.
    let sourceScratch: Int
    let strips: Int
    let rowsEach: Int

    init(
        _ convolution: Convolution, source: Source, isProjected: Bool, sourceScratch: Int
    ) {
        window = convolution.window
        self.source = source
        self.isProjected = isProjected
        self.sourceScratch = sourceScratch
        images = convolution.outputShape[0]
        blocks = Kernels.blocks(convolution.outputChannels)
        groupBlocks =
            switch source {
            case .pointwise: 4
            case .resize: 1
            case .picture: blocks
            }
        let (rows, columns) = (window.rows, window.columns)
        var fitting: Int
        if isProjected {
            // Each row of output takes its place for all channels, and that of the rows it sees for a group.
            let row = blocks * columns.output * Kernels.block
            let group = source == .picture ? 0 : groupBlocks * columns.input * Kernels.block
            let halo = group * max((rows.kernel - 1) * rows.dilation + 1 - rows.stride, 0)
            fitting = (Self.projectedCount - halo) / (row + group * rows.stride)
            // The kernel takes four rows at a time; many strips keep all threads busy to the end.
            fitting = min(fitting, max(4, rows.output / Self.fewestStrips + 3))
            if fitting > 4 { fitting = fitting / 4 * 4 }
        } else {
            let most = max(1, Self.stripPixels / columns.input - (rows.kernel - 1) * rows.dilation)
            fitting = (most - 1) / rows.stride + 1
        }
        fitting = min(max(fitting, 1), rows.output)
        strips = (rows.output + fitting - 1) / fitting
        rowsEach = isProjected ? fitting : (rows.output + strips - 1) / strips
    }

    var groups: Int { (blocks + groupBlocks - 1) / groupBlocks }
    /// Chunks: the groups of a projected strip belong together.
    var chunks: Int { images * strips * (isProjected ? 1 : groups) }
    var slots: Int { ScratchSlots.count(chunks: chunks) }

    /// Rows of input that a strip needs at most.
    private var stripRows: Int {
        min(
            window.rows.input,
            (rowsEach - 1) * window.rows.stride + (window.rows.kernel - 1) * window.rows.dilation
                + 1)
    }

    /// Numbers of a block of channels of the input in a slot.
    var inputBlock: Int {
        source == .picture ? 0 : stripRows * window.columns.input * Kernels.block
    }
    /// Numbers of a block of channels of the output in a slot.
    var outputBlock: Int { isProjected ? rowsEach * window.columns.output * Kernels.block : 0 }
    /// Where the output, and then what the source needs itself, begins in a slot.
    var outputStart: Int { source == .picture ? 0 : inputBlock * groupBlocks }
    var sourceStart: Int { outputStart + outputBlock * blocks }
    /// Numbers of a slot.
    var slotCount: Int { (sourceStart + sourceScratch + 15) / 16 * 16 }

    /// The output rows of a strip and the input rows that they see.
    func rows(_ strip: Int) -> (output: Range<Int>, input: Range<Int>) {
        let rows = window.rows
        let first = min(strip * rowsEach, rows.output)
        let last = min(first + rowsEach, rows.output)
        guard first < last else { return (first..<first, 0..<0) }
        let top = min(max(first * rows.stride - rows.before, 0), rows.input)
        let bottom =
            (last - 1) * rows.stride + (rows.kernel - 1) * rows.dilation - rows.before + 1
        return (first..<last, top..<max(top, min(bottom, rows.input)))
    }
}
