import CKernels
import FathomCore

/// Turns canonical pictures of one format into a network's normalised RGB planes, in one pass over the rows.
///
/// BT.709 limited range Y′CbCr (8 or 10 bit, any chroma) → area average to the network's size → RGB clamped to
/// 0…1 → `(value - mean) / std`. Chroma is taken as left-sited where it is halved across (as H.264 and HEVC have it).
package final class PicturePreparer {
    /// The format that pictures must have.
    package let format: PictureFormat
    /// Width of the result.
    package let width: Int
    /// Height of the result.
    package let height: Int
    private let across: [ResamplingTable]
    private let down: [ResamplingTable]
    private var colour: fathom_prepare_colour
    private let sourceRow: UnsafeMutablePointer<Float>
    private let planeRows: UnsafeMutablePointer<Float>

    /// A preparer of pictures of `format` to `width` × `height`.
    package init(format: PictureFormat, width: Int, height: Int, mean: [Float], std: [Float]) {
        precondition(mean.count == 3 && std.count == 3, "RGB has three means and deviations")
        self.format = format
        self.width = width
        self.height = height
        let luma = (
            ResamplingTable(
                source: format.width, count: width, scale: Double(format.width) / Double(width)),
            ResamplingTable(
                source: format.height, count: height, scale: Double(format.height) / Double(height))
        )
        let halvedAcross = format.chroma != .c444
        let halvedDown = format.chroma == .c420
        let chroma = (
            ResamplingTable(
                source: format.planeWidth(1), count: width,
                scale: Double(format.width) / Double(width) / (halvedAcross ? 2 : 1),
                offset: halvedAcross ? 0.25 : 0),
            ResamplingTable(
                source: format.planeHeight(1), count: height,
                scale: Double(format.height) / Double(height) / (halvedDown ? 2 : 1))
        )
        across = [luma.0, chroma.0, chroma.0]
        down = [luma.1, chroma.1, chroma.1]
        let step = Float(1 << (format.bitDepth - 8))
        colour = fathom_prepare_colour(
            luma_offset: 16 * step, luma_scale: 1 / (219 * step), chroma_offset: 128 * step,
            chroma_scale: 1 / (224 * step), red_v: 1.5748, green_u: -0.187324, green_v: -0.468124,
            blue_u: 1.8556, mean: (mean[0], mean[1], mean[2]),
            inverse_deviation: (1 / std[0], 1 / std[1], 1 / std[2]))
        sourceRow = .allocate(capacity: format.width)
        planeRows = .allocate(capacity: 3 * width)
    }

    deinit {
        sourceRow.deallocate()
        planeRows.deallocate()
    }

    /// Prepares one picture.
    ///
    /// - Parameters:
    ///   - planes: first sample of the red plane at the picture's top left; `planeStride` floats further the
    ///     green one, then the blue one; rows are `rowStride` floats apart. Holds all of `height` rows.
    ///   - brightness: `width * height` floats for luma in 0…1.
    package func prepare(
        _ picture: PictureView, planes: UnsafeMutablePointer<Float>, rowStride: Int,
        planeStride: Int,
        brightness: UnsafeMutablePointer<Float>
    ) {
        precondition(picture.format == format, "the preparer was made for another format")
        let kernels = fathom_prepare().pointee
        let bases = [picture.planes.0, picture.planes.1, picture.planes.2]
        let strides = [picture.strides.0, picture.strides.1, picture.strides.2]
        for y in 0..<height {
            for plane in 0..<3 {
                resample(
                    plane: plane, base: bases[plane], stride: strides[plane], y: y,
                    into: planeRows + plane * width, kernels: kernels)
            }
            let out = planes + y * rowStride
            kernels.colour(
                out, out + planeStride, out + 2 * planeStride, brightness + y * width, planeRows,
                planeRows + width, planeRows + 2 * width, &colour, width)
        }
    }

    private func resample(
        plane: Int, base: UnsafeRawPointer, stride: Int, y: Int,
        into row: UnsafeMutablePointer<Float>,
        kernels: fathom_prepare_kernels
    ) {
        let down = down[plane]
        let across = across[plane]
        let first = Int(down.first[y])
        let sourceWidth = format.planeWidth(plane)
        withUnsafeTemporaryAllocation(of: UnsafeRawPointer.self, capacity: down.taps) { rows in
            for k in 0..<down.taps { rows[k] = base + (first + k) * stride }
            down.weights.withUnsafeBufferPointer { weights in
                guard let rowsBase = rows.baseAddress, let weightsBase = weights.baseAddress else {
                    return
                }
                let rowWeights = weightsBase + y * down.taps
                if format.bytesPerSample == 1 {
                    rowsBase.withMemoryRebound(
                        to: UnsafePointer<UInt8>?.self, capacity: down.taps
                    ) {
                        kernels.columns8(sourceRow, $0, rowWeights, down.taps, sourceWidth)
                    }
                } else {
                    rowsBase.withMemoryRebound(
                        to: UnsafePointer<UInt16>?.self, capacity: down.taps
                    ) {
                        kernels.columns16(sourceRow, $0, rowWeights, down.taps, sourceWidth)
                    }
                }
            }
        }
        kernels.along(
            row, sourceRow, across.first, across.transposedWeights, across.taps, across.count)
    }
}
