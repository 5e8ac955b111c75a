import CFFmpeg
import CVideo4Linux
import FathomCore

/// A pixel format of a camera that Fathom can take.
struct CameraFormat: Hashable, Sendable {
    /// The kernel's four-letter code.
    let code: UInt32
    /// FFmpeg's name, which is Fathom's, too: `yuyv422`, `mjpeg`.
    let name: String
    /// The planes; none where pictures are compressed.
    let planes: [Plane]
    /// How much a picture of this format is disliked: for what is lost or has to be computed.
    let penalty: Double

    /// One plane of a picture.
    struct Plane: Hashable, Sendable {
        /// Bytes for as many pixels across as `across` says.
        let bytes: Int
        /// Pixels across that `bytes` are for.
        let across: Int
        /// Lines of the picture for one line of the plane.
        let down: Int
        /// The plane's stride is the picture's divided by this.
        let strideDivisor: Int

        init(_ bytes: Int, across: Int = 1, down: Int = 1, strideDivisor: Int = 1) {
            self.bytes = bytes
            self.across = across
            self.down = down
            self.strideDivisor = strideDivisor
        }
    }

    /// Whether its pictures are compressed.
    var isCompressed: Bool { planes.isEmpty }

    /// All that Fathom takes.
    static let all: [CameraFormat] = {
        func packed(_ code: UInt32, _ name: String, _ bytes: Int, _ penalty: Double) -> CameraFormat
        {
            CameraFormat(code: code, name: name, planes: [Plane(bytes)], penalty: penalty)
        }
        let chroma420 = [Plane(1), Plane(2, across: 2, down: 2)]
        return [
            packed(fathom_v4l2_format_yuyv, "yuyv422", 2, 0),
            packed(fathom_v4l2_format_uyvy, "uyvy422", 2, 0),
            packed(fathom_v4l2_format_yvyu, "yvyu422", 2, 0),
            CameraFormat(
                code: fathom_v4l2_format_nv12, name: "nv12", planes: chroma420, penalty: 0),
            CameraFormat(
                code: fathom_v4l2_format_nv21, name: "nv21", planes: chroma420, penalty: 0),
            CameraFormat(
                code: fathom_v4l2_format_nv16, name: "nv16",
                planes: [Plane(1), Plane(2, across: 2)], penalty: 0),
            CameraFormat(
                code: fathom_v4l2_format_yuv420, name: "yuv420p",
                planes: [Plane(1)]
                    + [Plane](
                        repeating: Plane(1, across: 2, down: 2, strideDivisor: 2), count: 2),
                penalty: 0),
            CameraFormat(
                code: fathom_v4l2_format_yuv422p, name: "yuv422p",
                planes: [Plane(1)]
                    + [Plane](repeating: Plane(1, across: 2, strideDivisor: 2), count: 2),
                penalty: 0),
            CameraFormat(
                code: fathom_v4l2_format_mjpeg, name: "mjpeg", planes: [], penalty: 0.05),
            CameraFormat(
                code: fathom_v4l2_format_jpeg, name: "mjpeg", planes: [], penalty: 0.06),
            packed(fathom_v4l2_format_rgb24, "rgb24", 3, 0.1),
            packed(fathom_v4l2_format_bgr24, "bgr24", 3, 0.1),
            packed(fathom_v4l2_format_xbgr32, "bgr0", 4, 0.1),
            packed(fathom_v4l2_format_grey, "gray", 1, 4),
            packed(fathom_v4l2_format_y10, "gray10le", 2, 4.1),
            packed(fathom_v4l2_format_y12, "gray12le", 2, 4.1),
            packed(fathom_v4l2_format_y16, "gray16le", 2, 4.1),
        ]
    }()

    /// The format of a kernel's code.
    static func known(_ code: UInt32) -> CameraFormat? { all.first { $0.code == code } }

    /// Whether a person's word means this format: FFmpeg's name or the four letters, in any case.
    func isCalled(_ word: String) -> Bool {
        let word = word.lowercased()
        return name == word || tagText(code).lowercased().filter { $0 != " " } == word
    }

    /// Where the lines of a picture are in a camera's buffer.
    struct Layout {
        /// A plane's lines: offset of the first, bytes from one to the next, bytes that count, how many.
        let planes: [(offset: Int, stride: Int, bytes: Int, lines: Int)]
        /// Bytes of a picture without anything between the lines.
        let packedBytes: Int
        /// Bytes of the buffer up to the last byte that counts.
        let bufferBytes: Int
    }

    /// The layout of pictures of this size, with `stride` bytes from line to line of the first plane; `nil` for sizes and
    /// strides that can't be meant.
    func layout(width: Int, height: Int, stride: Int) -> Layout? {
        guard !isCompressed, (1...InputContext.maximumSide).contains(width),
            (1...InputContext.maximumSide).contains(height),
            width * height <= InputContext.maximumPixels, stride <= 1 << 20
        else { return nil }
        var planes: [(offset: Int, stride: Int, bytes: Int, lines: Int)] = []
        var offset = 0
        var packed = 0
        var end = 0
        for plane in self.planes {
            let bytes = (width + plane.across - 1) / plane.across * plane.bytes
            let lines = (height + plane.down - 1) / plane.down
            // Drivers that know of no padding give 0.
            let lineStride = stride == 0 ? bytes : stride / plane.strideDivisor
            guard lineStride >= bytes else { return nil }
            planes.append((offset, lineStride, bytes, lines))
            end = offset + lineStride * (lines - 1) + bytes
            offset += lineStride * lines
            packed += bytes * lines
        }
        return Layout(planes: planes, packedBytes: packed, bufferBytes: end)
    }
}
