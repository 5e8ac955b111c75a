import CFFmpeg
import FathomCore

/// A packet as a source gave it, with its own time stamps.
struct ArrivedPacket {
    let packet: Packet
    /// When it arrived, in nanoseconds of the monotonic clock.
    let arrival: UInt64
    let wallTime: WallTime
    /// Whether its time stamps mean something; else its arrival is its time.
    let hasClock: Bool
}

/// What gives the packets of one connection: a container of FFmpeg's, or a camera.
protocol LiveReader: AnyObject {
    /// What the source says about itself.
    var info: MediaInfo { get }
    /// The streams in use: the video first.
    var streams: [(info: StreamInfo, parameters: CodecParameters)] { get }
    /// What took effect of what was asked for, in a person's words.
    var effective: [String] { get }

    /// The next packet of any stream; never an end.
    func next() throws(LiveFailure) -> ArrivedPacket
}

extension WallTime {
    /// The time of day of a moment of the monotonic clock.
    static func of(_ moment: UInt64, source: WallTimeSource) -> WallTime {
        let age = Double(SystemClock.monotonicNanoseconds) - Double(moment)
        return WallTime(
            seconds: (Double(SystemClock.wallNanoseconds) - age) / 1e9, source: source)
    }
    /// When a packet was recorded, by RTP's sender reports (RFC 3550 §6.4.1); nil before the first one.
    static func ofSenderReport(_ packet: Packet) -> WallTime? {
        var size = 0
        guard let data = av_packet_get_side_data(packet.pointer, AV_PKT_DATA_PRFT, &size),
            size >= MemoryLayout<AVProducerReferenceTime>.size
        else { return nil }
        let reference = UnsafeRawPointer(data).loadUnaligned(as: AVProducerReferenceTime.self)
        return WallTime(seconds: Double(reference.wallclock) / 1e6, source: .rtcp)
    }
}
