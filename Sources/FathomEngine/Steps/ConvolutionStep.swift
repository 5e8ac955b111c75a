import CKernels
import FathomCore
import FathomGraph

/// A convolution by a kernel; a chunk is a region of the output.
struct ConvolutionStep: Step, @unchecked Sendable {
    // Sendable: chunks write parts of the arena that do not overlap.
    private let conv: fathom_conv
    private let regions: [fathom_region]
    private let kernel:
        @convention(c) (UnsafePointer<fathom_conv>?, UnsafePointer<fathom_region>?)
            -> Void
    private let inputImage: Int
    private let outputImage: Int
    let chunks: Int

    init(
        conv: fathom_conv, regions: [fathom_region], images: Int, inputImage: Int,
        outputImage: Int,
        kernel:
            @escaping @convention(c) (
                UnsafePointer<fathom_conv>?, UnsafePointer<fathom_region>?
            ) -> Void
    ) {
        self.conv = conv
        self.regions = regions
        self.kernel = kernel
        self.inputImage = inputImage
        self.outputImage = outputImage
        chunks = images * regions.count
    }

    func run(_ chunk: Int) {
        var conv = conv
        let image = chunk / regions.count
        conv.input += image * inputImage
        conv.output += image * outputImage
        if let residual = conv.residual { conv.residual = residual + image * outputImage }
        var region = regions[chunk % regions.count]
        kernel(&conv, &region)
    }
}

/// A convolution with what it takes to plan it.
struct ConstantConvolution {
    let convolution: Convolution
    let weights: Tensor
    let bias: Tensor?

    /// Whether every channel is by itself.
    var isDepthwise: Bool {
        convolution.groups > 1 && convolution.groups == convolution.inputChannels
            && convolution.groups == convolution.outputChannels
    }

    /// Whether pixels do not see each other.
    var isPointwise: Bool { convolution.groups == 1 && convolution.window.isPointwise }
}

extension Planner {
    /// A convolution whose weights are constant and whose groups a kernel can do, else nil.
    func constantConvolution(_ node: Node) throws(FathomError) -> ConstantConvolution? {
        let operands = Operands(
            node, node.inputs.map { facts[$0] }, operatorSet: graph.operatorSet)
        let convolution = try Convolution(operands)
        guard convolution.window.isWithinKernelRange,
            let weights = operands.optional(1)?.constant?.tensor
        else { return nil }
        let bias = operands.optional(2)
        guard bias == nil || bias?.constant?.tensor != nil else { return nil }
        let result = ConstantConvolution(
            convolution: convolution, weights: weights, bias: bias?.constant?.tensor)
        return result.isDepthwise || convolution.groups == 1 ? result : nil
    }

    /// Plans a convolution that a kernel can do.
    mutating func lowerConvolution(_ node: Node) throws(FathomError) -> Bool {
        guard let source = try constantConvolution(node) else { return false }
        let (convolution, isDepthwise) = (source.convolution, source.isDepthwise)
        let name = node.inputs[0]
        // A picture of few channels is read as it is; reordering it would cost more than it saves.
        let isPlanar =
            !isDepthwise && layout(name) == .planar
            && convolution.inputChannels < Kernels.block
        let input = try operand(name, isPlanar ? .planar : .blocked)
        let residual = try node.inputs.count > 3 ? operand(node.inputs[3], .blocked) : nil
        let output = try result(node.outputs[0], .blocked)
        let groupBlocks = Int(kernels.table.group_blocks)
        let geometry = ConvolutionGeometry(
            convolution, isPlanar: isPlanar, isDepthwise: isDepthwise, groupBlocks: groupBlocks)
        let kernels = kernels
        if !disabled.contains(WinogradStep.name), !isPlanar,
            let winograd = WinogradGeometry(source, groupBlocks: groupBlocks)
        {
            let packed = PackedWeights(source, tile: winograd.tile, kernels)
            let scratch = newBuffer(winograd.slots * winograd.slotCount)
            append(
                PlannedStep(
                    node: node.name, operation: "Winograd \(winograd.tile), \(node.operation)",
                    reads: [input] + (residual.map { [$0] } ?? []), writes: [output, scratch],
                    worksInPlace: false
                ) { memory in
                    var conv = geometry.conv
                    conv.input = memory.readable(input)
                    conv.output = memory.writable(output)
                    conv.residual = residual.map(memory.readable)
                    conv.weights = memory.readable(.constant(packed.weights))
                    conv.bias = memory.readable(.constant(packed.bias))
                    return WinogradStep(
                        conv, winograd, kernels: kernels, scratch: memory.writable(scratch))
                })
            return true
        }
        let packed = PackedWeights(source, groupBlocks: groupBlocks)
        append(
            PlannedStep(
                node: node.name, operation: node.operation,
                reads: [input] + (residual.map { [$0] } ?? []), writes: [output],
                worksInPlace: false
            ) { memory in
                var conv = geometry.conv
                conv.input = memory.readable(input)
                conv.output = memory.writable(output)
                conv.residual = residual.map(memory.readable)
                conv.weights = memory.readable(.constant(packed.weights))
                conv.bias = memory.readable(.constant(packed.bias))
                return ConvolutionStep(
                    conv: conv, regions: geometry.regions, images: geometry.images,
                    inputImage: geometry.inputImage, outputImage: geometry.outputImage,
                    kernel: isDepthwise ? kernels.table.depthwise : kernels.table.dense)
            })
        return true
    }
}
