import CKernels
import FathomCore
import FathomGraph

/// A convolution of 8-bit numbers with all that its step needs: geometry, packed weights, and how sums become bytes.
struct QuantizedConvolution: Sendable {
    let convolution: Convolution
    let input: QuantizedPicture
    let output: QuantizedPicture
    let isDepthwise: Bool
    /// The stored byte that padding is filled with.
    let fill: UInt8
    /// Weights as `quantized.h` wants them, four in a number.
    let weights: Tensor
    /// 16 numbers a block, as bits.
    let bias: Tensor
    /// 16 numbers a block.
    let scale: Tensor
    /// What taps wholly on padding add, as bits: 16 numbers a tap of a block. Nil where they are too few to leave out.
    let paddingSums: Tensor?
    /// Sizes and limits; the pointers are not set.
    let conv: PlainConvolution

    /// `fathom_quantized_conv` without pointers.
    struct PlainConvolution: @unchecked Sendable {
        // Sendable: its pointers are not set.
        var value: fathom_quantized_conv
    }

    /// The longest stride: kernels read as many pixels beyond a row.
    private static let longestStride = 8

    /// Nil where no kernel can do the node: it is then evaluated by its definition.
    init?(_ operands: Operands<Fact>) throws(FathomError) {
        let node = operands.node
        let convolution = try Convolution(integers: operands, input: 0, weights: 3)
        let window = convolution.window
        guard convolution.outputShape.rank == 4, window.isWithinKernelRange,
            max(window.rows.stride, window.columns.stride) <= Self.longestStride,
            let x = QuantizedScale(operands, scale: 1, zero: 2),
            let y = QuantizedScale(operands, scale: 6, zero: 7),
            case .integers(let stored)? = operands.optional(3)?.constant, stored.type == .int8,
            let factors = operands.optional(4)?.constant?.tensor?.values,
            operands.optional(5)?.constant?.integerValues.allSatisfy({ $0 == 0 }) == true,
            factors.count == 1 || factors.count == convolution.outputChannels
        else { return nil }
        let channels = convolution.outputChannels
        let biases = operands.optional(8)?.constant?.integerValues
        guard biases != nil || operands.optional(8) == nil, biases?.count ?? channels == channels
        else { return nil }
        let isDepthwise =
            convolution.groups > 1 && convolution.groups == convolution.inputChannels
            && convolution.groups == channels && channels > 4
        guard isDepthwise || convolution.groups == 1 else { return nil }
        self.convolution = convolution
        self.isDepthwise = isDepthwise
        input = QuantizedPicture(operands.inputs[0]?.shape ?? [])
        output = QuantizedPicture(convolution.outputShape)
        fill = UInt8(clamping: x.zero)
        let packing = QuantizedPacking(
            convolution: convolution, weights: stored.values.map { Int8(truncatingIfNeeded: $0) })
        guard
            let sums = packing.sums(
                bias: biases, zero: x.zero, scales: factors.map { x.scale * $0 / y.scale })
        else { return nil }
        (bias, scale) = sums
        weights = isDepthwise ? packing.depthwise() : packing.dense()
        let isSpread = max(window.rows.dilation, window.columns.dilation) > 1
        let isPadded = window.rows.before + window.columns.before > 0
        paddingSums =
            isSpread && isPadded && !isDepthwise ? packing.paddingSums(zero: x.zero) : nil
        let limits = try QuantizedLimits(node, "low", "high", y.type)
        let offset = QuantizedPicture.offset(y.type)
        var conv = fathom_quantized_conv()
        conv.zero = Int32(y.zero)
        conv.low = Int32(limits.low + offset)
        conv.high = Int32(limits.high + offset)
        if operands.optional(9) != nil {
            guard let residual = QuantizedScale(operands, scale: 10, zero: 11),
                let result = QuantizedScale(operands, scale: 12, zero: 13)
            else { return nil }
            let sum = QuantizedSum(
                left: (y.scale, y.zero), right: (residual.scale, residual.zero),
                result: (result.scale, result.zero))
            let sumLimits = try QuantizedLimits(node, "sumLow", "sumHigh", result.type)
            let sumOffset = QuantizedPicture.offset(result.type)
            guard sum.leftFactor < Self.largestFactor, sum.rightFactor < Self.largestFactor
            else { return nil }
            conv.own_factor = sum.leftFactor
            conv.residual_factor = sum.rightFactor
            conv.residual_zero = Int32(residual.zero)
            conv.sum_zero = Int32(result.zero)
            conv.sum_low = Int32(sumLimits.low + sumOffset)
            conv.sum_high = Int32(sumLimits.high + sumOffset)
        }
        conv.input_lanes = Int32(input.lanes)
        conv.output_lanes = Int32(output.lanes)
        conv.output_channels = Int32(channels)
        conv.input_quads = Int32((convolution.inputChannels + 3) / 4)
        conv.kernel_height = Int32(window.rows.kernel)
        conv.kernel_width = Int32(window.columns.kernel)
        conv.stride_y = Int32(window.rows.stride)
        conv.stride_x = Int32(window.columns.stride)
        conv.dilation_y = Int32(window.rows.dilation)
        conv.dilation_x = Int32(window.columns.dilation)
        self.conv = PlainConvolution(value: conv)
    }

