import CKernels
import FathomCore
import FathomGraph
import Synchronization

/// A pointwise convolution and the depthwise one behind it, a few channels and rows at a time, so that what lies
/// between them never leaves the second-level cache. A chunk is a strip of rows of a group of channels.
final class ExpandedDepthwiseStep: Step, @unchecked Sendable {
    // Sendable: chunks write parts of the output that do not overlap, and scratch memory of a slot they hold.

    /// How the work is cut.
    struct Cut: Sendable {
        /// Blocks of channels of a group: a whole number of every kernel's groups.
        static let groupBlocks = 4
        /// Pixels of a strip between the convolutions: 384 KiB of scratch memory.
        private static let stripPixels = 3072
        /// Chunks in work at a time; more threads than that wait for each other.
        private static let mostSlots = 8

        let window: Window
        let images: Int
        let blocks: Int
        let strips: Int
        let rowsEach: Int

        init(_ convolution: Convolution) {
            window = convolution.window
            images = convolution.outputShape[0]
            blocks = Kernels.blocks(convolution.outputChannels)
            let (rows, columns) = (window.rows, window.columns)
            let most = max(1, Self.stripPixels / columns.input - (rows.kernel - 1) * rows.dilation)
            let fitting = max(1, (most - 1) / rows.stride + 1)
            strips = (rows.output + fitting - 1) / fitting
            rowsEach = (rows.output + strips - 1) / strips
        }

        var groups: Int { (blocks + Self.groupBlocks - 1) / Self.groupBlocks }
        var chunks: Int { images * strips * groups }
        var slots: Int { min(chunks, Self.mostSlots) }

        /// Rows of input that a strip needs at most.
        private var stripRows: Int {
            min(
                window.rows.input,
                (rowsEach - 1) * window.rows.stride
                    + (window.rows.kernel - 1) * window.rows.dilation + 1)
        }

        /// Numbers of a block of channels in a slot.
        var slotBlock: Int { stripRows * window.columns.input * Kernels.block }
        /// Numbers of a slot.
        var slotCount: Int { slotBlock * Self.groupBlocks }

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

    private let expansion: fathom_conv
    private let depthwise: fathom_conv
    private let cut: Cut
    private let kernels: Kernels
    private let inputImage: Int
    private let outputImage: Int
    private let scratch: UnsafeMutablePointer<Float>
    private let usedSlots = Atomic<UInt64>(0)
    let chunks: Int

    init(
        expansion: fathom_conv, depthwise: fathom_conv, cut: Cut, kernels: Kernels,
        inputImage: Int, outputImage: Int, scratch: UnsafeMutablePointer<Float>
    ) {
        self.expansion = expansion
        self.depthwise = depthwise
        self.cut = cut
        self.kernels = kernels
        self.inputImage = inputImage
        self.outputImage = outputImage
        self.scratch = scratch
        chunks = cut.chunks
    }

    func run(_ chunk: Int) {
        let group = chunk % cut.groups
        let strip = chunk / cut.groups % cut.strips
        let image = chunk / (cut.groups * cut.strips)
        let rows = cut.rows(strip)
        guard !rows.output.isEmpty else { return }
        let slot = takeSlot()
        defer { giveSlot(slot) }
        let width = cut.window.columns.input
        let firstBlock = group * Cut.groupBlocks
        let lastBlock = min(firstBlock + Cut.groupBlocks, cut.blocks)
        // Where the whole picture would begin if the strip's part of it lies in the slot.
        let origin =
            scratch + slot * cut.slotCount - firstBlock * cut.slotBlock
            - rows.input.lowerBound * width * Kernels.block
        var expansion = expansion
        expansion.input += image * inputImage
        expansion.output = origin
        expansion.output_block = cut.slotBlock
        var pixels = fathom_region(
            first_row: 0, last_row: 1, first_column: Int32(rows.input.lowerBound * width),
            last_column: Int32(rows.input.upperBound * width), first_block: Int32(firstBlock),
            last_block: Int32(lastBlock))
        kernels.table.dense(&expansion, &pixels)
        var depthwise = depthwise
        depthwise.input = UnsafePointer(origin)
        depthwise.input_block = cut.slotBlock
        depthwise.output += image * outputImage
        var region = fathom_region(
            first_row: Int32(rows.output.lowerBound), last_row: Int32(rows.output.upperBound),
            first_column: 0, last_column: Int32(cut.window.columns.output),
            first_block: Int32(firstBlock), last_block: Int32(lastBlock))
        kernels.table.depthwise(&depthwise, &region)
    }

