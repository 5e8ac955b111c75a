import CFFmpeg
import FathomCore

/// The decoding half of `StillImage`: one picture out of a file's bytes.
enum StillDecoder {
    static let pngMagic: [UInt8] = [0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10]

    /// Which codec a file's first bytes speak of.
    private static func codec(_ bytes: [UInt8]) -> AVCodecID? {
        if bytes.starts(with: pngMagic) { return AV_CODEC_ID_PNG }
        if bytes.starts(with: [0xff, 0xd8, 0xff]) { return AV_CODEC_ID_MJPEG }
        if bytes.starts(with: Array("BM".utf8)) { return AV_CODEC_ID_BMP }
        if bytes.starts(with: Array("II*\0".utf8)) || bytes.starts(with: Array("MM\0*".utf8)) {
            return AV_CODEC_ID_TIFF
        }
        if bytes.starts(with: Array("P6".utf8)) { return AV_CODEC_ID_PPM }
        if bytes.starts(with: Array("P5".utf8)) { return AV_CODEC_ID_PGM }
        let isRIFF = bytes.count > 12 && bytes.starts(with: Array("RIFF".utf8))
        return isRIFF && Array(bytes[8..<12]) == Array("WEBP".utf8) ? AV_CODEC_ID_WEBP : nil
    }

    static func failure(_ name: String, _ cause: String) -> FathomError {
        FathomError(
            operation: "read", subject: name, cause: cause,
            remedy: "It must be an intact picture: PNG, JPEG, BMP, TIFF, WebP or PPM")
    }

    /// Refuses sides and areas that no picture of a data set has.
    static func checkSize(_ width: Int, _ height: Int, name: String) throws(FathomError) {
        let sides = 1...InputContext.maximumSide
        guard sides.contains(width), sides.contains(height),
            width * height <= InputContext.maximumPixels
        else { throw failure(name, "it says \(width)×\(height) pixels") }
    }

    /// The picture that the bytes hold; a damaged one is an error, not a guess.
    static func decode(_ bytes: [UInt8], name: String) throws(FathomError) -> FrameHandle {
        guard let id = codec(bytes) else { throw failure(name, "it is no picture") }
        MediaLog.install()
        guard let decoder = avcodec_find_decoder(id), let context = avcodec_alloc_context3(decoder)
        else { throw failure(name, "the installed FFmpeg can't decode its kind of picture") }
        defer {
            var context: UnsafeMutablePointer<AVCodecContext>? = context
            avcodec_free_context(&context)
        }
        context.pointee.thread_count = 1
        context.pointee.max_pixels = Int64(InputContext.maximumPixels)
        context.pointee.err_recognition = AV_EF_EXPLODE | AV_EF_CRCCHECK
        let packet = try Packet(timeBase: AVRational(num: 1, den: 25))
        guard avcodec_open2(context, decoder, nil) >= 0,
            av_new_packet(packet.pointer, Int32(bytes.count)) >= 0,
            let data = packet.pointer.pointee.data
        else { throw .outOfMemory("decode") }
        data.update(from: bytes, count: bytes.count)
        let frame = try FrameHandle()
        var status = avcodec_send_packet(context, packet.pointer)
        if status >= 0 { status = avcodec_send_packet(context, nil) }
        if status >= 0 { status = avcodec_receive_frame(context, frame.pointer) }
        guard status >= 0 else {
            throw failure(name, "it can't be decoded (\(describeError(status)))")
        }
        guard frame.pointer.pointee.flags & AV_FRAME_FLAG_CORRUPT == 0,
            frame.pointer.pointee.decode_error_flags == 0
        else { throw failure(name, "it is damaged") }
        try checkSize(
            Int(frame.pointer.pointee.width), Int(frame.pointer.pointee.height), name: name)
        return frame
    }

    /// Red, green, blue planes in 0…1.
    static func color(_ frame: FrameHandle, name: String) throws(FathomError) -> Tensor {
        let format = AVPixelFormat(frame.pointer.pointee.format)
        switch format {
        case AV_PIX_FMT_RGB24: return try planes(frame, name, step: 3, [0, 1, 2])
        case AV_PIX_FMT_RGBA: return try planes(frame, name, step: 4, [0, 1, 2])
        case AV_PIX_FMT_GRAY8: return try planes(frame, name, step: 1, [0, 0, 0])
        case AV_PIX_FMT_YA8: return try planes(frame, name, step: 2, [0, 0, 0])
        case AV_PIX_FMT_RGB48BE: return try planes(frame, name, step: 6, [0, 2, 4], bytes: 2)
        case AV_PIX_FMT_RGBA64BE: return try planes(frame, name, step: 8, [0, 2, 4], bytes: 2)
        case AV_PIX_FMT_GRAY16BE: return try planes(frame, name, step: 2, [0, 0, 0], bytes: 2)
        case AV_PIX_FMT_YA16BE: return try planes(frame, name, step: 4, [0, 0, 0], bytes: 2)
        default: return try planes(converted(frame, format), name, step: 3, [0, 1, 2])
        }
    }

