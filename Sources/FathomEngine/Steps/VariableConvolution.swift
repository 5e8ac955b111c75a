import CKernels
import FathomCore
import FathomGraph

extension Planner {
    /// Plans a convolution whose weights are computed or given.
    mutating func lowerVariableConvolution(_ node: Node) throws(FathomError) -> Bool {
        let operands = Operands(
            node, node.inputs.map { facts[$0] }, operatorSet: graph.operatorSet)
        let convolution = try Convolution(operands)
        let isDepthwise =
            convolution.groups > 1 && convolution.groups == convolution.inputChannels
            && convolution.groups == convolution.outputChannels
        guard convolution.window.isWithinKernelRange, convolution.isFlat,
            convolution.groups == 1 || isDepthwise,
            convolution.activation == nil || convolution.activationKernel != nil
        else { return false }
        let isPlanar =
            !isDepthwise && layout(node.inputs[0]) == .planar
            && convolution.inputChannels < Kernels.block
        let geometry = ConvolutionGeometry(
            convolution, isPlanar: isPlanar, isDepthwise: isDepthwise,
            groupBlocks: Int(kernels.table.group_blocks))
        let sizes = ConvolutionSizes(convolution)
        let bias = try variableBias(node, channels: sizes.outputChannels)
        if !isDepthwise, !isPlanar,
            try lowerWinograd(node, sizes, geometry, bias: bias, isTurned: false)
        {
            return true
        }
        let weights: Place
        if isDepthwise {
            weights = try depthwiseWeights(node, channels: sizes.outputChannels, taps: sizes.taps)
        } else {
            let order = WeightOrder(
                outputs: sizes.outputChannels, inputs: sizes.inputChannels,
                outputStep: sizes.inputChannels * sizes.taps, inputStep: sizes.taps,
                taps: Array(0..<sizes.taps))
            weights = try orderedWeights(node, order)
        }
        try appendConvolution(
            node,
            [ConvolutionStep.Part(geometry: geometry, weights: weights, bias: bias)],
            isPlanar ? .planar : .blocked, images: geometry.images,
            inputImage: geometry.inputImage, outputImage: geometry.outputImage,
            kernel: isDepthwise ? kernels.table.depthwise : kernels.table.dense)
        return true
    }

    /// Plans a transposed convolution whose weights are computed or given: of channels that all see each other as
    /// convolutions that each write some rows and columns, of channels each by itself by a kernel of its own.
    mutating func lowerVariableTransposedConvolution(
        _ operands: Operands<Fact>
    ) throws(FathomError) -> Bool {
        let node = operands.node
        let transposed = try TransposedConvolution(operands)
        let (input, weights) = (try operands.required(0).shape, try operands.required(1).shape)
        guard input.rank == 4, input.count > 0, transposed.shape.count > 0,
            (input.dimensions + transposed.shape.dimensions).allSatisfy({ $0 < Self.sizeLimit }),
            (transposed.pads + transposed.dilations).allSatisfy({ $0 < Self.sizeLimit }),
            transposed.strides.reduce(1, *) <= Self.mostPhases
        else { return false }
        if transposed.groups > 1 {
            guard transposed.groups == input[1], weights[1] == 1, node.inputs.count == 2 else {
                return false
            }
            return try lowerDepthwiseInput(node, transposed, input, weights)
        }
        func phases(_ axis: Int) -> [OutputPhase] {
            OutputPhase.all(
                input: input[axis + 2], output: transposed.shape[axis + 2],
                kernel: weights[axis + 2], stride: transposed.strides[axis],
                dilation: transposed.dilations[axis], pad: transposed.pads[axis])
        }
        let (inputs, outputs) = (input[1], transposed.shape[1])
        let plane = weights[2] * weights[3]
        let bias = try variableBias(node, channels: outputs)
        var parts: [ConvolutionStep.Part] = []
        for row in phases(0) {
            for column in phases(1) {
                let sizes = ConvolutionSizes(
                    images: input[0], inputChannels: inputs, outputChannels: outputs,
                    rows: row.axis, columns: column.axis)
                let isPointwise =
                    weights[2] == 1 && weights[3] == 1 && transposed.strides == [1, 1]
                    && transposed.pads.allSatisfy { $0 == 0 }
                var geometry = ConvolutionGeometry(
                    sizes, isPlanar: false, isDepthwise: false, isOneRow: isPointwise,
                    groupBlocks: Int(kernels.table.group_blocks))
                if !isPointwise {
                    geometry.spreadOutput(
                        rows: transposed.strides[0], columns: transposed.strides[1],
                        height: transposed.shape[2], width: transposed.shape[3])
                }
                if transposed.strides == [1, 1],
                    try lowerWinograd(node, sizes, geometry, bias: bias, isTurned: true)
                {
                    return true
                }
                let taps = row.taps.flatMap { y in column.taps.map { y * weights[3] + $0 } }
                let order = WeightOrder(
                    outputs: outputs, inputs: inputs, outputStep: plane,
                    inputStep: outputs * plane, taps: taps)
                parts.append(
                    ConvolutionStep.Part(
                        geometry: geometry, weights: try orderedWeights(node, order), bias: bias,
                        outputOffset: (row.first * transposed.shape[3] + column.first)
                            * Kernels.block))
            }
        }
        try appendConvolution(
            node, parts, images: input[0], inputImage: Self.count(input, .blocked) / input[0],
            outputImage: Self.count(transposed.shape, .blocked) / input[0],
            kernel: kernels.table.dense)
        return true
    }

