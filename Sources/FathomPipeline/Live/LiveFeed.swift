import FathomCore
import FathomMedia
import Synchronization

/// One live source as its outputs see it: frames with depth, the source's own packets, and how it is.
///
/// Any thread may use it. A listener that is slow loses items of its own queue and stalls nobody.
public final class LiveFeed: Sendable {
    /// The source's number, from 0, in the order of the command line.
    public let index: Int
    /// Its address without a password.
    public let name: String
    /// Frames with their depth; while the source is away, the last one repeated with `lostFor`.
    public let frames = Broadcast<LiveFrame>()
    /// The source's own packets, video and sound, on the timeline.
    public let packets = Broadcast<LivePacket>()
    /// What is told about it.
    package let account: LiveAccount
    /// Pictures of it, encoded for those who want them.
    let encoders = LiveEncoders()

    private let last = Mutex<LiveFrame?>(nil)

    package init(index: Int, name: String, account: LiveAccount) {
        self.index = index
        self.name = name
        self.account = account
    }

    /// The last frame that was published; `nil` before the first.
    public var latest: LiveFrame? { last.withLock { $0 } }

    /// How the source is now.
    public var status: LiveStatus { account.status }

    /// Hands a frame to all who listen. Times rise strictly, so that every output can rely on it.
    package func publish(_ frame: LiveFrame) {
        let isLater = last.withLock { last in
            if let last, frame.picture.timestamp <= last.picture.timestamp { return false }
            last = frame
            return true
        }
        if frame.lostFor == nil {
            if isLater { account.published(frame) } else { account.dropped(.time) }
        }
        if isLater { frames.publish(frame) }
    }

    package func finish() {
        frames.finish()
        packets.finish()
    }
}
