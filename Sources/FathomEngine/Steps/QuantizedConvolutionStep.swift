import CKernels
import FathomCore
import FathomGraph

/// A convolution of 8-bit numbers; a chunk is a part of the output's rows (or pixels) and blocks of channels.
struct QuantizedConvolutionStep: Step, @unchecked Sendable {
    // Sendable: chunks write parts of the output that do not overlap, and scratch memory of a slot they hold.

    private let source: QuantizedConvolution
    private let conv: fathom_quantized_conv
    private let cut: PanelCut
    private let kernel: @convention(c) (UnsafePointer<fathom_quantized_conv>?, Int32, Int32) -> Void
    private let slots: ScratchSlots?
    let chunks: Int

    init(
        _ source: QuantizedConvolution, conv: fathom_quantized_conv, cut: PanelCut,
        kernels: QuantizedKernels, scratch: UnsafeMutablePointer<Float>?
    ) {
        self.source = source
        self.conv = conv
        self.cut = cut
        kernel = source.isDepthwise ? kernels.table.depthwise : kernels.table.dense
        slots = scratch.map(cut.slots)
        chunks = cut.chunks
    }

    func run(_ chunk: Int) {
        let part = cut.part(chunk)
        let (first, blocks) = (part.band.lowerBound, part.blocks)
        var conv = conv
        conv.input += part.image * source.input.imageBytes
        let start = part.image * source.output.imageBytes
        if cut.isPointwise {
            conv.rows = 1
            conv.columns = Int32(part.band.count)
            conv.input += first * source.input.lanes
            advance(&conv, start + first * source.output.lanes)
            kernel(&conv, Int32(blocks.lowerBound), Int32(blocks.upperBound))
            return
        }
        let rows = cut.window.rows
        conv.rows = Int32(part.band.count)
        conv.top = Int32(first * rows.stride - rows.before)
        conv.left = Int32(-cut.window.columns.before)
        conv.columns = Int32(source.output.width)
        advance(&conv, start + first * source.output.rowBytes)
        guard let slots else {
            conv.input += first * rows.stride * source.input.rowBytes
            kernel(&conv, Int32(blocks.lowerBound), Int32(blocks.upperBound))
            return
        }
        slots.withSlot { slot in
            let panel = UnsafeMutableRawPointer(slot).assumingMemoryBound(to: UInt8.self)
            let planes = cut.isDepthwise ? blocks : 0..<source.input.planes
            for plane in planes {
                copy(
                    conv.input + plane * source.input.planeBytes,
                    rows: cut.inputRows(part.band),
                    panel + (plane - planes.lowerBound) * cut.panelPlane)
            }
            conv.input_row = cut.panelRow
            conv.input_block = cut.panelPlane
            // Where the plane of block 0 would begin.
            conv.input = UnsafePointer(panel) - planes.lowerBound * cut.panelPlane
            kernel(&conv, Int32(blocks.lowerBound), Int32(blocks.upperBound))
        }
    }

    private func advance(_ conv: inout fathom_quantized_conv, _ bytes: Int) {
        conv.output += bytes
        if let residual = conv.residual { conv.residual = residual + bytes }
    }

    /// Copies rows of a plane, some perhaps outside the picture, with the padding around them.
    private func copy(
        _ plane: UnsafePointer<UInt8>, rows: Range<Int>, _ target: UnsafeMutablePointer<UInt8>
    ) {
        let picture = source.input
        let row = cut.panelRow
        let before = min(cut.window.columns.before * picture.lanes, row)
        let inside = max(0, min(picture.rowBytes, row - before))
        for (index, y) in rows.enumerated() {
            let line = target + index * row
            guard y >= 0, y < picture.height else {
                line.update(repeating: source.fill, count: row)
                continue
            }
            line.update(repeating: source.fill, count: before)
            (line + before).update(from: plane + y * picture.rowBytes, count: inside)
            (line + before + inside).update(
                repeating: source.fill, count: row - before - inside)
        }
    }
}

extension Planner {
    /// Plans a convolution of 8-bit numbers.
    mutating func lowerQuantizedConvolution(_ operands: Operands<Fact>) throws(FathomError) -> Bool
    {
        let node = operands.node
        guard let source = quantizedConvolutions[node.outputs[0]] else { return false }
        let input = try operand(node.inputs[0], .quantized)
        let residual =
            try operands.optional(9) == nil ? nil : operand(node.inputs[9], .quantized)
        let output = try result(node.outputs[0], .quantized)
        let cut = PanelCut(
            source.convolution, inputPlanes: source.input.planes, lanes: source.input.lanes,
            blocks: source.blocks, isDepthwise: source.isDepthwise,
            weightBytes: source.weights.count * MemoryLayout<Float>.stride, alwaysCopies: false)
        let scratch = cut.copies ? newBuffer(QuantizedPicture.count(cut.scratchBytes)) : nil
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
                conv.padding_sums = source.paddingSums.map {
                    UnsafeRawPointer(memory.readable(.constant($0)))
                        .assumingMemoryBound(to: Int32.self)
                }
                conv.height = Int32(source.input.height)
                conv.width = Int32(source.input.width)
                conv.input_row = source.input.rowBytes
                conv.input_block = source.input.planeBytes
                conv.output_row = source.output.rowBytes
                conv.output_block = source.output.planeBytes
                return QuantizedConvolutionStep(
                    source, conv: conv, cut: cut, kernels: kernels,
                    scratch: scratch.map { memory.writable($0) })
            })
        return true
    }
}
