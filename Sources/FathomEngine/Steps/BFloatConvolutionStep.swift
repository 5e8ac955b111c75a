import CKernels
import FathomCore
import FathomGraph

/// The C kernels for bfloat16 at one instruction set.
struct BFloatKernels: @unchecked Sendable {
    // Sendable: pointers to functions, none of which changes.
    let table: fathom_bfloat_kernels

    init(_ instructionSet: InstructionSet) {
        table = fathom_bfloat_kernels_at(instructionSet.code).pointee
    }
}

/// A dense convolution whose inputs and weights are rounded to bfloat16; sums, and what is stored, are in single
/// precision. A chunk rounds a part of its input into a panel and multiplies that.
struct BFloatConvolutionStep: Step, @unchecked Sendable {
    // Sendable: chunks write parts of the output that do not overlap, and scratch memory of a slot they hold.
    private let conv: fathom_bfloat_conv
    private let input: UnsafePointer<Float>
    private let sizes: Sizes
    private let cut: PanelCut
    private let kernels: BFloatKernels
    private let slots: ScratchSlots
    let chunks: Int

    /// Numbers of the pictures.
    struct Sizes: Sendable {
        let inputChannels: Int
        /// Whether the input is row-major rather than in planes of 8 channels.
        let isPlanar: Bool
        let inputPlane: Int
        let inputImage: Int
        let outputPlane: Int
        let outputImage: Int

        init(_ convolution: Convolution, isPlanar: Bool) {
            let (rows, columns) = (convolution.window.rows, convolution.window.columns)
            self.isPlanar = isPlanar
            inputChannels = convolution.inputChannels
            inputPlane = rows.input * columns.input
            outputPlane = rows.output * columns.output
            inputImage =
                inputPlane
                * (isPlanar ? inputChannels : Kernels.blocks(inputChannels) * Kernels.block)
            outputImage =
                outputPlane * Kernels.blocks(convolution.outputChannels) * Kernels.block
        }
    }

    init(
        conv: fathom_bfloat_conv, input: UnsafePointer<Float>, sizes: Sizes, cut: PanelCut,
        kernels: BFloatKernels, scratch: UnsafeMutablePointer<Float>
    ) {
        self.conv = conv
        self.input = input
        self.sizes = sizes
        self.cut = cut
        self.kernels = kernels
        slots = cut.slots(scratch)
        chunks = cut.chunks
    }

    func run(_ chunk: Int) {
        let part = cut.part(chunk)
        let picture = input + part.image * sizes.inputImage
        slots.withSlot { slot in
            let panel = UnsafeMutableRawPointer(slot).assumingMemoryBound(to: UInt16.self)
            let columns = cut.window.columns
            var conv = conv
            var place = part.image * sizes.outputImage
            if cut.isPointwise {
                round(picture, pixels: part.band, panel, planeStride: cut.panelPlane / 2)
                conv.rows = 1
                conv.columns = Int32(part.band.count)
                place += part.band.lowerBound * Kernels.block
            } else {
                let row = cut.panelRow / 2
                let before = min(columns.before * Kernels.block, row)
                let inside = max(0, min(columns.input * Kernels.block, row - before))
                for (index, y) in cut.inputRows(part.band).enumerated() {
                    let isInside = y >= 0 && y < cut.window.rows.input
                    for plane in 0..<Kernels.blocks(sizes.inputChannels) {
                        let line = panel + plane * (cut.panelPlane / 2) + index * row
                        guard isInside else {
                            line.update(repeating: 0, count: row)
                            continue
                        }
                        line.update(repeating: 0, count: before)
                        (line + before + inside).update(repeating: 0, count: row - before - inside)
                    }
                    guard isInside else { continue }
                    let first = y * columns.input
                    round(
                        picture, pixels: first..<first + inside / Kernels.block,
                        panel + index * row + before, planeStride: cut.panelPlane / 2)
                }
                conv.rows = Int32(part.band.count)
                conv.columns = Int32(columns.output)
                place += part.band.lowerBound * columns.output * Kernels.block
            }
            conv.input = UnsafePointer(panel)
            conv.input_row = cut.panelRow / 2
            conv.input_block = cut.panelPlane / 2
            conv.output += place
            if let residual = conv.residual { conv.residual = residual + place }
            kernels.table.dense(
                &conv, Int32(part.blocks.lowerBound), Int32(part.blocks.upperBound))
        }
    }

    /// Rounds pixels of all channels.
    private func round(
        _ picture: UnsafePointer<Float>, pixels: Range<Int>,
        _ target: UnsafeMutablePointer<UInt16>, planeStride: Int
    ) {
        for plane in 0..<Kernels.blocks(sizes.inputChannels) {
            let channel = plane * Kernels.block
            if sizes.isPlanar {
                kernels.table.round_planes(
                    picture + channel * sizes.inputPlane + pixels.lowerBound, sizes.inputPlane,
                    Int32(min(Kernels.block, sizes.inputChannels - channel)),
                    target + plane * planeStride, pixels.count)
            } else {
                kernels.table.round(
                    picture + channel * sizes.inputPlane + pixels.lowerBound * Kernels.block,
                    target + plane * planeStride, pixels.count * Kernels.block)
            }
        }
        // Taken in pairs with the last channel; its weight is 0, but what fills a block may be no number.
        guard sizes.inputChannels % 2 == 1 else { return }
        let (plane, lane) = sizes.inputChannels.quotientAndRemainder(dividingBy: Kernels.block)
        for pixel in 0..<pixels.count {
            target[plane * planeStride + pixel * Kernels.block + lane] = 0
        }
    }
}

