import FathomCore
import FathomDepth
import FathomMedia

/// A picture of a live source with its depth, as it is published to every output.
public struct LiveFrame: Sendable {
    /// How many frames of this source were published before it.
    public let number: Int
    /// The picture; its time lies on the source's unbroken timeline, in ticks of 1/90000 s.
    public let picture: VideoFrame
    /// Its depth at the network's resolution, smoothed; what the colours are laid over; what is remarkable.
    public let depth: DepthSequence.Frame
    /// When its packet arrived (from a camera: when it was captured), in nanoseconds of the monotonic clock.
    public let arrival: UInt64
    /// When its depth was published, in nanoseconds of the monotonic clock.
    public let published: UInt64
    /// When it was recorded.
    public let wallTime: WallTime
    /// Whether frames before it are missing because the source was away or its clock jumped.
    public let followsGap: Bool
    /// Seconds for which the source has been silent; `nil` while it plays. Such a frame repeats the last picture.
    public let lostFor: Double?

    /// A frame that a source publishes.
    package init(
        number: Int, picture: VideoFrame, depth: DepthSequence.Frame, arrival: UInt64,
        published: UInt64, wallTime: WallTime, followsGap: Bool, lostFor: Double?
    ) {
        self.number = number
        self.picture = picture
        self.depth = depth
        self.arrival = arrival
        self.published = published
        self.wallTime = wallTime
        self.followsGap = followsGap
        self.lostFor = lostFor
    }

    /// Milliseconds from arrival to publication.
    public var ageMs: Double { Double(published - min(arrival, published)) / 1e6 }

    /// What is remarkable, the decoder's word included.
    public var flags: DepthFlags {
        picture.isDamaged ? depth.flags.union(.damaged) : depth.flags
    }

    /// The same frame at another time, while the source has been away for some seconds.
    func repeated(at time: Timestamp, lostFor seconds: Double) -> LiveFrame {
        LiveFrame(
            number: number, picture: picture.retimed(to: time, duration: 0), depth: depth,
            arrival: arrival, published: published, wallTime: wallTime, followsGap: true,
            lostFor: seconds)
    }
}