    /// A transposed convolution of channels each by itself, as the gradient of a depthwise convolution's input.
    private mutating func lowerDepthwiseInput(
        _ node: Node, _ transposed: TransposedConvolution, _ input: Shape, _ weights: Shape
    ) throws(FathomError) -> Bool {
        let result = transposed.shape
        let taps = weights[2] * weights[3]
        let blocks = Kernels.blocks(input[1])
        let isStill =
            transposed.strides == [1, 1]
            && [0, 1].allSatisfy {
                (weights[$0 + 2] - 1) * transposed.dilations[$0] >= transposed.pads[$0]
            }
        // With stride 1 it is a convolution with the weights turned round, for which there is a quicker kernel.
        if isStill {
            let axes = (0..<2).map { axis in
                Window.Axis(
                    input: input[axis + 2], output: result[axis + 2], kernel: weights[axis + 2],
                    stride: 1, dilation: transposed.dilations[axis],
                    before: (weights[axis + 2] - 1) * transposed.dilations[axis]
                        - transposed.pads[axis], after: 0)
            }
            let sizes = ConvolutionSizes(
                images: input[0], inputChannels: input[1], outputChannels: input[1], rows: axes[0],
                columns: axes[1])
            let geometry = ConvolutionGeometry(
                sizes, isPlanar: false, isDepthwise: true, isOneRow: false,
                groupBlocks: Int(kernels.table.group_blocks))
            let packed = try depthwiseWeights(
                node, channels: input[1], taps: taps, isTurned: true)
            try appendConvolution(
                node,
                [
                    ConvolutionStep.Part(
                        geometry: geometry, weights: packed,
                        bias: try variableBias(node, channels: input[1]))
                ], images: input[0], inputImage: geometry.inputImage,
                outputImage: geometry.outputImage, kernel: kernels.table.depthwise)
            return true
        }
        let packed = try depthwiseWeights(node, channels: input[1], taps: taps)
        var conv = fathom_conv()
        (conv.input_height, conv.input_width) = (Int32(result[2]), Int32(result[3]))
        (conv.output_height, conv.output_width) = (Int32(input[2]), Int32(input[3]))
        (conv.kernel_height, conv.kernel_width) = (Int32(weights[2]), Int32(weights[3]))
        (conv.stride_y, conv.stride_x) = (
            Int32(transposed.strides[0]), Int32(transposed.strides[1])
        )
        (conv.dilation_y, conv.dilation_x) = (
            Int32(transposed.dilations[0]), Int32(transposed.dilations[1])
        )
        (conv.pad_top, conv.pad_left) = (Int32(transposed.pads[0]), Int32(transposed.pads[1]))
        conv.input_block = result[2] * result[3] * Kernels.block
        conv.output_block = input[2] * input[3] * Kernels.block
        let source = try operand(node.inputs[0], .blocked)
        let target = try self.result(node.outputs[0], .blocked)
        let gradients = GradientKernels(instructionSet)
        let (rows, rowsEach) = (result[2], max(1, 4096 / result[3]))
        let bands = (rows + rowsEach - 1) / rowsEach
        let shared = Shared(conv)
        append(
            PlannedStep(
                node: node.name, operation: node.operation, reads: [source, packed],
                writes: [target], worksInPlace: false
            ) { memory in
                var conv = shared.value
                conv.input = memory.readable(source)
                conv.output = memory.writable(target)
                conv.weights = memory.readable(packed)
                let bound = Shared(conv)
                return KernelStep(chunks: input[0] * blocks * bands) { chunk in
                    let (plane, band) = chunk.quotientAndRemainder(dividingBy: bands)
                    let (image, block) = plane.quotientAndRemainder(dividingBy: blocks)
                    var conv = bound.value
                    conv.input += image * blocks * conv.output_block
                    conv.output += image * blocks * conv.input_block
                    gradients.table.depthwise_input(
                        &conv, Int32(block), Int32(band * rowsEach),
                        Int32(min(rows, (band + 1) * rowsEach)))
                }
            })
        return true
    }

