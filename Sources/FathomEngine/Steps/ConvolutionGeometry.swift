import CKernels
import FathomCore
import FathomGraph

extension Window {
    /// Whether positions within the padded input fit the 32 bits in which kernels count.
    var isWithinKernelRange: Bool {
        [rows, columns].allSatisfy { $0.input + $0.before + $0.after < 1 << 30 }
    }

    /// Whether each output sees the one input in its place.
    var isPointwise: Bool { rows.isPointwise && columns.isPointwise }
}

extension Window.Axis {
    fileprivate var isPointwise: Bool {
        kernel == 1 && stride == 1 && before == 0 && after == 0
    }
}

extension Convolution {
    /// The kernel of what is applied to the output, nil where there is none.
    var activationKernel: UnaryKernel? {
        guard let activation else { return nil }
        let operands = Operands(
            activation, [Fact(outputShape)], operatorSet: Graph.newestOperatorSet)
        return (try? UnaryKernel(operands)) ?? nil
    }
}

/// What decides about the work of a convolution.
struct ConvolutionSizes {
    var images: Int
    var inputChannels: Int
    var outputChannels: Int
    var rows: Window.Axis
    var columns: Window.Axis
    /// Limits of the output.
    var minimum: Float = -.infinity
    var maximum: Float = .infinity
    /// What is applied to the output.
    var activation: UnaryKernel?

    init(_ convolution: Convolution) {
        images = convolution.outputShape[0]
        inputChannels = convolution.inputChannels
        outputChannels = convolution.outputChannels
        rows = convolution.window.rows
        columns = convolution.window.columns
        minimum = convolution.minimum
        maximum = convolution.maximum
        activation = convolution.activationKernel
    }

    init(
        images: Int, inputChannels: Int, outputChannels: Int, rows: Window.Axis,
        columns: Window.Axis
    ) {
        self.images = images
        self.inputChannels = inputChannels
        self.outputChannels = outputChannels
        self.rows = rows
        self.columns = columns
    }

    /// Taps of the window.
    var taps: Int { rows.kernel * columns.kernel }
}

/// The sizes of a convolution as its kernel wants them, and the regions that its work is cut into.
struct ConvolutionGeometry: @unchecked Sendable {
    // Sendable: the pointers in `conv` are not set here.
    private(set) var conv: fathom_conv
    let regions: [fathom_region]
    let images: Int
    /// Numbers from picture to picture.
    let inputImage: Int
    let outputImage: Int

    /// Numbers of input that a region should stay within, so that they are still in the second-level cache when
    /// the next group of output channels reads them.
    private static let regionInput = 48 * 1024
    /// Pixels that a depthwise region should have.
    private static let depthwisePixels = 4096
    /// Fewer regions than this are cut further, between groups of output channels.
    private static let fewestRegions = 8
    /// The longest tile of any kernel: regions are whole tiles.
    private static let tile = 12

    init(_ convolution: Convolution, isPlanar: Bool, isDepthwise: Bool, groupBlocks: Int) {
        self.init(
            ConvolutionSizes(convolution), isPlanar: isPlanar, isDepthwise: isDepthwise,
            isOneRow: convolution.window.isPointwise, groupBlocks: groupBlocks)
    }

