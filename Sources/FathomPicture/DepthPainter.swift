import CKernels
import FathomCore
import FathomDepth

/// Paints coloured depth into a rectangle of an output picture.
final class DepthPainter: @unchecked Sendable {
    // Sendable: bands write different rows, each with a scratch of its own; nothing else is written meanwhile.

    private let plan: LayoutPlan
    private let table: ColorTable
    private let upsampler: GuidedUpsampler
    private let guide: GuideRows
    private var scratches: [Scratch] = []

    /// Rows of chroma that one piece of work covers.
    private static let bandRows = 32

    init(
        source: PictureFormat, plan: LayoutPlan, table: ColorTable, upsampling: UpsamplingMethod
    ) {
        self.plan = plan
        self.table = table
        upsampler = GuidedUpsampler(
            method: upsampling, width: plan.depth.width, height: plan.depth.height)
        guide = GuideRows(source: source, width: plan.depth.width, height: plan.depth.height)
    }

    /// Rows that one band needs for itself.
    private final class Scratch {
        let upsampler: GuidedUpsampler.Scratch
        let guide: GuideRows.Scratch
        let brightness: UnsafeMutablePointer<Float>
        let depth: UnsafeMutablePointer<Float>
        /// Two rows of packed colours, from the even pixel at or before the rectangle's left edge.
        let colours: UnsafeMutablePointer<UInt32>
        let colourStride: Int

        init(upsampler: GuidedUpsampler.Scratch, guide: GuideRows.Scratch, width: Int) {
            self.upsampler = upsampler
            self.guide = guide
            colourStride = width + 4
            brightness = .allocate(capacity: width)
            depth = .allocate(capacity: width)
            colours = .allocate(capacity: 2 * colourStride)
            brightness.initialize(repeating: 0, count: width)
            depth.initialize(repeating: 0, count: width)
            colours.initialize(repeating: 0, count: 2 * colourStride)
        }

        deinit {
            brightness.deallocate()
            depth.deallocate()
            colours.deallocate()
        }
    }

    /// Source and output for the length of one call.
    private struct Pictures: @unchecked Sendable {
        // Sendable: the source is only read, and bands write different rows of the output.
        let source: PictureView
        let output: MutablePictureView
    }

    func paint(
        source: PictureView, depth: DepthMap, range: DepthRange, into output: MutablePictureView,
        pool: WorkerPool?
    ) {
        upsampler.load(depth)
        let rect = plan.depth
        let placement = ColorTable.placement(kind: depth.kind, range: range)
        let down = output.format.chroma == .c420 ? 2 : 1
        let first = rect.y / down
        let last = (rect.y + rect.height - 1) / down
        let bands = (last - first) / Self.bandRows + 1
        prepareScratches(bands)
        let pictures = Pictures(source: source, output: output)
        @Sendable func paintBand(_ band: Int) {
            let from = first + band * Self.bandRows
            for row in from...min(from + Self.bandRows - 1, last) {
                paintChromaRow(
                    row, down: down, source: pictures.source, placement: placement,
                    into: pictures.output, scratch: scratches[band])
            }
        }
        if let pool {
            pool.run(chunks: bands, paintBand)
        } else {
            for band in 0..<bands { paintBand(band) }
        }
    }

    private func prepareScratches(_ count: Int) {
        if let first = scratches.first, !upsampler.fits(first.upsampler) { scratches = [] }
        while scratches.count < count {
            scratches.append(
                Scratch(
                    upsampler: upsampler.makeScratch(), guide: guide.makeScratch(),
                    width: plan.depth.width))
        }
    }

    /// One row of chroma and the rows of luma that belong to it.
    private func paintChromaRow(
        _ row: Int, down: Int, source: PictureView, placement: (origin: Float, scale: Float),
        into output: MutablePictureView, scratch: Scratch
    ) {
        let rect = plan.depth
        let format = output.format
        let kernels = fathom_paint().pointee
        let step = format.chroma == .c444 ? 1 : 2
        // Where chroma begins left of the rectangle its sample is shared with what is there already.
        let lead = rect.x % step
        let chromaX = rect.x / step
        let chromaCount = (rect.x + rect.width - 1) / step - chromaX + 1
        let cb = samples(output.planes.1, output.strides.1, chromaX, row, format)
        let cr = samples(output.planes.2, output.strides.2, chromaX, row, format)
        for line in 0..<down {
            let y = row * down + line
            let colours = scratch.colours + line * scratch.colourStride
            guard (rect.y..<(rect.y + rect.height)).contains(y) else {
                if y < rect.y { unpainted(cb, cr, step, chromaCount, format, colours) }
                continue
            }
            if lead > 0 { unpainted(cb, cr, step, 1, format, colours) }
            guide.row(y - rect.y, of: source, into: scratch.brightness, scratch: scratch.guide)
            upsampler.row(
                y - rect.y, brightness: scratch.brightness, into: scratch.depth,
                scratch: scratch.upsampler)
            kernels.colours(
                colours + lead, scratch.depth, table.codes, placement.origin, placement.scale,
                table.codes.count, rect.width)
            colours[lead + rect.width] = colours[lead + rect.width - 1]
            let luma = samples(output.planes.0, output.strides.0, rect.x, y, format)
            if format.bytesPerSample == 1 {
                kernels.luma8(
                    luma.assumingMemoryBound(to: UInt8.self), colours + lead,
                    Int32(plan.depthShare), rect.width)
            } else {
                kernels.luma16(
                    luma.assumingMemoryBound(to: UInt16.self), colours + lead,
                    Int32(plan.depthShare), rect.width)
            }
        }
        // The picture's last row may have no partner.
        let isPaired = down == 2 && row * 2 + 1 < rect.y + rect.height
        let below = scratch.colours + (isPaired ? scratch.colourStride : 0)
        if format.bytesPerSample == 1 {
            kernels.chroma8(
                cb.assumingMemoryBound(to: UInt8.self), cr.assumingMemoryBound(to: UInt8.self),
                scratch.colours, below, step, Int32(plan.depthShare), chromaCount)
        } else {
            kernels.chroma16(
                cb.assumingMemoryBound(to: UInt16.self), cr.assumingMemoryBound(to: UInt16.self),
                scratch.colours, below, step, Int32(plan.depthShare), chromaCount)
        }
    }

    private func samples(
        _ plane: UnsafeMutableRawPointer, _ stride: Int, _ x: Int, _ y: Int, _ format: PictureFormat
    ) -> UnsafeMutableRawPointer {
        plane + y * stride + x * format.bytesPerSample
    }

    /// Fills colours with the chroma that the picture has already.
    private func unpainted(
        _ cb: UnsafeMutableRawPointer, _ cr: UnsafeMutableRawPointer, _ step: Int, _ count: Int,
        _ format: PictureFormat, _ colours: UnsafeMutablePointer<UInt32>
    ) {
        func value(_ plane: UnsafeMutableRawPointer, _ x: Int) -> UInt32 {
            format.bytesPerSample == 1
                ? UInt32(plane.load(fromByteOffset: x, as: UInt8.self))
                : UInt32(plane.load(fromByteOffset: 2 * x, as: UInt16.self))
        }
        for x in 0..<count {
            let packed = value(cb, x) << 10 | value(cr, x) << 20
            for k in 0..<step { colours[x * step + k] = packed }
        }
    }
}
