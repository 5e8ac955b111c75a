import CFFmpeg
import FathomCore

/// Brings canonical pictures to another size, with square pixels. One thread at a time may use it.
public final class FrameScaler {
    /// What goes in.
    public let source: PictureFormat
    private let scaler: Scaler
    private let pool: FramePool

    /// From one format to a size, with the same samples.
    public init(from source: PictureFormat, width: Int, height: Int) throws(FathomError) {
        self.source = source
        let target = source.resized(width: width, height: height)
        scaler = try Scaler(
            from: Scaler.Side(
                width: source.width, height: source.height, format: source.pixelFormat),
            to: Scaler.Side(width: width, height: height, format: target.pixelFormat),
            kernel: SWS_AREA)
        pool = try FramePool(format: target)
    }

    /// The picture at the other size, with the time and flags of `frame`, which is of the format `source`.
    public func scale(_ frame: VideoFrame) throws(FathomError) -> VideoFrame {
        precondition(frame.format == source, "the scaler was made for another format")
        let result = try pool.makeFrame(
            timestamp: frame.timestamp, duration: frame.duration, isKeyFrame: frame.isKeyFrame,
            isDamaged: frame.isDamaged)
        let target = result.handle.pointer.pointee
        try scaler.scale(
            frame.handle.pointer, into: (target.data.0, target.data.1, target.data.2),
            strides: (target.linesize.0, target.linesize.1, target.linesize.2))
        return result
    }
}
