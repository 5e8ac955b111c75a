import CKernels
import FathomCore
import FathomGraph

extension Planner {
    /// Plans the gradients of a convolution's weights; a chunk is a group of output channels and a block of inputs.
    mutating func lowerWeightGradient(_ operands: Operands<Fact>) throws(FathomError) -> Bool {
        let node = operands.node
        let source = try ConvolutionWeightGradient(operands)
        let (input, gradient) = (source.input, source.gradient)
        let isDepthwise =
            source.groups > 1 && source.groups == input[1] && source.groups == gradient[1]
        guard input.rank == 4, source.groups == 1 || isDepthwise, input.count > 0,
            gradient.count > 0, source.window.isWithinKernelRange
        else { return false }
        let (rows, columns) = (source.window.rows, source.window.columns)
        var g = fathom_weight_gradient()
        g.images = Int32(input[0])
        g.input_image = Self.count(input, .blocked) / input[0]
        g.gradient_image = Self.count(gradient, .blocked) / input[0]
        g.input_block = input[2] * input[3] * Kernels.block
        g.gradient_block = gradient[2] * gradient[3] * Kernels.block
        (g.input_height, g.input_width) = (Int32(rows.input), Int32(columns.input))
        (g.output_height, g.output_width) = (Int32(rows.output), Int32(columns.output))
        (g.kernel_height, g.kernel_width) = (Int32(rows.kernel), Int32(columns.kernel))
        (g.stride_y, g.stride_x) = (Int32(rows.stride), Int32(columns.stride))
        (g.dilation_y, g.dilation_x) = (Int32(rows.dilation), Int32(columns.dilation))
        (g.pad_top, g.pad_left) = (Int32(rows.before), Int32(columns.before))
        (g.inputs, g.outputs) = (Int32(input[1]), Int32(gradient[1]))
        let from = try operand(node.inputs[0], .blocked)
        let arrived = try operand(node.inputs[1], .blocked)
        let weights = try result(node.outputs[0], .planar)
        var writes = [weights]
        if node.outputs.count > 1, !node.outputs[1].isEmpty {
            writes.append(try result(node.outputs[1], .planar))
        }
        if !isDepthwise, lowerWinogradWeightGradient(node, g, [from, arrived], writes) {
            return true
        }
        let gradients = GradientKernels(instructionSet)
        let inputBlocks = Kernels.blocks(input[1])
        let groups =
            (Kernels.blocks(gradient[1]) + GradientKernels.group - 1) / GradientKernels.group
        let chunks = isDepthwise ? inputBlocks : groups * inputBlocks
        append(
            PlannedStep(
                node: node.name, operation: node.operation, reads: [from, arrived],
                writes: writes, worksInPlace: false
            ) { [shared = Shared(g), writes] memory in
                var g = shared.value
                g.input = memory.readable(from)
                g.gradient = memory.readable(arrived)
                g.weights = memory.writable(writes[0])
                if writes.count > 1 { g.bias = memory.writable(writes[1]) }
                let bound = Shared(g)
                return KernelStep(chunks: chunks) { chunk in
                    var g = bound.value
                    if isDepthwise {
                        gradients.table.depthwise_weights(&g, Int32(chunk))
                    } else {
                        let (group, block) = chunk.quotientAndRemainder(dividingBy: inputBlocks)
                        gradients.table.dense_weights(&g, Int32(group), Int32(block))
                    }
                }
            })
        return true
    }
}
