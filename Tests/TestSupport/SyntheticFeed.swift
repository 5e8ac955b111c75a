import Fathom
import Glibc
import Logging
import Synchronization

/// A live source without a camera: a bright square wanders over a ramp, near where the picture is bright.
public final class SyntheticFeed: Sendable {
    /// What outputs and servers see.
    public let feed: LiveFeed
    private let width: Int
    private let height: Int
    private let pool: FramePool
    private let kind: DepthKind
    private let count = Mutex(0)
    private let thread = Mutex<JoinedThread?>(nil)
    private let cancellation = Cancellation()

    /// A source that has not connected yet.
    public init(
        index: Int = 0, name: String = "synthetic", width: Int = 320, height: Int = 180,
        kind: DepthKind = .inverseDepth
    ) throws {
        self.width = width
        self.height = height
        self.kind = kind
        let silent = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        let events = try EventLog(path: nil, logger: silent)
        feed = LiveFeed(
            index: index, name: name,
            account: LiveAccount(index: index, name: name, events: events))
        pool = try FramePool(format: PictureFormat(width: width, height: height))
    }

    /// The source plays.
    public func connect() {
        feed.account.update { status in
            status.state = .playing
            status.trouble = nil
            status.codec = "h264"
            (status.networkWidth, status.networkHeight) = (80, 45)
        }
    }

    /// Stages at work and outputs, made up as well.
    public func showWork() {
        let account = feed.account
        account.measureLoad { (["decode": 0.12, "depth": 0.71, "network": 0.66], "depth") }
        let push = account.addOutput("push rtsp://server.example/depth")
        push.works()
        push.update {
            $0.written = 1234; $0.bytes = 5_600_000
        }
        let record = account.addOutput("record /recordings")
        record.failed(
            FathomError(
                operation: "write", subject: "/recordings", cause: "No space left on device",
                remedy: "Make room"), isFinal: true)
        account.dropped(.slow, 7)
    }

    /// The source is away; frames that follow repeat the last one.
    public func lose(_ reason: String) {
        feed.account.update { status in
            status.state = .lost
            status.trouble = reason
        }
    }

    /// Publishes the next frame; `lostFor` makes it a repetition.
    public func publish(lostFor: Double? = nil) throws {
        let number = count.withLock { count in
            defer { count += 1 }
            return count
        }
        let now = SystemClock.monotonicNanoseconds
        let picture = try pool.makeFrame(
            timestamp: Timestamp(Int64(number) * 3000, Rational(1, 90000)), isKeyFrame: true)
        let side = height / 4
        let left = number * 4 % (width - side)
        let top = number * 2 % (height - side)
        picture.withMutablePicture { view in
            for y in 0..<height {
                let row = (view.planes.0 + y * view.strides.0).assumingMemoryBound(to: UInt8.self)
                for x in 0..<width {
                    let isInside =
                        (left..<left + side).contains(x) && (top..<top + side).contains(y)
                    row[x] = isInside ? 220 : UInt8(40 + 100 * x / width)
                }
            }
            for y in 0..<(height + 1) / 2 {
                let from = y * view.strides.1
                (view.planes.1 + from).initializeMemory(
                    as: UInt8.self, repeating: UInt8(100 + 40 * y / height), count: (width + 1) / 2)
                (view.planes.2 + from).initializeMemory(
                    as: UInt8.self, repeating: 140, count: (width + 1) / 2)
            }
        }
        let map = self.map(left: left, top: top, side: side)
        let frame = LiveFrame(
            number: number, picture: picture,
            depth: DepthSequence.Frame(
                map: map, range: DepthRange(minimum: 0, maximum: 10), flags: []),
            arrival: now - 20_000_000, published: now,
            wallTime: WallTime(
                seconds: Double(SystemClock.wallNanoseconds) / 1e9, source: .arrival),
            followsGap: false, lostFor: lostFor)
        feed.account.packetArrived(at: now - 20_000_000)
        feed.account.frameDecoded(at: now - 20_000_000)
        feed.publish(frame)
    }

    /// Depth of 0…2 from left to right, and 8 in the square; a quarter of the picture's size.
    private func map(left: Int, top: Int, side: Int) -> DepthMap {
        let (across, down) = (width / 4, height / 4)
        var values: [Float] = []
        for y in 0..<down {
            for x in 0..<across {
                let isInside =
                    (left..<left + side).contains(4 * x) && (top..<top + side).contains(4 * y)
                values.append(isInside ? 8 : 2 * Float(x) / Float(across))
            }
        }
        return DepthMap(
            width: across, height: down, kind: kind, values: values,
            brightness: values.map { $0 / 8 })
    }

    /// Publishes frames at a rate, on a thread, until `stop()`.
    public func play(framesPerSecond: Double) {
        connect()
        thread.withLock { thread in
            thread = JoinedThread(name: "synthetic") { [self] in
                var next = SystemClock.monotonicNanoseconds
                while !cancellation.isCancelled {
                    let now = SystemClock.monotonicNanoseconds
                    if now < next {
                        usleep(UInt32(min((next - now) / 1000, 50_000)))
                        continue
                    }
                    next += UInt64(1e9 / framesPerSecond)
                    try? publish()
                }
            }
        }
    }

    /// Ends what `play` began, and the feed.
    public func stop() {
        cancellation.cancel()
        let thread = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        thread?.join()
        feed.finish()
    }
}