    /// Factors beyond this could leave 32 bits.
    private static let largestFactor: Float = 0x1p20

    /// Blocks of 16 output channels.
    var blocks: Int { output.planes }
}

/// Puts 8-bit weights in the order in which kernels read them.
private struct QuantizedPacking {
    let convolution: Convolution
    let weights: [Int8]

    private var rows: Int { convolution.window.rows.kernel }
    private var columns: Int { convolution.window.columns.kernel }
    private var channels: Int { convolution.outputChannels }
    private var blocks: Int { (channels + 15) / 16 }
    private var inputs: Int { convolution.inputChannels / convolution.groups }

    private func packed(_ count: Int, _ fill: (UnsafeMutablePointer<Int8>) -> Void) -> Tensor {
        let tensor = Tensor(shape: [(count + 3) / 4])
        tensor.withUnsafeMutableBuffer { buffer in
            guard let start = UnsafeMutableRawBufferPointer(buffer).baseAddress else { return }
            fill(start.assumingMemoryBound(to: Int8.self))
        }
        return tensor
    }

    /// [block][tap][4 inputs of all][16 outputs][4 inputs]
    func dense() -> Tensor {
        let (taps, quads) = (rows * columns, (inputs + 3) / 4)
        return packed(blocks * taps * quads * 64) { target in
            weights.withUnsafeBufferPointer { weights in
                for channel in 0..<channels {
                    for input in 0..<inputs {
                        let source = (channel * inputs + input) * taps
                        var place = (channel / 16 * taps * quads + input / 4) * 64
                        place += channel % 16 * 4 + input % 4
                        for tap in 0..<taps {
                            target[place] = weights[source + tap]
                            place += quads * 64
                        }
                    }
                }
            }
        }
    }

    /// [block][4 tap rows of all][tap column][16 channels][4 tap rows]
    func depthwise() -> Tensor {
        let groups = (rows + 3) / 4
        return packed(blocks * groups * columns * 64) { target in
            for channel in 0..<channels {
                for row in 0..<rows {
                    for column in 0..<columns {
                        let place = (channel / 16 * groups + row / 4) * columns + column
                        target[place * 64 + channel % 16 * 4 + row % 4] =
                            weights[(channel * rows + row) * columns + column]
                    }
                }
            }
        }
    }

    /// The input's zero times the weights of each tap, 16 outputs of a tap of a block, as bits.
    func paddingSums(zero: Int) -> Tensor {
        let taps = rows * columns
        var sums = [Int32](repeating: 0, count: blocks * taps * 16)
        for (index, weight) in weights.enumerated() {
            let (channel, tap) = (index / (inputs * taps), index % taps)
            sums[(channel / 16 * taps + tap) * 16 + channel % 16] += Int32(zero * Int(weight))
        }
        return Tensor(
            shape: [sums.count],
            values: sums.map { Float(bitPattern: UInt32(bitPattern: $0)) })
    }

    /// The bias less the input's zero times the weights, and the scale, of each channel; nil where sums could leave 32
    /// bits.
    func sums(bias: [Int]?, zero: Int, scales: [Float]) -> (bias: Tensor, scale: Tensor)? {
        let each = weights.count / max(channels, 1)
        let (limit, scaled) = (Int(Int32.max), Float(1 << 30))
        var corrected: [Int32] = []
        var factors: [Float] = []
        for channel in 0..<channels {
            var sum = 0
            var magnitude = 0
            for weight in weights[channel * each..<(channel + 1) * each] {
                sum += Int(weight)
                magnitude += Int(weight.magnitude)
            }
            let start = (bias?[channel] ?? 0) - zero * sum
            let factor = scales[scales.count == 1 ? 0 : channel]
            let most = magnitude * 255 + Int(clamping: start.magnitude)
            guard most < limit, factor.isFinite, Float(most) * factor < scaled else { return nil }
            corrected.append(Int32(start))
            factors.append(factor)
        }
        let filling = blocks * 16 - channels
        corrected += [Int32](repeating: 0, count: filling)
        factors += [Float](repeating: 0, count: filling)
        return (
            Tensor(
                shape: [blocks * 16],
                values: corrected.map { Float(bitPattern: UInt32(bitPattern: $0)) }),
            Tensor(shape: [blocks * 16], values: factors)
        )
    }
}
