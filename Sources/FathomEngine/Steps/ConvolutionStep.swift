import CKernels
import FathomCore
import FathomGraph

/// Convolutions by a kernel of parts of one picture's channels or pixels; a chunk is a region of one part's output.
struct ConvolutionStep: Step, @unchecked Sendable {
    // Sendable: chunks write parts of the arena that do not overlap.

    /// A convolution before it has addresses.
    struct Part: Sendable {
        let geometry: ConvolutionGeometry
        /// Weights and bias in the kernel's order.
        let weights: Place
        let bias: Place
        /// Numbers from the beginning of a picture to what the part reads and writes of it.
        var inputOffset = 0
        var outputOffset = 0

        init(
            geometry: ConvolutionGeometry, weights: Place, bias: Place, inputOffset: Int = 0,
            outputOffset: Int = 0
        ) {
            self.geometry = geometry
            self.weights = weights
            self.bias = bias
            self.inputOffset = inputOffset
            self.outputOffset = outputOffset
        }

        init(
            geometry: ConvolutionGeometry, packed: PackedWeights, inputOffset: Int = 0,
            outputOffset: Int = 0
        ) {
            self.init(
                geometry: geometry, weights: .constant(packed.weights),
                bias: .constant(packed.bias), inputOffset: inputOffset, outputOffset: outputOffset)
        }

        /// The convolution of the first picture.
        func conv(
            _ memory: Memory, input: Place, output: Int, residual: Place? = nil
        ) -> fathom_conv {
            var conv = geometry.conv
            conv.input = memory.readable(input) + inputOffset
            conv.output = memory.writable(output) + outputOffset
            conv.residual = residual.map { memory.readable($0) + outputOffset }
            conv.weights = memory.readable(weights)
            conv.bias = memory.readable(bias)
            return conv
        }
    }

    typealias Kernel =
        @convention(c) (UnsafePointer<fathom_conv>?, UnsafePointer<fathom_region>?) -> Void

    private let convs: [fathom_conv]
    private let regions: [(part: Int, region: fathom_region)]
    private let kernel: Kernel
    private let inputImage: Int
    private let outputImage: Int
    let chunks: Int

    /// `convs` are those of `parts`; the images of input and output are so many numbers apart.
    init(
        _ parts: [Part], _ convs: [fathom_conv], images: Int, inputImage: Int, outputImage: Int,
        kernel: @escaping Kernel
    ) {
        self.convs = convs
        self.kernel = kernel
        self.inputImage = inputImage
        self.outputImage = outputImage
        regions = parts.enumerated().flatMap { index, part in
            part.geometry.regions.map { (index, $0) }
        }
        chunks = images * regions.count
    }

    func run(_ chunk: Int) {
        let (image, index) = chunk.quotientAndRemainder(dividingBy: regions.count)
        var conv = convs[regions[index].part]
        conv.input += image * inputImage
        conv.output += image * outputImage
        if let residual = conv.residual { conv.residual = residual + image * outputImage }
        var region = regions[index].region
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
    /// A convolution whose weights are constant, else nil.
    func constantConvolution(_ node: Node) throws(FathomError) -> ConstantConvolution? {
        let operands = Operands(
            node, node.inputs.map { facts[$0] }, operatorSet: graph.operatorSet)
        let convolution = try Convolution(operands)
        guard convolution.window.isWithinKernelRange,
            convolution.activation == nil || convolution.activationKernel != nil,
            let weights = operands.optional(1)?.constant?.tensor
        else { return nil }
        let bias = operands.optional(2)
        guard bias == nil || bias?.constant?.tensor != nil else { return nil }
        return ConstantConvolution(
            convolution: convolution, weights: weights, bias: bias?.constant?.tensor)
    }

    /// Plans a convolution with constant weights.
    mutating func lowerConvolution(_ node: Node) throws(FathomError) -> Bool {
        guard let source = try constantConvolution(node) else { return false }
        let (convolution, isDepthwise) = (source.convolution, source.isDepthwise)
        if convolution.groups > 1, !isDepthwise {
            return try lowerGroupedConvolution(node, source)
        }
        let name = node.inputs[0]
        // A picture of few channels is read as it is; reordering it would cost more than it saves.
        let isPlanar =
            !isDepthwise && layout(name) == .planar
            && convolution.inputChannels < Kernels.block
        let geometry = ConvolutionGeometry(
            convolution, isPlanar: isPlanar, isDepthwise: isDepthwise,
            groupBlocks: Int(kernels.table.group_blocks))
        if !isPlanar, try lowerWinograd(node, source, geometry) { return true }
        let packed = PackedWeights(source, kernels)
        try appendConvolution(
            node, [ConvolutionStep.Part(geometry: geometry, packed: packed)],
            isPlanar ? .planar : .blocked, images: geometry.images,
            inputImage: geometry.inputImage, outputImage: geometry.outputImage,
            kernel: isDepthwise ? kernels.table.depthwise : kernels.table.dense)
        return true
    }

    /// Adds a step that computes a node's output part by part.
    mutating func appendConvolution(
        _ node: Node, _ parts: [ConvolutionStep.Part], _ layout: Layout = .blocked, images: Int,
        inputImage: Int, outputImage: Int, kernel: @escaping ConvolutionStep.Kernel
    ) throws(FathomError) {
        let input = try operand(node.inputs[0], layout)
        let residual = try node.inputs.count > 3 ? operand(node.inputs[3], .blocked) : nil
        let output = try result(node.outputs[0], .blocked)
        append(
            PlannedStep(
                node: node.name, operation: node.operation,
                reads: [input] + (residual.map { [$0] } ?? [])
                    + parts.flatMap { [$0.weights, $0.bias] }, writes: [output],
                worksInPlace: false
            ) { memory in
                ConvolutionStep(
                    parts,
                    parts.map {
                        $0.conv(memory, input: input, output: output, residual: residual)
                    },
                    images: images, inputImage: inputImage, outputImage: outputImage,
                    kernel: kernel)
            })
    }
}
