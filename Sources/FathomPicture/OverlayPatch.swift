import CKernels
import FathomCore

/// A small partly transparent picture in the planes of an output format, ready to be blended.
struct OverlayPatch: Sendable {
    let width: Int
    let height: Int
    private let planes: [Plane]

    private struct Plane: Sendable {
        var width: Int
        var height: Int
        /// Code values of the output's bit depth.
        var values: [UInt16]
        /// 0…256.
        var shares: [UInt16]
    }

    /// Samples of a patch before chroma is thinned out.
    struct Canvas {
        let width: Int
        let height: Int
        let bitDepth: Int
        fileprivate var values: [[UInt16]]
        fileprivate var shares: [UInt16]

        /// A canvas covered by a dark plate through which the picture shimmers.
        init(width: Int, height: Int, bitDepth: Int) {
            self.width = width
            self.height = height
            self.bitDepth = bitDepth
            let step = UInt16(1 << (bitDepth - 8))
            values = [24 * step, 128 * step, 128 * step].map {
                [UInt16](repeating: $0, count: width * height)
            }
            shares = [UInt16](repeating: Self.plateShare, count: width * height)
        }

        private static let plateShare: UInt16 = 160

        /// Lays white over the plate where `coverage` (0…255) says so.
        mutating func draw(_ coverage: GlyphMask, x left: Int, y top: Int) {
            let white = 235 << (bitDepth - 8)
            for y in max(0, -top)..<max(min(coverage.height, height - top), max(0, -top)) {
                for x in max(0, -left)..<max(min(coverage.width, width - left), max(0, -left)) {
                    let ink = Int(coverage.samples[y * coverage.width + x])
                    if ink == 0 { continue }
                    let index = (y + top) * width + x + left
                    let under = Int(shares[index]) * (255 - ink) / 255
                    let over = 256 * ink / 255
                    values[0][index] = UInt16(
                        (Int(values[0][index]) * under + white * over) / (under + over))
                    shares[index] = UInt16(min(under + over, 256))
                }
            }
        }

        /// Covers one pixel with a packed colour.
        mutating func set(x: Int, y: Int, code: UInt32) {
            let index = y * width + x
            values[0][index] = UInt16(code & 1023)
            values[1][index] = UInt16(code >> 10 & 1023)
            values[2][index] = UInt16(code >> 20)
            shares[index] = 256
        }
    }

    /// A patch from a canvas, for pictures of a chroma sampling.
    init(_ canvas: Canvas, chroma: PictureFormat.Chroma) {
        width = canvas.width
        height = canvas.height
        let format = PictureFormat(
            width: canvas.width, height: canvas.height, chroma: chroma, bitDepth: canvas.bitDepth)
        let across = chroma == .c444 ? 1 : 2
        let down = chroma == .c420 ? 2 : 1
        planes = (0..<3).map { plane in
            if plane == 0 {
                return Plane(
                    width: canvas.width, height: canvas.height, values: canvas.values[0],
                    shares: canvas.shares)
            }
            var thin = Plane(
                width: format.planeWidth(plane), height: format.planeHeight(plane), values: [],
                shares: [])
            for y in 0..<thin.height {
                for x in 0..<thin.width {
                    var value = 0
                    var share = 0
                    for v in 0..<down {
                        for u in 0..<across {
                            let index =
                                min(y * down + v, canvas.height - 1) * canvas.width
                                + min(x * across + u, canvas.width - 1)
                            value += Int(canvas.values[plane][index]) * Int(canvas.shares[index])
                            share += Int(canvas.shares[index])
                        }
                    }
                    thin.values.append(UInt16(share == 0 ? 0 : (value + share / 2) / share))
                    thin.shares.append(UInt16(share / (across * down)))
                }
            }
            return thin
        }
    }

    /// Blends the patch with its upper left corner at (`x`, `y`), both even; what lies outside is left off.
    func blend(into picture: MutablePictureView, x: Int, y: Int) {
        let format = picture.format
        let bases = [picture.planes.0, picture.planes.1, picture.planes.2]
        let strides = [picture.strides.0, picture.strides.1, picture.strides.2]
        let kernels = fathom_paint().pointee
        for (index, plane) in planes.enumerated() {
            let left = index > 0 && format.chroma != .c444 ? x / 2 : x
            let top = index > 0 && format.chroma == .c420 ? y / 2 : y
            let count = min(plane.width, format.planeWidth(index) - left)
            let rows = min(plane.height, format.planeHeight(index) - top)
            guard count > 0, rows > 0, left >= 0, top >= 0 else { continue }
            plane.values.withUnsafeBufferPointer { values in
                plane.shares.withUnsafeBufferPointer { shares in
                    guard let values = values.baseAddress, let shares = shares.baseAddress else {
                        return
                    }
                    for row in 0..<rows {
                        let target =
                            bases[index] + (top + row) * strides[index]
                            + left * format.bytesPerSample
                        let from = row * plane.width
                        if format.bytesPerSample == 1 {
                            kernels.blend8(
                                target.assumingMemoryBound(to: UInt8.self), values + from,
                                shares + from, count)
                        } else {
                            kernels.blend16(
                                target.assumingMemoryBound(to: UInt16.self), values + from,
                                shares + from, count)
                        }
                    }
                }
            }
        }
    }
}