    /// Samples of one gray channel as they are.
    static func gray(
        _ frame: FrameHandle, name: String
    ) throws(FathomError) -> StillImage.Gray16 {
        let (width, height, stride, data) = try layout(frame, name)
        let step: Int
        switch AVPixelFormat(frame.pointer.pointee.format) {
        case AV_PIX_FMT_GRAY16BE: step = 2
        case AV_PIX_FMT_GRAY8: step = 1
        default: throw failure(name, "its samples aren't gray of 8 or 16 bits")
        }
        let samples = [UInt16](unsafeUninitializedCapacity: width * height) { target, count in
            for row in 0..<height {
                let line = data + row * stride
                for column in 0..<width {
                    let at = line + column * step
                    target[row * width + column] =
                        step == 1 ? UInt16(at[0]) : UInt16(at[0]) << 8 | UInt16(at[1])
                }
            }
            count = width * height
        }
        return StillImage.Gray16(width: width, height: height, samples: samples)
    }

    /// A frame of red, green, blue bytes.
    static func frame(
        _ rgb: [UInt8], _ width: Int, _ height: Int
    ) throws(FathomError) -> FrameHandle {
        try checkSize(width, height, name: "a picture in memory")
        precondition(rgb.count == 3 * width * height, "three bytes a pixel")
        let frame = try emptyFrame(width, height)
        guard let data = frame.pointer.pointee.data.0 else { throw .outOfMemory("encode") }
        let stride = Int(frame.pointer.pointee.linesize.0)
        rgb.withUnsafeBufferPointer { source in
            guard let source = source.baseAddress else { return }
            for row in 0..<height {
                (data + row * stride).update(from: source + 3 * row * width, count: 3 * width)
            }
        }
        return frame
    }

    private static func emptyFrame(_ width: Int, _ height: Int) throws(FathomError) -> FrameHandle {
        let frame = try FrameHandle()
        frame.pointer.pointee.format = AV_PIX_FMT_RGB24.rawValue
        frame.pointer.pointee.width = Int32(width)
        frame.pointer.pointee.height = Int32(height)
        guard av_frame_get_buffer(frame.pointer, 0) >= 0 else { throw .outOfMemory("decode") }
        return frame
    }

    /// Y′CbCr of JPEG (BT.601, full range), palettes and what else there is, as RGB.
    private static func converted(
        _ frame: FrameHandle, _ format: AVPixelFormat
    ) throws(FathomError) -> FrameHandle {
        let width = Int(frame.pointer.pointee.width)
        let height = Int(frame.pointer.pointee.height)
        let target = try emptyFrame(width, height)
        let isFull =
            frame.pointer.pointee.color_range == AVCOL_RANGE_JPEG
            || Scaler.name(format).hasPrefix("yuvj")
        let scaler = try Scaler(
            from: Scaler.Side(
                width: width, height: height, format: format, isFullRange: isFull, isBT709: false),
            to: Scaler.Side(
                width: width, height: height, format: AV_PIX_FMT_RGB24, isFullRange: true),
            kernel: SWS_BICUBIC | SWS_FULL_CHR_H_INT)
        try scaler.scale(
            frame.pointer, into: (target.pointer.pointee.data.0, nil, nil),
            strides: (target.pointer.pointee.linesize.0, 0, 0))
        return target
    }

    /// First plane's geometry.
    private static func layout(
        _ frame: FrameHandle, _ name: String
    ) throws(FathomError) -> (width: Int, height: Int, stride: Int, data: UnsafePointer<UInt8>) {
        guard let data = frame.pointer.pointee.data.0 else { throw failure(name, "it is empty") }
        return (
            Int(frame.pointer.pointee.width), Int(frame.pointer.pointee.height),
            Int(frame.pointer.pointee.linesize.0), UnsafePointer(data)
        )
    }

    /// Pixels of `step` bytes, whose red, green and blue begin at `offsets`, as planes of 0…1; of two bytes the greater is
    /// first.
    private static func planes(
        _ frame: FrameHandle, _ name: String, step: Int, _ offsets: [Int], bytes: Int = 1
    ) throws(FathomError) -> Tensor {
        let (width, height, stride, data) = try layout(frame, name)
        return Tensor(shape: [3, height, width]) { values in
            for (channel, offset) in offsets.enumerated() {
                for row in 0..<height {
                    let line = data + row * stride + offset
                    let target = (channel * height + row) * width
                    for column in 0..<width {
                        let at = line + column * step
                        values[target + column] =
                            bytes == 1
                            ? Float(at[0]) / 255 : Float(UInt16(at[0]) << 8 | UInt16(at[1])) / 65535
                    }
                }
            }
        }
    }
}