    /// A convolution's bias filled up to whole blocks; zeros where it has none.
    private mutating func variableBias(
        _ node: Node, channels: Int
    ) throws(FathomError) -> Place {
        let count = Kernels.blocks(channels) * Kernels.block
        guard node.inputs.count > 2, !node.inputs[2].isEmpty else {
            return .constant(Tensor(shape: [count]))
        }
        let source = try operand(node.inputs[2], .planar)
        guard channels < count else { return source }
        return packed(node, "Pack bias", source, count: count) { from, to, _ in
            to.update(from: from, count: channels)
            (to + channels).update(repeating: 0, count: count - channels)
        }
    }

    /// Weights of channels each by itself in the kernel's order.
    private mutating func depthwiseWeights(
        _ node: Node, channels: Int, taps: Int, isTurned: Bool = false
    ) throws(FathomError) -> Place {
        let source = try operand(node.inputs[1], .planar)
        let count = Kernels.blocks(channels) * taps * Kernels.block
        let gradients = GradientKernels(instructionSet)
        return packed(node, "Pack weights", source, count: count) { from, to, _ in
            gradients.table.pack_depthwise(
                from, Int32(channels), Int32(taps), isTurned ? 1 : 0, to)
        }
    }

    /// Where the weights of a dense convolution are found.
    struct WeightOrder: Sendable {
        let outputs: Int
        let inputs: Int
        let outputStep: Int
        let inputStep: Int
        let taps: [Int]
    }

    private mutating func orderedWeights(
        _ node: Node, _ order: WeightOrder
    ) throws(FathomError) -> Place {
        let source = try operand(node.inputs[1], .planar)
        let count = Kernels.blocks(order.outputs) * Kernels.block * order.taps.count * order.inputs
        let gradients = GradientKernels(instructionSet)
        let groupBlocks = kernels.table.group_blocks
        let group = Int(groupBlocks) * Kernels.block
        let taps = order.taps.map(Int32.init)
        let chunks = (order.outputs + group - 1) / group
        return packed(node, "Pack weights", source, count: max(count, 1), chunks: chunks) {
            from, to, chunk in
            taps.withUnsafeBufferPointer { taps in
                var request = fathom_weight_order(
                    weights: from, output_step: order.outputStep, input_step: order.inputStep,
                    taps: taps.baseAddress, tap_count: Int32(taps.count),
                    outputs: Int32(order.outputs), inputs: Int32(order.inputs), packed: to)
                gradients.table.pack(&request, groupBlocks, Int32(chunk), Int32(chunk + 1))
            }
        }
    }

    /// Adds a step that puts what changes from run to run in a kernel's order, and gives the place.
    mutating func packed(
        _ node: Node, _ operation: String, _ source: Place, count: Int, chunks: Int = 1,
        _ pack:
            @escaping @Sendable (UnsafePointer<Float>, UnsafeMutablePointer<Float>, Int) -> Void
    ) -> Place {
        let target = newBuffer(count)
        append(
            PlannedStep(
                node: node.name, operation: operation, reads: [source], writes: [target],
                worksInPlace: false
            ) { memory in
                let ends = Shared((memory.readable(source), memory.writable(target)))
                return KernelStep(chunks: chunks) { pack(ends.value.0, ends.value.1, $0) }
            })
        return .buffer(target)
    }
}
