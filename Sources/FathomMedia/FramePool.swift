import CFFmpeg
import FathomCore

/// Frames of one format whose memory is used again when the last reference goes; any thread may take one.
public final class FramePool: @unchecked Sendable {
    // Sendable: FFmpeg's buffer pool has a lock of its own, everything else is constant.

    /// The format of every frame.
    public let format: PictureFormat
    private let pool: OpaquePointer
    private let offsets: (Int, Int, Int)
    private let strides: (Int, Int, Int)
    /// Vector code of codecs may read a little behind the last row.
    private static let padding = 128
    private static let alignment = 64

    /// A pool that is empty at first and grows to what is in flight.
    public init(format: PictureFormat) throws(FathomError) {
        self.format = format
        func stride(_ plane: Int) -> Int {
            let bytes = format.planeWidth(plane) * format.bytesPerSample
            return (bytes + Self.alignment - 1) / Self.alignment * Self.alignment
        }
        strides = (stride(0), stride(1), stride(2))
        offsets = (
            0, strides.0 * format.planeHeight(0),
            strides.0 * format.planeHeight(0) + strides.1 * format.planeHeight(1)
        )
        let size = offsets.2 + strides.2 * format.planeHeight(2) + Self.padding
        guard let pool = av_buffer_pool_init(size, nil) else { throw .outOfMemory("render") }
        self.pool = pool
    }

    deinit {
        // Buffers in flight keep the pool's memory until they come back.
        var pool: OpaquePointer? = pool
        av_buffer_pool_uninit(&pool)
    }

    /// A frame to write, its samples undefined.
    public func makeFrame(
        timestamp: Timestamp, duration: Int64 = 0,
        sampleAspectRatio: Rational = Rational(1, 1), isKeyFrame: Bool = false,
        isDamaged: Bool = false
    ) throws(FathomError) -> VideoFrame {
        VideoFrame(
            handle: try makeHandle(), timestamp: timestamp, duration: duration, format: format,
            sampleAspectRatio: sampleAspectRatio, isKeyFrame: isKeyFrame, isDamaged: isDamaged)
    }

    /// A frame to write with the time, pixel shape and flags of another.
    public func makeFrame(like source: VideoFrame) throws(FathomError) -> VideoFrame {
        try makeFrame(
            timestamp: source.timestamp, duration: source.duration,
            sampleAspectRatio: source.sampleAspectRatio, isKeyFrame: source.isKeyFrame,
            isDamaged: source.isDamaged)
    }

    func makeHandle() throws(FathomError) -> FrameHandle {
        let handle = try FrameHandle()
        guard let buffer = av_buffer_pool_get(pool), let data = buffer.pointee.data else {
            throw .outOfMemory("render")
        }
        let frame = handle.pointer
        frame.pointee.buf.0 = buffer
        frame.pointee.data.0 = data + offsets.0
        frame.pointee.data.1 = data + offsets.1
        frame.pointee.data.2 = data + offsets.2
        frame.pointee.linesize.0 = Int32(strides.0)
        frame.pointee.linesize.1 = Int32(strides.1)
        frame.pointee.linesize.2 = Int32(strides.2)
        frame.pointee.extended_data = UnsafeMutableRawPointer(frame).advanced(
            by: MemoryLayout<AVFrame>.offset(of: \AVFrame.data) ?? 0
        ).assumingMemoryBound(to: UnsafeMutablePointer<UInt8>?.self)
        frame.pointee.format = format.pixelFormat.rawValue
        frame.pointee.width = Int32(format.width)
        frame.pointee.height = Int32(format.height)
        return handle
    }
}
