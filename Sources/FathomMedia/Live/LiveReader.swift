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
}

/// Reads the times of day that RTP's sender reports give to packets (RFC 3550 §6.4.1).
struct SenderReportClock {
    /// Seconds by which each stream's time of day differed from the arrival clock last.
    private var differences: [Int: Double] = [:]

    /// When a packet was recorded; nil before the first sender report.
    mutating func time(of packet: Packet, arrival: UInt64) -> WallTime? {
        var size = 0
        guard let data = av_packet_get_side_data(packet.pointer, AV_PKT_DATA_PRFT, &size),
            size >= MemoryLayout<AVProducerReferenceTime>.size
        else { return nil }
        let reference = UnsafeRawPointer(data).loadUnaligned(as: AVProducerReferenceTime.self)
        let clock = Double(arrival) / 1e9
        var seconds = Double(reference.wallclock) / 1e6
        if let difference = differences[packet.streamIndex] {
            // Where RTP's 32-bit time stamps wrap around, FFmpeg is off by a turn until the next report.
            let turn = Double(1 << 32) * Rational(packet.timeBase).value
            let turns = ((seconds - clock - difference) / turn).rounded()
            if abs(turns) == 1 { seconds -= turns * turn }
        }
        differences[packet.streamIndex] = seconds - clock
        return WallTime(seconds: seconds, source: .rtcp)
    }
}
