import CFFmpeg
import FathomCore

/// Exact pictures from files and bytes and back, without the detour over video's Y′CbCr: what data sets are read by.
///
/// Pictures are as stored: no colour profile, no EXIF orientation, no linear light is applied.
public enum StillImage {
    /// A gray picture of 16 bits, such as depth in millimetres.
    public struct Gray16: Sendable {
        /// Pixels in a row.
        public let width: Int
        /// Rows.
        public let height: Int
        /// `width * height` samples, row by row from the top.
        public let samples: [UInt16]
    }

    /// The largest file that is read.
    private static let largestFile = 1 << 28

    /// Reads a PNG, JPEG, BMP, TIFF, WebP or PPM file as a 3×H×W tensor: red, green, blue in 0…1, an 8-bit sample as
    /// exactly its 255th part; gray is repeated, alpha ignored.
    public static func readColor(_ path: String) throws(FathomError) -> Tensor {
        try color(FileBytes.read(path, limit: largestFile), name: path)
    }

    /// As `readColor(_:)`, from a file's bytes; `name` is what errors call it.
    public static func color(_ bytes: [UInt8], name: String) throws(FathomError) -> Tensor {
        try StillDecoder.color(StillDecoder.decode(bytes, name: name), name: name)
    }

    /// Reads a gray picture of 8 or 16 bits with its samples as they are.
    public static func readGray16(_ path: String) throws(FathomError) -> Gray16 {
        let bytes = try FileBytes.read(path, limit: largestFile)
        return try StillDecoder.gray(StillDecoder.decode(bytes, name: path), name: path)
    }

    /// Width and height as the file's header says, without decoding it where it is a PNG.
    public static func size(_ path: String) throws(FathomError) -> (width: Int, height: Int) {
        let head = try FileBytes.read(path, offset: 0, count: 24)
        if head.starts(with: StillDecoder.pngMagic) {
            func side(_ at: Int) -> Int { head[at..<at + 4].reduce(0) { $0 << 8 | Int($1) } }
            let (width, height) = (side(16), side(20))
            try StillDecoder.checkSize(width, height, name: path)
            return (width, height)
        }
        let frame = try StillDecoder.decode(FileBytes.read(path, limit: largestFile), name: path)
        return (Int(frame.pointer.pointee.width), Int(frame.pointer.pointee.height))
    }

    /// Writes a 3×H×W tensor of 0…1 as an 8-bit PNG file; values are rounded, those outside are clamped.
    public static func writePNG(_ picture: Tensor, to path: String) throws(FathomError) {
        try writePNG(
            rgb: interleaved(picture), width: picture.shape[2], height: picture.shape[1], to: path)
    }

    /// Writes red, green, blue bytes, row by row, as an 8-bit PNG file.
    public static func writePNG(
        rgb: [UInt8], width: Int, height: Int, to path: String
    ) throws(FathomError) {
        let bytes = try png(rgb: rgb, width: width, height: height)
        let status: Result<Void, FathomError> = bytes.withUnsafeBytes { piece in
            do throws(FathomError) {
                try FileBytes.write(path, [piece])
                return .success(())
            } catch { return .failure(error) }
        }
        try status.get()
    }

    /// Red, green, blue bytes, row by row, as the bytes of an 8-bit PNG file.
    public static func png(
        rgb: [UInt8], width: Int, height: Int
    ) throws(FathomError) -> [UInt8] {
        let frame = try StillDecoder.frame(rgb, width, height)
        return try encoded(frame, AV_CODEC_ID_PNG, "PNG") { _ in }
    }