    /// The lowest free slot, so that one thread always works in the same memory.
    private func takeSlot() -> Int {
        while true {
            let used = usedSlots.load(ordering: .relaxed)
            let slot = (~used).trailingZeroBitCount
            if slot < cut.slots,
                usedSlots.compareExchange(
                    expected: used, desired: used | 1 << UInt64(slot), ordering: .acquiring
                ).exchanged
            {
                return slot
            }
            fathom_spin_pause()
        }
    }

    private func giveSlot(_ slot: Int) {
        usedSlots.bitwiseAnd(~(1 << UInt64(slot)), ordering: .releasing)
    }
}

extension Planner {
    /// Pixels from which on what lies between the convolutions is too large for the second-level cache.
    private static let fewestPixels = 1024

    /// The pointwise convolutions that are worth computing together with what reads them, by their output.
    func findExpansions() throws(FathomError) -> [String: Node] {
        let readers = graph.readerCounts
        let writers = Dictionary(
            graph.nodes.map { ($0.outputs[0], $0) }, uniquingKeysWith: { first, _ in first })
        var result: [String: Node] = [:]
        for node in graph.nodes {
            guard Operator.table[node.operation]?.lowering == .convolution,
                node.inputs.count <= 3, readers[node.inputs[0]] == 1,
                let writer = writers[node.inputs[0]], writer.inputs.count <= 3,
                Operator.table[writer.operation]?.lowering == .convolution,
                let depthwise = try constantConvolution(node), depthwise.isDepthwise,
                let expansion = try constantConvolution(writer), expansion.isPointwise,
                expansion.convolution.outputShape.rank == 4,
                expansion.convolution.inputChannels >= Kernels.block
            else { continue }
            let window = depthwise.convolution.window
            guard window.rows.input * window.columns.input >= Self.fewestPixels else { continue }
            result[node.inputs[0]] = writer
        }
        return result
    }

    /// Plans a depthwise convolution together with the pointwise one before it, if it is one of those.
    mutating func lowerExpandedDepthwise(_ node: Node) throws(FathomError) -> Bool {
        guard let writer = expansions[node.inputs[0]],
            let first = try constantConvolution(writer), let second = try constantConvolution(node)
        else { return false }
        let input = try operand(writer.inputs[0], .blocked)
        let output = try result(node.outputs[0], .blocked)
        let cut = ExpandedDepthwiseStep.Cut(second.convolution)
        let scratch = newBuffer(cut.slots * cut.slotCount)
        let kernels = kernels
        let groupBlocks = Int(kernels.table.group_blocks)
        let packed = [first, second].map { PackedWeights($0, kernels) }
        let expansion = ConvolutionGeometry(
            first.convolution, isPlanar: false, isDepthwise: false, groupBlocks: groupBlocks)
        let depthwise = ConvolutionGeometry(
            second.convolution, isPlanar: false, isDepthwise: true, groupBlocks: groupBlocks)
        append(
            PlannedStep(
                node: "\(writer.name), \(node.name)",
                operation: "\(writer.operation), \(node.operation)", reads: [input],
                writes: [output, scratch], worksInPlace: false
            ) { memory in
                var convolutions = [expansion.conv, depthwise.conv]
                for index in convolutions.indices {
                    convolutions[index].weights = memory.readable(.constant(packed[index].weights))
                    convolutions[index].bias = memory.readable(.constant(packed[index].bias))
                }
                convolutions[0].input = memory.readable(input)
                convolutions[1].output = memory.writable(output)
                return ExpandedDepthwiseStep(
                    expansion: convolutions[0], depthwise: convolutions[1], cut: cut,
                    kernels: kernels, inputImage: expansion.inputImage,
                    outputImage: depthwise.outputImage, scratch: memory.writable(scratch))
            })
        return true
    }
}
