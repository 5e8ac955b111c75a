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
    private let latest = Mutex<[UInt8]?>(nil)
    private let stopping = Cancellation()
    private let thread = Mutex<JoinedThread?>(nil)

    /// Pictures a second, at most: a preview needs no more.
    private static let mostPicturesASecond = 30.0
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
    }

    /// A viewer's place, and the picture that is there already.
    func subscribe() -> (first: [UInt8]?, pieces: Subscription<[UInt8]>) {
        let pieces = pictures.subscribe()
        return (latest.withLock { $0 }, pieces)
    }

    /// How many look at it.
    var viewers: Int { pictures.subscriberCount }

    /// Begins to draw; `ended` is called from the thread when nobody has looked for a while, and says whether to end.
    func start(ended: @escaping @Sendable (LiveView) -> Bool) {
        thread.withLock { thread in
            thread = JoinedThread(name: "view \(feed.index)") { [self] in run(ended) }
        }
    }

    /// Asks it to end.
    func cancel() { stopping.cancel() }

    /// Waits for its end.
    func join() {
        let thread = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        thread?.join()
    }

    private func run(_ ended: (LiveView) -> Bool) {
        let painter = ViewPainter(options, defaults: defaults)
        let frames = feed.frames.subscribe()
        defer {
            frames.cancel()
            pictures.finish()
            published()
        }
        if let frame = feed.latest { show(frame, painter) }
        var spoke = SystemClock.monotonicNanoseconds
        var wanted = spoke
        while !stopping.isCancelled {
            let receipt = frames.next(seconds: 0.1)
            let now = SystemClock.monotonicNanoseconds
            if viewers > 0 { wanted = now }
            if seconds(wanted, now) > Self.secondsOfGrace, ended(self) { return }
            switch receipt {
            case .item(let frame):
                guard viewers > 0, seconds(spoke, now) >= 0.9 / Self.mostPicturesASecond else {
                    continue
                }
                guard show(frame, painter) else { return }
                spoke = now
            case .nothing:
                guard seconds(spoke, now) > Self.secondsBetweenRepeats,
                    let part = latest.withLock({ $0 })
                else { continue }
                pictures.publish(part)
                published()
                spoke = now
            case .end: return
            }
        }
    }

    private func seconds(_ from: UInt64, _ to: UInt64) -> Double {
        to > from ? Double(to - from) / 1e9 : 0
    }

    @discardableResult
    private func show(_ frame: LiveFrame, _ painter: ViewPainter) -> Bool {
        do throws(FathomError) {
            let jpeg = try painter.jpeg(of: frame)
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
