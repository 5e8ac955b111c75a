import CFFmpeg
import CKernels
import FathomCore

/// Owns one FFmpeg frame: a reference to picture memory, and what belongs to it.
final class FrameHandle: @unchecked Sendable {
    // Sendable: written by its maker only, before it is shared.
    let pointer: UnsafeMutablePointer<AVFrame>

    /// An empty frame.
    init() throws(FathomError) {
        guard let pointer = av_frame_alloc() else { throw .outOfMemory("decode") }
        self.pointer = pointer
    }

    deinit {
        var frame: UnsafeMutablePointer<AVFrame>? = pointer
        av_frame_free(&frame)
    }

    /// Another reference to the same picture.
    func reference() throws(FathomError) -> FrameHandle {
        let other = try FrameHandle()
        guard av_frame_ref(other.pointer, pointer) >= 0 else { throw .outOfMemory("decode") }
        return other
    }
}

/// A picture as the decoder gave it: any pixel format, colours, orientation.
public final class DecodedFrame: @unchecked Sendable {
    // Sendable: not written after `init`.
    let handle: FrameHandle
    /// When it is shown, in ticks of its stream; strictly later than the frame before.
    public let timestamp: Timestamp
    /// How long it is shown, in ticks of its stream; 0 when unknown.
    public let duration: Int64
    /// Whether the decoder had to guess parts of it.
    public let isDamaged: Bool

    init(handle: FrameHandle, timestamp: Timestamp, duration: Int64, isDamaged: Bool) {
        self.handle = handle
        self.timestamp = timestamp
        self.duration = duration
        self.isDamaged = isDamaged
    }

    /// Whether decoding can begin at it.
    public var isKeyFrame: Bool { handle.pointer.pointee.key_frame != 0 }
    /// Width in pixels, as stored.
    public var width: Int { Int(handle.pointer.pointee.width) }
    /// Height in pixels, as stored.
    public var height: Int { Int(handle.pointer.pointee.height) }
}

/// A canonical picture with its time: planar Y′CbCr, BT.709, limited range, upright, progressive.
public final class VideoFrame: @unchecked Sendable {
    // Sendable: written only through `withMutablePicture` by the one that took it from a pool, before it is shared.
    let handle: FrameHandle
    /// When it is shown.
    public let timestamp: Timestamp
    /// How long it is shown, in ticks of `timestamp`'s time base; 0 when unknown.
    public let duration: Int64
    /// The picture's format.
    public let format: PictureFormat
    /// Width to height of a pixel.
    public let sampleAspectRatio: Rational
    /// Whether it was a key frame in the source.
    public let isKeyFrame: Bool
    /// Whether the decoder had to guess parts of it.
    public let isDamaged: Bool

    init(
        handle: FrameHandle, timestamp: Timestamp, duration: Int64, format: PictureFormat,
        sampleAspectRatio: Rational, isKeyFrame: Bool, isDamaged: Bool
    ) {
        self.handle = handle
        self.timestamp = timestamp
        self.duration = duration
        self.format = format
        self.sampleAspectRatio = sampleAspectRatio
        self.isKeyFrame = isKeyFrame
        self.isDamaged = isDamaged
    }

    /// Reads the planes.
    public func withPicture<R, E: Error>(_ body: (PictureView) throws(E) -> R) throws(E) -> R {
        try body(mutableView.readOnly)
    }

    /// Writes the planes; only for a frame from a `FramePool`, before it is shared.
    public func withMutablePicture<R, E: Error>(
        _ body: (MutablePictureView) throws(E) -> R
    ) throws(E) -> R {
        precondition(av_frame_is_writable(handle.pointer) > 0, "the picture is shared")
        return try body(mutableView)
    }

    /// The same picture at another time.
    public func retimed(to timestamp: Timestamp, duration: Int64) -> VideoFrame {
        VideoFrame(
            handle: handle, timestamp: timestamp, duration: duration, format: format,
            sampleAspectRatio: sampleAspectRatio, isKeyFrame: isKeyFrame, isDamaged: isDamaged)
    }

    /// The same picture, known to be wrong in parts.
    public func damaged() -> VideoFrame {
        VideoFrame(
            handle: handle, timestamp: timestamp, duration: duration, format: format,
            sampleAspectRatio: sampleAspectRatio, isKeyFrame: isKeyFrame, isDamaged: true)
    }

    private var mutableView: MutablePictureView {
        let frame = handle.pointer.pointee
        guard let luma = frame.data.0, let blue = frame.data.1, let red = frame.data.2 else {
            preconditionFailure("a canonical picture has three planes")
        }
        return MutablePictureView(
            format: format,
            planes: (
                UnsafeMutableRawPointer(luma), UnsafeMutableRawPointer(blue),
                UnsafeMutableRawPointer(red)
            ),
            strides: (Int(frame.linesize.0), Int(frame.linesize.1), Int(frame.linesize.2)))
    }
}

/// The planes of a frame for the colour kernels.
func picturePlanes(_ handle: FrameHandle) -> fathom_color_picture {
    let frame = handle.pointer.pointee
    var picture = fathom_color_picture()
    picture.planes = (frame.data.0, frame.data.1, frame.data.2)
    picture.strides = (Int(frame.linesize.0), Int(frame.linesize.1), Int(frame.linesize.2))
    return picture
}

extension PictureFormat {
    /// FFmpeg's name for this format.
    var pixelFormat: AVPixelFormat {
        switch (chroma, bitDepth) {
        case (.c420, 8): AV_PIX_FMT_YUV420P
        case (.c422, 8): AV_PIX_FMT_YUV422P
        case (.c444, 8): AV_PIX_FMT_YUV444P
        case (.c420, _): AV_PIX_FMT_YUV420P10LE
        case (.c422, _): AV_PIX_FMT_YUV422P10LE
        case (.c444, _): AV_PIX_FMT_YUV444P10LE
        }
    }

    /// The same samples in a picture of another size.
    func resized(width: Int, height: Int) -> PictureFormat {
        PictureFormat(width: width, height: height, chroma: chroma, bitDepth: bitDepth)
    }
}
