import CKernels
import FathomCore

/// Rows of a picture's brightness at the size at which depth is painted.
package final class GuideRows: @unchecked Sendable {
    // Sendable: nothing is written after `init`; callers bring a scratch of their own.

    private let source: PictureFormat
    private let width: Int
    private let height: Int
    private let across: ResamplingTable?
    private let down: ResamplingTable?

    /// Rows of pictures of a format, `width` × `height` of them.
    package init(source: PictureFormat, width: Int, height: Int) {
        self.source = source
        self.width = width
        self.height = height
        guard width != source.width || height != source.height else {
            (across, down) = (nil, nil)
            return
        }
        across = ResamplingTable(
            source: source.width, count: width, scale: Double(source.width) / Double(width))
        down = ResamplingTable(
            source: source.height, count: height, scale: Double(source.height) / Double(height))
    }

    /// A row that a thread needs for itself.
    package final class Scratch {
        fileprivate let row: UnsafeMutablePointer<Float>
        fileprivate init(width: Int) {
            row = .allocate(capacity: width)
            row.initialize(repeating: 0, count: width)
        }
        deinit { row.deallocate() }
    }

    /// A row for one thread.
    package func makeScratch() -> Scratch { Scratch(width: source.width) }

    /// Luma in 0…1 of row `y`.
    package func row(
        _ y: Int, of picture: PictureView, into out: UnsafeMutablePointer<Float>, scratch: Scratch
    ) {
        let step = Float(1 << (source.bitDepth - 8))
        let (base, stride) = (picture.planes.0, picture.strides.0)
        guard let across, let down else {
            let kernels = fathom_paint().pointee
            let row = base + y * stride
            if source.bytesPerSample == 1 {
                kernels.brightness8(
                    out, row.assumingMemoryBound(to: UInt8.self), 16 * step, 1 / (219 * step), width
                )
            } else {
                kernels.brightness16(
                    out, row.assumingMemoryBound(to: UInt16.self), 16 * step, 1 / (219 * step),
                    width)
            }
            return
        }
        let kernels = fathom_prepare().pointee
        let first = Int(down.first[y])
        down.weights.withUnsafeBufferPointer { weights in
            guard let weights = weights.baseAddress.map({ $0 + y * down.taps }) else { return }
            if source.bytesPerSample == 1 {
                let rows: [UnsafePointer<UInt8>?] = (0..<down.taps).map {
                    (base + (first + $0) * stride).assumingMemoryBound(to: UInt8.self)
                }
                kernels.columns8(scratch.row, rows, weights, down.taps, source.width)
            } else {
                let rows: [UnsafePointer<UInt16>?] = (0..<down.taps).map {
                    (base + (first + $0) * stride).assumingMemoryBound(to: UInt16.self)
                }
                kernels.columns16(scratch.row, rows, weights, down.taps, source.width)
            }
        }
        kernels.along(out, scratch.row, across.first, across.transposedWeights, across.taps, width)
        for x in 0..<width { out[x] = (out[x] - 16 * step) / (219 * step) }
    }
}
