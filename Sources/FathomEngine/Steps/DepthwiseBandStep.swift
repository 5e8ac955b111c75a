import CKernels
import FathomCore
import FathomGraph

/// A depthwise convolution, and with it the pointwise one or the interpolation before it and the pointwise one
/// behind it, strip by strip. A chunk is a strip of rows, of a group of channels where nothing follows.
struct DepthwiseBandStep: Step, @unchecked Sendable {
    // Sendable: chunks write parts of the output that do not overlap, and scratch memory of a slot they hold.

    /// A convolution, and the numbers from picture to picture.
    struct Part {
        var conv: fathom_conv
        let inputImage: Int
        let outputImage: Int

        /// The convolution of one picture.
        func image(_ index: Int) -> fathom_conv {
            var conv = conv
            conv.input += index * inputImage
            conv.output += index * outputImage
            if let residual = conv.residual { conv.residual = residual + index * outputImage }
            return conv
        }
    }

    let band: DepthwiseBand
    /// The pointwise convolution before.
    let expansion: Part?
    /// The interpolation before, and its input.
    let resize: (resizer: RowResizer, input: UnsafePointer<Float>)?
    let depthwise: Part
    /// The pointwise convolution behind.
    let projection: Part?
    let kernels: Kernels
    let slots: ScratchSlots

    var chunks: Int { band.chunks }

    func run(_ chunk: Int) {
        let groups = band.isProjected ? 1 : band.groups
        let strip = chunk / groups % band.strips
        let image = chunk / (groups * band.strips)
        let rows = band.rows(strip)
        guard !rows.output.isEmpty else { return }
        slots.withSlot { slot in
            if band.isProjected {
                for group in 0..<band.groups { convolve(group, rows, image, slot) }
                project(rows.output, image, slot)
            } else {
                convolve(chunk % groups, rows, image, slot)
            }
        }
    }

    /// The depthwise convolution of a group of channels, and what is before it.
    private func convolve(
        _ group: Int, _ rows: (output: Range<Int>, input: Range<Int>), _ image: Int,
        _ slot: UnsafeMutablePointer<Float>
    ) {
        let firstBlock = group * band.groupBlocks
        let lastBlock = min(firstBlock + band.groupBlocks, band.blocks)
        let window = band.window
        var conv = depthwise.image(image)
        if band.source != .picture {
            // Where the whole picture would begin if the strip's part of it lies in the slot.
            let row = window.columns.input * Kernels.block
            let origin = slot - firstBlock * band.inputBlock - rows.input.lowerBound * row
            prepare(rows.input, image, firstBlock..<lastBlock, origin, slot)
            conv.input = UnsafePointer(origin)
            conv.input_block = band.inputBlock
        }
        if band.isProjected {
            conv.output = strip(rows.output, slot)
            conv.output_block = band.outputBlock
        }
        var region = fathom_region(
            first_row: Int32(rows.output.lowerBound), last_row: Int32(rows.output.upperBound),
            first_column: 0, last_column: Int32(window.columns.output),
            first_block: Int32(firstBlock), last_block: Int32(lastBlock))
        kernels.table.depthwise(&conv, &region)
    }

    /// Where the whole depthwise output would begin if the strip's part of it lies in the slot.
    private func strip(
        _ rows: Range<Int>, _ slot: UnsafeMutablePointer<Float>
    ) -> UnsafeMutablePointer<Float> {
        slot + band.outputStart
            - rows.lowerBound * band.window.columns.output * Kernels.block
    }

    /// Computes the rows of some blocks that the depthwise convolution reads.
    private func prepare(
        _ rows: Range<Int>, _ image: Int, _ blocks: Range<Int>,
        _ origin: UnsafeMutablePointer<Float>, _ slot: UnsafeMutablePointer<Float>
    ) {
        if let expansion {
            var conv = expansion.image(image)
            conv.output = origin
            conv.output_block = band.inputBlock
            var pixels = pixels(rows, width: band.window.columns.input, blocks)
            kernels.table.dense(&conv, &pixels)
        } else if let (resizer, input) = resize {
            for block in blocks {
                resizer.run(
                    input + (image * band.blocks + block) * resizer.inputPlane,
                    origin + block * band.inputBlock, rows: rows,
                    scratch: slot + band.sourceStart)
            }
        }
    }

    private func project(
        _ rows: Range<Int>, _ image: Int, _ slot: UnsafeMutablePointer<Float>
    ) {
        guard let projection else { return }
        var conv = projection.image(image)
        conv.input = UnsafePointer(strip(rows, slot))
        conv.input_block = band.outputBlock
        let blocks = Int(projection.outputImage / Int(conv.output_block))
        var pixels = pixels(rows, width: band.window.columns.output, 0..<blocks)
        kernels.table.dense(&conv, &pixels)
    }

    /// Rows of a picture as a pointwise convolution sees them: a run of one long row.
    private func pixels(_ rows: Range<Int>, width: Int, _ blocks: Range<Int>) -> fathom_region {
        fathom_region(
            first_row: 0, last_row: 1, first_column: Int32(rows.lowerBound * width),
            last_column: Int32(rows.upperBound * width), first_block: Int32(blocks.lowerBound),
            last_block: Int32(blocks.upperBound))
    }
}
