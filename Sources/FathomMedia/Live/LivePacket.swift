import FathomCore

/// Where a frame's wall time comes from.
public enum WallTimeSource: String, Hashable, Sendable, Codable {
    /// A sender report of RTP.
    case rtcp
    /// The capture device's clock.
    case capture
    /// The moment it arrived here.
    case arrival
    /// The container's creation time and the frame's own.
    case container
}

/// A moment of the day, and who says so.
public struct WallTime: Hashable, Sendable {
    /// Seconds since 1970-01-01 UTC.
    public var seconds: Double
    /// Who says so.
    public var source: WallTimeSource

    /// A moment.
    public init(seconds: Double, source: WallTimeSource) {
        self.seconds = seconds
        self.source = source
    }
}

/// A stream of a live source as outputs copy it: stays the same object for as long as its packets fit together.
public final class LiveStream: Sendable {
    /// What it carries: video or sound.
    public let info: StreamInfo
    /// Which connection of the source it belongs to, from 0; packets of another one need new files.
    public let connection: Int
    let parameters: CodecParameters

    init(info: StreamInfo, connection: Int, parameters: CodecParameters) {
        self.info = info
        self.connection = connection
        self.parameters = parameters
    }
}

/// A packet of a live source, on the source's unbroken timeline.
///
/// Its time stamps are ticks of 1/90000 s since the source was first asked for (`LiveTimeline`), whatever the
/// camera's own clock does; the decoding times of a stream rise strictly. It may be read by several threads.
public struct LivePacket: Sendable {
    /// The compressed data; shared, not to be written.
    public let packet: Packet
    /// The stream it belongs to.
    public let stream: LiveStream
    /// When it arrived, in nanoseconds of `SystemClock.monotonicNanoseconds`; from a camera the time of capture.
    public let arrival: UInt64
    /// When it was recorded.
    public let wallTime: WallTime
    /// Whether it follows a gap or a jump of the source's clock.
    public let followsGap: Bool

    /// A packet at a place of the timeline.
    public init(
        packet: Packet, stream: LiveStream, arrival: UInt64, wallTime: WallTime, followsGap: Bool
    ) {
        self.packet = packet
        self.stream = stream
        self.arrival = arrival
        self.wallTime = wallTime
        self.followsGap = followsGap
    }
}
