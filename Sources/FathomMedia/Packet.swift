import CFFmpeg
import FathomCore

/// One compressed piece of a stream; owns an FFmpeg packet.
public final class Packet: @unchecked Sendable {
    // Sendable: handed from one owner to the next, never used by two threads at a time.
    let pointer: UnsafeMutablePointer<AVPacket>
    /// The length of a tick of its time stamps.
    var timeBase: AVRational
    /// How to decode it, where that differs from packet to packet (pictures of a sequence).
    let parameters: CodecParameters?

    init(timeBase: AVRational, parameters: CodecParameters? = nil) throws(FathomError) {
        guard let pointer = av_packet_alloc() else { throw .outOfMemory("read") }
        self.pointer = pointer
        self.timeBase = timeBase
        self.parameters = parameters
    }

    deinit {
        var packet: UnsafeMutablePointer<AVPacket>? = pointer
        av_packet_free(&packet)
    }

    /// The stream it belongs to: in a demuxer's packet the source's index.
    public var streamIndex: Int { Int(pointer.pointee.stream_index) }

    /// Presentation time; nil when the container has none.
    public var timestamp: Timestamp? {
        let value = pointer.pointee.pts
        return value == noTimestamp ? nil : Timestamp(value, Rational(timeBase))
    }

    /// Size in bytes.
    public var size: Int { Int(pointer.pointee.size) }

    /// Whether something of it, or of packets beside it, was lost on the way.
    public var isDamaged: Bool { pointer.pointee.flags & AV_PKT_FLAG_CORRUPT != 0 }

    /// A copy of its bytes.
    package var bytes: [UInt8] {
        guard let data = pointer.pointee.data, size > 0 else { return [] }
        return [UInt8](UnsafeBufferPointer(start: data, count: size))
    }

    /// Whether decoding can begin here.
    public var isKey: Bool { pointer.pointee.flags & AV_PKT_FLAG_KEY != 0 }
}

/// Owns a copy of what a decoder needs to know of a stream.
final class CodecParameters: @unchecked Sendable {
    // Sendable: not written after `init`.
    let pointer: UnsafeMutablePointer<AVCodecParameters>

    init(copying source: UnsafePointer<AVCodecParameters>) throws(FathomError) {
        guard let pointer = avcodec_parameters_alloc() else { throw .outOfMemory("read") }
        self.pointer = pointer
        guard avcodec_parameters_copy(pointer, source) >= 0 else { throw .outOfMemory("read") }
    }

    /// What a decoder needs to know of an encoder's packets.
    init(of encoder: UnsafePointer<AVCodecContext>) throws(FathomError) {
        guard let pointer = avcodec_parameters_alloc() else { throw .outOfMemory("encode") }
        self.pointer = pointer
        guard avcodec_parameters_from_context(pointer, encoder) >= 0 else {
            throw .outOfMemory("encode")
        }
    }

    deinit {
        var parameters: UnsafeMutablePointer<AVCodecParameters>? = pointer
        avcodec_parameters_free(&parameters)
    }
}

extension FathomError {
    /// FFmpeg could not get memory.
    static func outOfMemory(_ operation: String) -> FathomError {
        FathomError(
            operation: operation, subject: "media", cause: "there is not enough memory",
            remedy: "Close other programs, or use a smaller video")
    }
}
