import CKernels
import FathomCore
import FathomGraph

/// One direction of a transposed convolution: the outputs that see the same taps are a convolution of stride 1.
struct OutputPhase {
    /// The first output; the others are `stride` apart.
    let first: Int
    /// How the taps slide over the input.
    let axis: Window.Axis
    /// The taps that they see, the last one first, as they meet the input from its beginning on.
    let taps: [Int]

    /// The phases of an axis of `output` numbers; those that have no output are left out.
    static func all(
        input: Int, output: Int, kernel: Int, stride: Int, dilation: Int, pad: Int
    ) -> [OutputPhase] {
        (0..<min(stride, output)).map { first in
            // Output y gets tap t of input (y + pad − t·dilation) / stride, where that is a whole number.
            let taps = (0..<kernel).reversed().filter {
                (first + pad - $0 * dilation).isMultiple(of: stride)
            }
            let start = taps.first.map { (first + pad - $0 * dilation) / stride } ?? 0
            let step = taps.count > 1 ? (taps[0] - taps[1]) * dilation / stride : 1
            let axis = Window.Axis(
                input: input, output: (output - 1 - first) / stride + 1, kernel: taps.count,
                stride: 1, dilation: step, before: -start, after: 0)
            return OutputPhase(first: first, axis: axis, taps: taps)
        }
    }
}

extension Planner {
    /// More phases than this are more work to tell apart than to compute.
    static let mostPhases = 64
    /// Sizes and shifts from here on are left to the reference evaluation, which knows no 32 bits.
    static let sizeLimit = 1 << 24

    /// Plans a transposed convolution with constant weights as convolutions that each write some of the rows and
    /// columns of the output.
    mutating func lowerTransposedConvolution(
        _ operands: Operands<Fact>
    ) throws(FathomError) -> Bool {
        let node = operands.node
        let transposed = try TransposedConvolution(operands)
        let input = try operands.required(0).shape
        let rank = input.rank - 2
        guard rank == 1 || rank == 2,
            let weights = operands.optional(1)?.constant?.tensor,
            operands.optional(2) == nil || operands.optional(2)?.constant?.tensor != nil,
            (input.dimensions + transposed.shape.dimensions).allSatisfy({ $0 < Self.sizeLimit }),
            (transposed.pads + transposed.dilations).allSatisfy({ abs($0) < Self.sizeLimit }),
            transposed.strides.allSatisfy({ $0 <= Self.mostPhases }),
            transposed.strides.reduce(1, *) <= Self.mostPhases
        else { return false }
        /// The phases of the rows (0) or columns (1); a sequence is one row.
        func phases(_ direction: Int) -> [OutputPhase] {
            let axis = direction - 2 + rank
            guard axis >= 0 else {
                return OutputPhase.all(
                    input: 1, output: 1, kernel: 1, stride: 1, dilation: 1, pad: 0)
            }
            return OutputPhase.all(
                input: input[axis + 2], output: transposed.shape[axis + 2],
                kernel: weights.shape[axis + 2], stride: transposed.strides[axis],
                dilation: transposed.dilations[axis], pad: transposed.pads[axis])
        }
        let groups = JoinedGroups(
            groups: transposed.groups, inputChannels: input[1],
            outputChannels: transposed.shape[1])
        guard groups.isWorthIt(taps: weights.count / (weights.shape[0] * weights.shape[1]))
        else { return false }
        let bias = operands.optional(2)?.constant?.tensor
        let (height, width) = (
            rank == 2 ? transposed.shape[2] : 1, transposed.shape[transposed.shape.rank - 1]
        )
        let columnTaps = weights.shape[weights.shape.rank - 1]
        let weightPlane = weights.count / (weights.shape[0] * weights.shape[1])
        let (groupInputs, groupOutputs) = (input[1] / transposed.groups, weights.shape[1])
        let strides = rank == 2 ? transposed.strides : [1] + transposed.strides
        let inputPlane = input.count / (input[0] * input[1])
        var parts: [ConvolutionStep.Part] = []
        for row in phases(0) {
            for column in phases(1) {
                let sizes = ConvolutionSizes(
                    images: input[0], inputChannels: groups.inputs,
                    outputChannels: groups.outputs, rows: row.axis, columns: column.axis)
                var geometry = ConvolutionGeometry(
                    sizes, isPlanar: false, isDepthwise: false, isOneRow: false,
                    groupBlocks: Int(kernels.table.group_blocks))
                geometry.spreadOutput(
                    rows: strides[0], columns: strides[1], height: height, width: width)
                let taps = row.taps.flatMap { y in column.taps.map { y * columnTaps + $0 } }
                for join in 0..<groups.joins {
                    let packed = weights.withUnsafeBuffer { given in
                        groups.weights(join, taps: taps.count) { output, input, tap in
                            let channel = output / groupOutputs * groupInputs + input
                            return given[
                                (channel * groupOutputs + output % groupOutputs) * weightPlane
                                    + taps[tap]]
                        }.withUnsafeBufferPointer {
                            PackedWeights(dense: $0, bias: groups.bias(join, bias), sizes, kernels)
                        }
                    }
                    let blocks = (
                        join * Kernels.blocks(groups.inputs), join * Kernels.blocks(groups.outputs)
                    )
                    parts.append(
                        ConvolutionStep.Part(
                            geometry: geometry, packed: packed,
                            inputOffset: blocks.0 * inputPlane * Kernels.block,
                            outputOffset: ((blocks.1 * height + row.first) * width + column.first)
                                * Kernels.block))
                }
            }
        }
        try appendConvolution(
            node, parts, images: input[0], inputImage: Self.count(input, .blocked) / input[0],
            outputImage: Self.count(transposed.shape, .blocked) / input[0],
            kernel: kernels.table.dense)
        return true
    }
}