    /// What a 3×H×W picture looks like after it was a JPEG file; `quantizer` is FFmpeg's scale of 2 (best) to 31.
    public static func throughJPEG(
        _ picture: Tensor, quantizer: Int
    ) throws(FathomError) -> Tensor {
        MediaLog.install()
        let (width, height) = (picture.shape[2], picture.shape[1])
        let source = try StillDecoder.frame(interleaved(picture), width, height)
        let target = try FrameHandle()
        target.pointer.pointee.format = AV_PIX_FMT_YUVJ420P.rawValue
        target.pointer.pointee.width = Int32(width)
        target.pointer.pointee.height = Int32(height)
        guard av_frame_get_buffer(target.pointer, 0) >= 0 else { throw .outOfMemory("encode") }
        let scaler = try Scaler(
            from: Scaler.Side(
                width: width, height: height, format: AV_PIX_FMT_RGB24, isFullRange: true),
            to: Scaler.Side(
                width: width, height: height, format: AV_PIX_FMT_YUVJ420P, isFullRange: true,
                isBT709: false))
        let (planes, strides) = (target.pointer.pointee.data, target.pointer.pointee.linesize)
        try scaler.scale(
            source.pointer, into: (planes.0, planes.1, planes.2),
            strides: (strides.0, strides.1, strides.2))
        let quality = Int32(min(max(quantizer, 2), 31)) * FF_QP2LAMBDA
        target.pointer.pointee.quality = quality
        let bytes = try encoded(target, AV_CODEC_ID_MJPEG, "JPEG") { context in
            context.pointee.color_range = AVCOL_RANGE_JPEG
            context.pointee.flags |= AV_CODEC_FLAG_QSCALE
            context.pointee.global_quality = quality
        }
        return try color(bytes, name: "a picture in memory")
    }

    /// One picture through an encoder of still pictures.
    static func encoded(
        _ picture: FrameHandle, _ codec: AVCodecID, _ name: String,
        _ configure: (UnsafeMutablePointer<AVCodecContext>) -> Void
    ) throws(FathomError) -> [UInt8] {
        func failure(_ cause: String) -> FathomError {
            FathomError(operation: "encode", subject: "a picture as \(name)", cause: cause)
        }
        guard let encoder = avcodec_find_encoder(codec),
            let context = avcodec_alloc_context3(encoder)
        else { throw failure("the installed FFmpeg has no \(name) encoder") }
        defer {
            var context: UnsafeMutablePointer<AVCodecContext>? = context
            avcodec_free_context(&context)
        }
        context.pointee.width = picture.pointer.pointee.width
        context.pointee.height = picture.pointer.pointee.height
        context.pointee.pix_fmt = AVPixelFormat(picture.pointer.pointee.format)
        context.pointee.time_base = AVRational(num: 1, den: 25)
        context.pointee.thread_count = 1
        configure(context)
        let packet = try Packet(timeBase: context.pointee.time_base)
        guard avcodec_open2(context, encoder, nil) >= 0,
            avcodec_send_frame(context, picture.pointer) >= 0,
            avcodec_send_frame(context, nil) >= 0,
            avcodec_receive_packet(context, packet.pointer) >= 0, packet.size > 0
        else { throw failure("the \(name) encoder gave no picture") }
        return packet.bytes
    }

    /// A 3×H×W tensor as red, green, blue bytes.
    public static func interleaved(_ picture: Tensor) -> [UInt8] {
        precondition(picture.shape.rank == 3 && picture.shape[0] == 3, "a picture is 3×H×W")
        let plane = picture.shape[1] * picture.shape[2]
        return [UInt8](unsafeUninitializedCapacity: 3 * plane) { bytes, count in
            picture.withUnsafeBuffer { values in
                for pixel in 0..<plane {
                    for channel in 0..<3 {
                        let value = values[channel * plane + pixel] * 255 + 0.5
                        // NaN fails the first comparison and becomes black.
                        bytes[3 * pixel + channel] = value >= 0 ? UInt8(min(value, 255)) : 0
                    }
                }
            }
            count = 3 * plane
        }
    }

    /// Red, green, blue bytes as a 3×H×W tensor of 0…1.
    public static func planar(_ rgb: [UInt8], width: Int, height: Int) -> Tensor {
        precondition(rgb.count == 3 * width * height, "three bytes a pixel")
        let plane = width * height
        return Tensor(shape: [3, height, width]) { values in
            for pixel in 0..<plane {
                for channel in 0..<3 {
                    values[channel * plane + pixel] = Float(rgb[3 * pixel + channel]) / 255
                }
            }
        }
    }
}
