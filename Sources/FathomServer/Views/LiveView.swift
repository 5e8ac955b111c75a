import FathomCore
import FathomPipeline
import Logging
import Synchronization

/// One picture that any number of viewers see: drawn and encoded once, on a thread of its own, while somebody
/// looks at it.
///
/// Each viewer has one place: one who is slow gets fewer pictures, and nobody else notices.
final class LiveView: Sendable {
    /// What stands between the parts of the stream (RFC 2046, section 5.1.1).
    static let boundary = "fathom-picture"

    let options: ViewOptions
    private let feed: LiveFeed
    private let defaults: RunConfiguration
    private let logger: Logger
    private let published: @Sendable () -> Void
    private let pictures = Broadcast<[UInt8]>()
    private let frames: Subscription<LiveFrame>
    private let latest = Mutex<[UInt8]?>(nil)
    private let stopping = Cancellation()
    private let thread = Mutex<JoinedThread?>(nil)

    /// A preview needs no more pictures than that: 30 a second and a little, so that none of 30 is late.
    private static let secondsBetweenPictures = 0.9 / 30
    /// A silent stream says its last picture again, so that the viewer knows that it is there.
    private static let secondsBetweenRepeats = 2.0
    /// How long a view without viewers is kept: the next picture of the page may want it.
    private static let secondsOfGrace = 2.0

    /// A view of a feed; `published` is called whenever there is something for its viewers.
    init(
        _ options: ViewOptions, feed: LiveFeed, defaults: RunConfiguration, logger: Logger,
        published: @escaping @Sendable () -> Void
    ) {
        self.options = options
        self.feed = feed
        self.defaults = defaults
        self.logger = logger
        self.published = published
        frames = feed.frames.subscribe()
    }

    /// A viewer's place, and the picture that is there already.
    func subscribe() -> (first: [UInt8]?, pieces: Subscription<[UInt8]>) {
        let pieces = pictures.subscribe()
        return (latest.withLock { $0 }, pieces)
    }

    /// How many look at it.
    var viewers: Int { pictures.subscriberCount }

    /// Begins to draw.
    ///
    /// - Parameter retire: called from the view's thread when nobody has looked for a while, which says whether
    ///   to end; and with `true` when it ends anyway.
    func start(retire: @escaping @Sendable (LiveView, _ always: Bool) -> Bool) {
        thread.withLock { thread in
            thread = JoinedThread(name: "view \(feed.index)") { [self] in run(retire) }
        }
    }

    /// Asks it to end.
    func cancel() {
        stopping.cancel()
        frames.cancel()
    }

    /// Waits at most `seconds` for its end; `false` when it goes on.
    func join(seconds: Double) -> Bool {
        thread.withLock { thread in
            guard thread?.join(seconds: seconds) ?? true else { return false }
            thread = nil
            return true
        }
    }

    private func run(_ retire: (LiveView, Bool) -> Bool) {
        giveWay()
        let painter = ViewPainter(options, defaults: defaults)
        defer {
            _ = retire(self, true)
            frames.cancel()
            pictures.finish()
            published()
        }
        var rate = feed.status.outputRate
        if let frame = feed.latest, !show(frame, painter, rate) { return }
        var spoke = SystemClock.monotonicNanoseconds
        var wanted = spoke
        var rated = spoke
        var pending: LiveFrame?
        while !stopping.isCancelled {
            // A frame that comes too soon waits for its time, or for a newer one.
            let rest =
                Self.secondsBetweenPictures - seconds(spoke, SystemClock.monotonicNanoseconds)
            let isWaiting = pending != nil && viewers > 0
            switch frames.next(seconds: isWaiting ? max(0, rest) : 0.1) {
            case .item(let frame): pending = frame
            case .nothing: break
            case .end: return
            }
            let now = SystemClock.monotonicNanoseconds
            if viewers > 0 { wanted = now }
            if seconds(wanted, now) > Self.secondsOfGrace, retire(self, false) { return }
            let silence = seconds(spoke, now)
            if let frame = pending, viewers > 0, silence >= Self.secondsBetweenPictures {
                if seconds(rated, now) > 1 {
                    rate = feed.status.outputRate
                    rated = now
                }
                guard show(frame, painter, rate) else { return }
                pending = nil
                spoke = now
            } else if silence > Self.secondsBetweenRepeats, let part = latest.withLock({ $0 }) {
                pictures.publish(part)
                published()
                spoke = now
            }
        }
    }

    private func seconds(_ from: UInt64, _ to: UInt64) -> Double {
        to > from ? Double(to - from) / 1e9 : 0
    }

    /// Draws a frame for all; `false` when that can't be done.
    private func show(_ frame: LiveFrame, _ painter: ViewPainter, _ rate: Double) -> Bool {
        do throws(FathomError) {
            let jpeg = try painter.jpeg(of: frame, framesPerSecond: rate)
            var part = Array(
                """
                Content-Type: image/jpeg\r
                Content-Length: \(jpeg.count)\r
                \r\n
                """.utf8)
            part += jpeg
            part += Array("\r\n--\(Self.boundary)\r\n".utf8)
            latest.withLock { $0 = part }
            pictures.publish(part)
            published()
            return true
        } catch {
            logger.warning("\(error)")
            return false
        }
    }
}
