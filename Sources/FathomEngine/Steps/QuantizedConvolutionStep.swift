import CKernels
import FathomCore
import FathomGraph

/// A convolution of 8-bit numbers; a chunk is a part of the output's rows (or pixels) and blocks of channels.
struct QuantizedConvolutionStep: Step, @unchecked Sendable {
    // Sendable: chunks write parts of the output that do not overlap, and scratch memory of a slot they hold.

    /// How the work is cut: bands of output rows (of pixels, where they do not see each other) times runs of blocks.
    struct Cut: Sendable {
        /// Bytes of padded input that a chunk should stay within: half of a second-level cache, a first-level one for
        /// depthwise convolutions, which read each byte few times.
        private static let denseBytes = 256 * 1024
        private static let depthwiseBytes = 24 * 1024
        /// Multiplications that a chunk should have at least.
        private static let fewestMultiplications = 1 << 20
        /// Chunks that a step is cut into if it is large enough.
        private static let wantedChunks = 12
        /// Pixels that a pointwise chunk is a multiple of: whole tiles of every kernel.
        private static let tile = 24

        let source: QuantizedConvolution
        /// Output rows of a chunk, or pixels.
        let bandLength: Int
        let bands: Int
        let blocksEach: Int
        let runs: Int
        /// Whether input rows are copied with their padding.
        let copies: Bool

        init(_ source: QuantizedConvolution) {
            self.source = source
            let (rows, columns) = (
                source.convolution.window.rows, source.convolution.window.columns
            )
            copies = rows.before + rows.after + columns.before + columns.after > 0
            let wanted = min(
                Self.wantedChunks,
                max(1, source.multiplications / source.output.images / Self.fewestMultiplications))
            let blocks = source.blocks
            var (length, each) = (0, blocks)
            if source.isPointwise {
                let pixels = source.output.height * source.output.width
                let most = Self.denseBytes / (source.input.planes * 16)
                let weightBytes = source.weights.count * 4
                // Few pixels and many weights: better that a chunk has few weights than few pixels.
                if weightBytes > pixels * source.input.planes * 16 {
                    each = max(3, (blocks + wanted - 1) / wanted)
                    each = (each + 2) / 3 * 3
                }
                let parts = (blocks + each - 1) / each
                let bands = max(1, (wanted + parts - 1) / parts)
                length = min(max(Self.tile, most), (pixels + bands - 1) / bands)
                length = (length + Self.tile - 1) / Self.tile * Self.tile
                bandLength = length
                self.bands = (pixels + length - 1) / length
            } else if source.isDepthwise {
                let row = Self.paddedWidth(source) * 16
                let extent = (rows.kernel - 1) * rows.dilation + 1
                length = min(
                    rows.output, max(4, (Self.depthwiseBytes / row - extent) / rows.stride + 1))
                bandLength =
                    (rows.output + (rows.output - 1) / length) / ((rows.output - 1) / length + 1)
                bands = (rows.output + bandLength - 1) / bandLength
                let band = ((bandLength - 1) * rows.stride + extent) * row
                each = max(1, min(Self.depthwiseBytes / band, blocks / max(1, wanted / bands)))
            } else {
                let row = Self.paddedWidth(source) * source.input.lanes * source.input.planes
                let extent = (rows.kernel - 1) * rows.dilation + 1
                let most = max(1, (Self.denseBytes / row - extent) / rows.stride + 1)
                length = min(most, max(extent, (rows.output + wanted - 1) / wanted), rows.output)
                bandLength = length
                bands = (rows.output + length - 1) / length
                let parts = max(1, min((blocks + 2) / 3, wanted / bands))
                each = ((blocks + parts - 1) / parts + 2) / 3 * 3
            }
            blocksEach = max(1, min(each, blocks))
            runs = (blocks + blocksEach - 1) / blocksEach
        }

        var chunks: Int { source.output.images * bands * runs }

        /// Pixels of a row of input with its padding, as far as taps reach.
        private static func paddedWidth(_ source: QuantizedConvolution) -> Int {
            let columns = source.convolution.window.columns
            return (columns.output - 1) * columns.stride + (columns.kernel - 1) * columns.dilation
                + 1
        }

        /// Pixels of a row in scratch memory.
        var paddedWidth: Int { Self.paddedWidth(source) }
        /// Rows in scratch memory.
        var paddedRows: Int {
            let rows = source.convolution.window.rows
            return (bandLength - 1) * rows.stride + (rows.kernel - 1) * rows.dilation + 1
        }
        /// Bytes of a plane in scratch memory.
        var paddedPlane: Int { paddedRows * paddedWidth * source.input.lanes }
        /// Bytes of a slot.
        var slotBytes: Int {
            let planes = source.isDepthwise ? blocksEach : source.input.planes
            return copies ? (planes * paddedPlane + Int(FATHOM_QUANTIZED_MARGIN) + 63) / 64 * 64 : 0
        }
    }

    private let conv: fathom_quantized_conv
    private let cut: Cut
    private let kernel: @convention(c) (UnsafePointer<fathom_quantized_conv>?, Int32, Int32) -> Void
    private let scratch: UnsafeMutablePointer<UInt8>?
    private let slots: ScratchSlots
    let chunks: Int

    init(
        conv: fathom_quantized_conv, cut: Cut, kernels: QuantizedKernels,
        scratch: UnsafeMutablePointer<UInt8>?, slots: ScratchSlots
    ) {
        self.conv = conv
        self.cut = cut
        kernel = cut.source.isDepthwise ? kernels.table.depthwise : kernels.table.dense
        self.scratch = scratch
        self.slots = slots
        chunks = cut.chunks
    }

