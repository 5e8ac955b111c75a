import CFFmpeg
import FathomCore

/// Reads the time of day that RTP's sender reports give to packets (RFC 3550 §6.4.1).
struct RTPWallClock {
    /// When a packet was recorded; nil before the first sender report.
    mutating func time(of packet: Packet) -> WallTime? {
        var size = 0
        guard let data = av_packet_get_side_data(packet.pointer, AV_PKT_DATA_PRFT, &size),
            size >= MemoryLayout<AVProducerReferenceTime>.size
        else { return nil }
        let reference = UnsafeRawPointer(data).loadUnaligned(as: AVProducerReferenceTime.self)
        return WallTime(seconds: Double(reference.wallclock) / 1e6, source: .rtcp)
    }
}
