import CFFmpeg
import CKernels
import FathomCore

/// Brings canonical pictures into the pixel format of an encoder; a reference where nothing has to be done.
final class EncoderInput {
    /// What it changes, for the log; nil when nothing worth a word.
    let note: String?
    /// Whether the encoder's pictures are BT.601 in full range, as JPEG's are.
    let isJPEG: Bool

    private let scaler: Scaler?
    private let map: fathom_color_map?
    private let format: PictureFormat
    private let target: PictureFormat
    private let pool: FramePool?

    /// `size` is that of the encoder's pictures, where it isn't the same.
    init(
        from format: PictureFormat, to pixelFormat: AVPixelFormat, codec: VideoCodec,
        size: (width: Int, height: Int)? = nil
    ) throws(FathomError) {
        self.format = format
        isJPEG = codec == .mjpeg
        let layout = try PixelLayout(pixelFormat)
        let chroma: PictureFormat.Chroma =
            switch pixelFormat {
            case AV_PIX_FMT_YUV422P, AV_PIX_FMT_YUV422P10LE, AV_PIX_FMT_YUVJ422P: .c422
            case AV_PIX_FMT_YUV444P, AV_PIX_FMT_YUV444P10LE, AV_PIX_FMT_YUVJ444P: .c444
            default: .c420
            }
        target = PictureFormat(
            width: size?.width ?? format.width, height: size?.height ?? format.height,
            chroma: chroma, bitDepth: layout.bitDepth > 8 ? 10 : 8)
        let isSame = target == format
        scaler =
            isSame
            ? nil
            : try Scaler(
                from: Scaler.Side(
                    width: format.width, height: format.height, format: format.pixelFormat),
                to: Scaler.Side(
                    width: target.width, height: target.height, format: target.pixelFormat))
        map =
            isJPEG && target.chroma == .c420
            ? ColorDescription.canonical.map(to: .jpeg, bitDepth: 8) : nil
        pool = isSame && map == nil ? nil : try FramePool(format: target)
        if chroma == .c444, format.chroma == .c420 {
            note =
                "\(codec.rawValue) can't hold the odd size \(format.width)×\(format.height) in 4:2:0: "
                + "it is written in 4:4:4, which not every player takes"
        } else if format.bitDepth > target.bitDepth {
            note = "\(codec.rawValue) has 8 bit only: the video is reduced to 8 bit"
        } else {
            note = nil
        }
    }

    /// A frame whose properties the caller may set.
    func convert(_ frame: VideoFrame) throws(FathomError) -> FrameHandle {
        guard frame.format == format else {
            throw FathomError(
                operation: "encode", subject: "a frame",
                cause: "its format is not the one that the encoder was opened for")
        }
        guard let pool else { return try bare(frame.handle) }
        let picture = try pool.makeHandle()
        let planes = picture.pointer.pointee
        if let scaler {
            try scaler.scale(
                frame.handle.pointer, into: (planes.data.0, planes.data.1, planes.data.2),
                strides: (planes.linesize.0, planes.linesize.1, planes.linesize.2))
        }
        if var map {
            var from = picturePlanes(scaler == nil ? frame.handle : picture)
            var to = picturePlanes(picture)
            fathom_color_map_8(&map, &from, &to, Int32(target.width), Int32(target.height))
            picture.pointer.pointee.format = AV_PIX_FMT_YUVJ420P.rawValue
        }
        tag(picture.pointer)
        return picture
    }

    /// Some encoders write what the frame says of its colours, not what the encoder was told.
    private func tag(_ frame: UnsafeMutablePointer<AVFrame>) {
        frame.pointee.color_range = isJPEG ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG
        frame.pointee.colorspace = isJPEG ? AVCOL_SPC_BT470BG : AVCOL_SPC_BT709
        frame.pointee.color_primaries = AVCOL_PRI_BT709
        frame.pointee.color_trc = AVCOL_TRC_BT709
    }

    /// The same picture without anything that a decoder left on it: side data, field flags, cropping.
    private func bare(_ source: FrameHandle) throws(FathomError) -> FrameHandle {
        let picture = try source.reference()
        let pointer = picture.pointer
        while pointer.pointee.nb_side_data > 0, let side = pointer.pointee.side_data[0] {
            av_frame_remove_side_data(pointer, side.pointee.type)
        }
        pointer.pointee.interlaced_frame = 0
        pointer.pointee.key_frame = 0
        tag(pointer)
        // yuvj420p with samples that are canonical never comes here, but its name might.
        pointer.pointee.format = format.pixelFormat.rawValue
        return picture
    }
}
