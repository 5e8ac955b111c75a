import FathomCore
import FathomMedia
import Synchronization

/// The encoders of one feed, made when first asked for.
final class LiveEncoders: Sendable {
    private let made = Mutex<[LiveVideo.Key: LiveVideo]>([:])

    func video(
        _ key: LiveVideo.Key, of feed: LiveFeed, configuration: LiveConfiguration
    ) -> LiveVideo {
        made.withLock { made in
            if let video = made[key] { return video }
            let video = LiveVideo(feed: feed, key: key, configuration: configuration)
            made[key] = video
            return video
        }
    }

    /// Ends them all until a moment of the monotonic clock, and lets go of them.
    func finish(by deadline: UInt64) {
        let all = made.withLock { made in
            defer { made = [:] }
            return Array(made.values)
        }
        for video in all {
            let now = SystemClock.monotonicNanoseconds
            video.finish(within: Double(deadline - min(now, deadline)) / 1e9)
        }
    }
}

extension LiveFeed {
    /// The depth picture as H.264, which servers and browsers take; the same object for everybody.
    public func video(_ configuration: LiveConfiguration) -> LiveVideo {
        encoders.video(LiveVideo.Key(), of: self, configuration: configuration)
    }

    /// Another picture, or another codec.
    func video(_ key: LiveVideo.Key, _ configuration: LiveConfiguration) -> LiveVideo {
        encoders.video(key, of: self, configuration: configuration)
    }
}
