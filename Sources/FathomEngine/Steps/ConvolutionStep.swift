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

extension Planner {
    /// Plans a convolution whose weights are constant and whose groups a kernel can do.
    mutating func lowerConvolution(_ operands: Operands<Fact>) throws(FathomError) -> Bool {
        let node = operands.node
        let convolution = try Convolution(operands)
        guard convolution.window.isWithinKernelRange else { return false }
        guard let weights = facts[node.inputs[1]]?.constant?.tensor else { return false }
        var bias: Tensor?
        if let fact = operands.optional(2) {
            guard let tensor = fact.constant?.tensor else { return false }
            bias = tensor
        }
        let isDepthwise =
            convolution.groups > 1 && convolution.groups == convolution.inputChannels
            && convolution.groups == convolution.outputChannels
        guard isDepthwise || convolution.groups == 1 else { return false }
        let name = node.inputs[0]
        // A picture of few channels is read as it is; reordering it would cost more than it saves.
        let isPlanar =
            !isDepthwise && layout(name) == .planar
            && convolution.inputChannels < Kernels.block
        let input = try operand(name, isPlanar ? .planar : .blocked)
        let residual = try node.inputs.count > 3 ? operand(node.inputs[3], .blocked) : nil
        let output = try result(node.outputs[0], .blocked)
        let packing = WeightPacking(convolution, weights: weights, bias: bias)
        let groupBlocks = Int(kernels.table.group_blocks)
        let packed = isDepthwise ? packing.depthwise() : packing.dense(groupBlocks: groupBlocks)
        let packedBias = packing.packedBias()
        let geometry = ConvolutionGeometry(
            convolution, isPlanar: isPlanar, isDepthwise: isDepthwise, groupBlocks: groupBlocks)
        let kernel = isDepthwise ? kernels.table.depthwise : kernels.table.dense
        guard let kernel else { return false }
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
                conv.weights = memory.readable(.constant(packed))
                conv.bias = memory.readable(.constant(packedBias))
                return ConvolutionStep(
                    conv: conv, regions: geometry.regions, images: geometry.images,
                    inputImage: geometry.inputImage, outputImage: geometry.outputImage,
                    kernel: kernel)
            })
        return true
    }
}