    /// `isOneRow` says that pixels do not see each other and may be taken for one long row.
    init(
        _ sizes: ConvolutionSizes, isPlanar: Bool, isDepthwise: Bool, isOneRow: Bool,
        groupBlocks: Int
    ) {
        var (rows, columns) = (sizes.rows, sizes.columns)
        if isOneRow {
            columns.input *= rows.input
            columns.output = columns.input
            rows.input = 1
            rows.output = 1
        }
        let lanes = isPlanar ? 1 : Kernels.block
        let plane = rows.input * columns.input
        let outputPlane = rows.output * columns.output
        let blocks = Kernels.blocks(sizes.outputChannels)
        images = sizes.images
        inputImage =
            isPlanar
            ? sizes.inputChannels * plane
            : Kernels.blocks(sizes.inputChannels) * Kernels.block * plane
        outputImage = blocks * Kernels.block * outputPlane
        var conv = fathom_conv()
        conv.input_height = Int32(rows.input)
        conv.input_width = Int32(columns.input)
        conv.output_height = Int32(rows.output)
        conv.output_width = Int32(columns.output)
        conv.kernel_height = Int32(rows.kernel)
        conv.kernel_width = Int32(columns.kernel)
        conv.stride_y = Int32(rows.stride)
        conv.stride_x = Int32(columns.stride)
        conv.dilation_y = Int32(rows.dilation)
        conv.dilation_x = Int32(columns.dilation)
        conv.pad_top = Int32(rows.before)
        conv.pad_left = Int32(columns.before)
        conv.input_channels = Int32(sizes.inputChannels)
        conv.input_lanes = Int32(lanes)
        conv.input_row = columns.input * lanes
        conv.input_block = plane * lanes
        conv.output_block = outputPlane * Kernels.block
        conv.output_row = columns.output * Kernels.block
        conv.output_pixel = Kernels.block
        conv.minimum = sizes.minimum
        conv.maximum = sizes.maximum
        if let activation = sizes.activation {
            conv.activation = activation.function
            (conv.alpha, conv.beta) = (activation.a, activation.b)
        }
        self.conv = conv

        var rowsEach = rows.output
        var columnsEach = columns.output
        var blocksEach = isDepthwise ? 1 : blocks
        if isDepthwise {
            rowsEach = max(1, min(rows.output, Self.depthwisePixels / columns.output))
        } else if isOneRow {
            let pixels = Self.regionInput / sizes.inputChannels / Self.tile * Self.tile
            columnsEach = max(4 * Self.tile, pixels)
        } else {
            let row = sizes.inputChannels * columns.input * rows.stride
            rowsEach = max(1, min(rows.output, Self.regionInput / row))
        }
        let parts =
            Self.parts(rows.output, rowsEach).count * Self.parts(columns.output, columnsEach).count
        if !isDepthwise, parts < Self.fewestRegions {
            let groups = (blocks + groupBlocks - 1) / groupBlocks
            let cuts = min(groups, (Self.fewestRegions + parts - 1) / parts)
            blocksEach = (groups + cuts - 1) / cuts * groupBlocks
        }
        var regions: [fathom_region] = []
        for row in Self.parts(rows.output, rowsEach) {
            for column in Self.parts(columns.output, columnsEach) {
                for block in Self.parts(blocks, blocksEach) {
                    regions.append(
                        fathom_region(
                            first_row: Int32(row.lowerBound), last_row: Int32(row.upperBound),
                            first_column: Int32(column.lowerBound),
                            last_column: Int32(column.upperBound),
                            first_block: Int32(block.lowerBound),
                            last_block: Int32(block.upperBound)))
                }
            }
        }
        self.regions = regions
    }

    /// Lets the outputs lie `rows` rows and `columns` columns apart in a picture of `height` by `width` pixels.
    mutating func spreadOutput(rows: Int, columns: Int, height: Int, width: Int) {
        conv.output_row = rows * width * Kernels.block
        conv.output_pixel = columns * Kernels.block
        conv.output_block = height * width * Kernels.block
    }

    /// Of the kernel for few output channels: as that of a dense one, but the output is planar and the regions' blocks
    /// are channels.
    init(narrow convolution: Convolution) {
        let dense = ConvolutionGeometry(
            convolution, isPlanar: false, isDepthwise: false, groupBlocks: 1)
        var conv = dense.conv
        conv.output_block /= Kernels.block
        self.conv = conv
        regions = dense.regions.map { region in
            var region = region
            region.last_block = Int32(convolution.outputChannels)
            return region
        }
        images = dense.images
        inputImage = dense.inputImage
        outputImage = convolution.outputChannels * conv.output_block
    }

    /// 0..<`count` in pieces of `size`, the last one shorter.
    private static func parts(_ count: Int, _ size: Int) -> [Range<Int>] {
        stride(from: 0, to: count, by: max(size, 1)).map { $0..<min($0 + size, count) }
    }
}
