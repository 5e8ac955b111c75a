import CFFmpeg
import FathomCore

/// Changes the size or the pixel format of pictures by libswscale; keeps one context for one pair of formats.
final class Scaler {
    /// What a scaler reads or writes.
    struct Side: Hashable {
        var width: Int
        var height: Int
        var format: AVPixelFormat
        var isFullRange = false
        /// Matrix of the Y′CbCr side where the other one is RGB.
        var isBT709 = true
    }

    private let context: OpaquePointer
    private let from: Side
    private let to: Side

    /// `kernel` is one of SWS_BICUBIC, SWS_BILINEAR, SWS_AREA.
    init(from: Side, to: Side, kernel: Int32 = SWS_BICUBIC) throws(FathomError) {
        self.from = from
        self.to = to
        let flags = kernel | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INP
        guard
            let context = sws_getContext(
                Int32(from.width), Int32(from.height), from.format, Int32(to.width),
                Int32(to.height), to.format, flags, nil, nil, nil)
        else {
            throw FathomError(
                operation: "convert", subject: "the video",
                cause:
                    "libswscale can't convert \(Self.name(from.format)) to \(Self.name(to.format))",
                remedy: "Convert it to H.264 with another program")
        }
        self.context = context
        let isBT709 = from.isBT709 && to.isBT709
        let table = sws_getCoefficients(isBT709 ? SWS_CS_ITU709 : SWS_CS_ITU601)
        // Equal tables on both sides: only RGB sides make use of the matrix.
        sws_setColorspaceDetails(
            context, table, from.isFullRange ? 1 : 0, table, to.isFullRange ? 1 : 0, 0, 1 << 16,
            1 << 16)
    }

    deinit { sws_freeContext(context) }

    /// Converts into planes that hold a picture of the `to` side.
    func scale(
        _ frame: UnsafePointer<AVFrame>,
        into planes: (
            UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<UInt8>?
        ),
        strides: (Int32, Int32, Int32)
    ) throws(FathomError) {
        var source: [UnsafePointer<UInt8>?] = [
            UnsafePointer(frame.pointee.data.0), UnsafePointer(frame.pointee.data.1),
            UnsafePointer(frame.pointee.data.2), UnsafePointer(frame.pointee.data.3),
        ]
        var sourceStrides = [
            frame.pointee.linesize.0, frame.pointee.linesize.1, frame.pointee.linesize.2,
            frame.pointee.linesize.3,
        ]
        var target = [planes.0, planes.1, planes.2, nil]
        var targetStrides = [strides.0, strides.1, strides.2, 0]
        let rows = sws_scale(
            context, &source, &sourceStrides, 0, Int32(from.height), &target, &targetStrides)
        guard rows == Int32(to.height) else {
            throw FathomError(
                operation: "convert", subject: "the video", cause: "libswscale failed on a frame")
        }
    }

    static func name(_ format: AVPixelFormat) -> String {
        av_get_pix_fmt_name(format).map { String(cString: $0) } ?? "an unknown format"
    }
}