    func run(_ chunk: Int) {
        let source = cut.source
        let run = chunk % cut.runs
        let band = chunk / cut.runs % cut.bands
        let image = chunk / (cut.runs * cut.bands)
        let blocks = run * cut.blocksEach..<min((run + 1) * cut.blocksEach, source.blocks)
        var conv = conv
        conv.input += image * source.input.imageBytes
        conv.output += image * source.output.imageBytes
        if let residual = conv.residual {
            conv.residual = residual + image * source.output.imageBytes
        }
        let first = band * cut.bandLength
        if source.isPointwise {
            let pixels = source.output.height * source.output.width
            conv.rows = 1
            conv.columns = Int32(min(cut.bandLength, pixels - first))
            conv.input += first * source.input.lanes
            advance(&conv, first * source.output.lanes)
            kernel(&conv, Int32(blocks.lowerBound), Int32(blocks.upperBound))
            return
        }
        let rows = source.convolution.window.rows
        conv.rows = Int32(min(cut.bandLength, rows.output - first))
        conv.columns = Int32(source.output.width)
        advance(&conv, first * source.output.rowBytes)
        guard let scratch, cut.copies else {
            conv.input += first * rows.stride * source.input.rowBytes
            kernel(&conv, Int32(blocks.lowerBound), Int32(blocks.upperBound))
            return
        }
        slots.with { slot in
            let start = scratch + slot * cut.slotBytes
            let planes = source.isDepthwise ? blocks : 0..<source.input.planes
            let count = (Int(conv.rows) - 1) * rows.stride + (rows.kernel - 1) * rows.dilation + 1
            let top = first * rows.stride - rows.before
            for plane in planes {
                copy(
                    conv.input + plane * source.input.planeBytes, top: top, rows: count,
                    start + (plane - planes.lowerBound) * cut.paddedPlane)
            }
            conv.input_row = cut.paddedWidth * source.input.lanes
            conv.input_block = cut.paddedPlane
            // Where the plane of block 0 would begin.
            conv.input = UnsafePointer(start) - planes.lowerBound * cut.paddedPlane
            kernel(&conv, Int32(blocks.lowerBound), Int32(blocks.upperBound))
        }
    }

    private func advance(_ conv: inout fathom_quantized_conv, _ bytes: Int) {
        conv.output += bytes
        if let residual = conv.residual { conv.residual = residual + bytes }
    }

    /// Copies rows of a plane with the padding around them; `top` is the first row, perhaps outside the picture.
    private func copy(
        _ plane: UnsafePointer<UInt8>, top: Int, rows: Int, _ target: UnsafeMutablePointer<UInt8>
    ) {
        let (picture, lanes) = (cut.source.input, cut.source.input.lanes)
        let row = cut.paddedWidth * lanes
        let before = min(cut.source.convolution.window.columns.before * lanes, row)
        let inside = max(0, min(picture.rowBytes, row - before))
        let after = row - before - inside
        let fill = cut.source.fill
        for index in 0..<rows {
            let line = target + index * row
            guard top + index >= 0, top + index < picture.height else {
                line.update(repeating: fill, count: row)
                continue
            }
            line.update(repeating: fill, count: before)
            (line + before).update(from: plane + (top + index) * picture.rowBytes, count: inside)
            (line + before + inside).update(repeating: fill, count: after)
        }
    }
}

extension Planner {
    /// Plans a convolution of 8-bit numbers.
    mutating func lowerQuantizedConvolution(_ operands: Operands<Fact>) throws(FathomError) -> Bool
    {
        let node = operands.node
        guard let source = try QuantizedConvolution(operands) else { return false }
        let input = try operand(node.inputs[0], .quantized)
        let residual =
            try operands.optional(9) == nil ? nil : operand(node.inputs[9], .quantized)
        let output = try result(node.outputs[0], .quantized)
        let cut = QuantizedConvolutionStep.Cut(source)
        let slotCount = min(cut.chunks, ScratchSlots.most)
        let scratch =
            cut.copies ? newBuffer(QuantizedPicture.count(slotCount * cut.slotBytes)) : nil
        let kernels = QuantizedKernels(instructionSet)
        append(
            PlannedStep(
                node: node.name, operation: node.operation,
                reads: [input] + (residual.map { [$0] } ?? []),
                writes: [output] + (scratch.map { [$0] } ?? []), worksInPlace: false
            ) { memory in
                var conv = source.conv.value
                conv.input = memory.bytes(input)
                conv.output = memory.bytes(output)
                conv.residual = residual.map { memory.bytes($0) }
                conv.weights = UnsafeRawPointer(memory.readable(.constant(source.weights)))
                    .assumingMemoryBound(to: Int8.self)
                conv.bias = UnsafeRawPointer(memory.readable(.constant(source.bias)))
                    .assumingMemoryBound(to: Int32.self)
                conv.scale = memory.readable(.constant(source.scale))
                conv.input_row = source.input.rowBytes
                conv.input_block = source.input.planeBytes
                conv.output_row = source.output.rowBytes
                conv.output_block = source.output.planeBytes
                return QuantizedConvolutionStep(
                    conv: conv, cut: cut, kernels: kernels,
                    scratch: scratch.map { memory.bytes($0) },
                    slots: ScratchSlots(chunks: cut.chunks))
            })
        return true
    }
}