/// Weights rounded to bfloat16, in the order of `bfloat.h`, two in a number.
private struct BFloatWeights: Sendable {
    let weights: Tensor
    let bias: Tensor

    init(_ source: ConstantConvolution) {
        let convolution = source.convolution
        let channels = convolution.outputChannels
        let (blocks, pairs) = ((channels + 15) / 16, (convolution.inputChannels + 1) / 2)
        let taps = convolution.window.rows.kernel * convolution.window.columns.kernel
        weights = Tensor(shape: [blocks * taps * pairs * 16])
        weights.withUnsafeMutableBuffer { buffer in
            guard let start = UnsafeMutableRawBufferPointer(buffer).baseAddress else { return }
            let target = start.assumingMemoryBound(to: UInt16.self)
            source.weights.withUnsafeBuffer { values in
                for channel in 0..<channels {
                    for input in 0..<convolution.inputChannels {
                        for tap in 0..<taps {
                            let place = (channel / 16 * taps + tap) * pairs + input / 2
                            let value = values[
                                (channel * convolution.inputChannels + input) * taps + tap]
                            target[place * 32 + channel % 16 * 2 + input % 2] = Self.bits(value)
                        }
                    }
                }
            }
        }
        var bias = source.bias?.values ?? []
        bias += [Float](repeating: 0, count: blocks * 16 - bias.count)
        self.bias = Tensor(shape: [blocks * 16], values: bias)
    }

    /// The nearest bfloat16, halves to the even one.
    private static func bits(_ value: Float) -> UInt16 {
        let bits = value.bitPattern
        if value.isNaN { return UInt16((bits | 0x40_0000) >> 16) }
        return UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16)
    }
}

extension Planner {
    /// Plans a dense convolution in bfloat16, where that is asked for.
    mutating func lowerBFloatConvolution(_ node: Node) throws(FathomError) -> Bool {
        guard precision == .bf16, let source = try constantConvolution(node),
            source.convolution.groups == 1, source.convolution.activation == nil,
            source.convolution.outputShape.rank == 4,
            max(source.convolution.window.rows.stride, source.convolution.window.columns.stride)
                <= 8
        else { return false }
        let convolution = source.convolution
        let name = node.inputs[0]
        let isPlanar = layout(name) == .planar && convolution.inputChannels < Kernels.block
        let input = try operand(name, isPlanar ? .planar : .blocked)
        let residual = try node.inputs.count > 3 ? operand(node.inputs[3], .blocked) : nil
        let output = try result(node.outputs[0], .blocked)
        let packed = BFloatWeights(source)
        let blocks = (convolution.outputChannels + 15) / 16
        let cut = PanelCut(
            convolution, inputPlanes: Kernels.blocks(convolution.inputChannels), lanes: 16,
            blocks: blocks, isDepthwise: false,
            weightBytes: packed.weights.count * MemoryLayout<Float>.stride, alwaysCopies: true)
        let sizes = BFloatConvolutionStep.Sizes(convolution, isPlanar: isPlanar)
        let scratch = newBuffer(cut.scratchBytes / MemoryLayout<Float>.stride)
        let kernels = BFloatKernels(instructionSet)
        append(
            PlannedStep(
                node: node.name, operation: "bf16 \(node.operation)",
                reads: [input] + (residual.map { [$0] } ?? []), writes: [output, scratch],
                worksInPlace: false
            ) { memory in
                var conv = fathom_bfloat_conv()
                let (rows, columns) = (convolution.window.rows, convolution.window.columns)
                conv.weights = UnsafeRawPointer(memory.readable(.constant(packed.weights)))
                    .assumingMemoryBound(to: UInt16.self)
                conv.bias = memory.readable(.constant(packed.bias))
                conv.residual = residual.map(memory.readable)
                conv.output = memory.writable(output)
                conv.output_row = columns.output * Kernels.block
                conv.output_block = sizes.outputPlane * Kernels.block
                conv.output_planes = Int32(Kernels.blocks(convolution.outputChannels))
                conv.input_pairs = Int32((convolution.inputChannels + 1) / 2)
                conv.kernel_height = Int32(rows.kernel)
                conv.kernel_width = Int32(columns.kernel)
                conv.stride_y = Int32(rows.stride)
                conv.stride_x = Int32(columns.stride)
                conv.dilation_y = Int32(rows.dilation)
                conv.dilation_x = Int32(columns.dilation)
                conv.minimum = convolution.minimum
                conv.maximum = convolution.maximum
                return BFloatConvolutionStep(
                    conv: conv, input: memory.readable(input), sizes: sizes, cut: cut,
                    kernels: kernels, scratch: memory.writable(scratch))
            })
        return true
    }
}
