import Fathom
import Foundation
import Logging
import TestSupport

/// A live source in a test: packets as a camera sends them, and the frames with depth that come of them.
final class LiveOutputSource {
    let feed: LiveFeed
    /// Ticks of 1/90000 s at which the next frame is shown.
    var time: Int64 = 90000
    /// Frames between key frames of the camera.
    var keyDistance = 25
    /// Pictures that were published.
    private(set) var times: [Int64] = []

    private let width: Int
    private let height: Int
    private let pool: FramePool
    private var encoder: Encoder?
    private var stream: LiveStream?
    private var connections = 0
    private var sinceKey = 0
    private var followsGap = false
    static let frameTicks: Int64 = 3600

    init(index: Int = 0, width: Int = 96, height: Int = 64, events: String? = nil) throws {
        self.width = width
        self.height = height
        let name = "rtsp://camera/\(index)"
        feed = LiveFeed(
            index: index, name: name,
            account: LiveAccount(
                index: index, name: name,
                events: try EventLog(path: events, logger: Logger(label: "test"))))
        pool = try FramePool(format: PictureFormat(width: width, height: height))
    }

    /// The camera goes away for some seconds; its next packet belongs to another connection.
    func reconnect(after seconds: Double) {
        time += Int64(seconds * 90000)
        encoder = nil
        sinceKey = 0
        followsGap = true
    }

    /// Sends frames: each first as a packet, then with its depth.
    func play(frames: Int, pause: Double = 0, lostFor: Double? = nil) throws {
        for _ in 0..<frames {
            let number = times.count
            let isKey = sinceKey % keyDistance == 0
            let picture = try pool.makeFrame(
                timestamp: Timestamp(time, Rational(1, 90000)), duration: Self.frameTicks,
                isKeyFrame: isKey)
            paint(picture, number)
            let wallTime = WallTime(
                seconds: 1_795_000_000 + Double(time) / 90000, source: .rtcp)
            if lostFor == nil {
                try send(picture, isKey: isKey, wallTime)
                sinceKey += 1
                times.append(time)
            }
            let now = SystemClock.monotonicNanoseconds
            feed.publish(
                LiveFrame(
                    number: number, picture: picture,
                    depth: DepthSequence.Frame(
                        map: depth(number), range: DepthRange(minimum: 0, maximum: 10), flags: []),
                    arrival: now - 30_000_000, published: now, wallTime: wallTime,
                    followsGap: followsGap && lostFor == nil, lostFor: lostFor))
            if lostFor == nil { followsGap = false }
            time += Self.frameTicks
            if pause > 0 { Thread.sleep(forTimeInterval: pause) }
        }
    }

    private func send(_ picture: VideoFrame, isKey: Bool, _ wallTime: WallTime) throws {
        if encoder == nil {
            let made = try Encoder(
                EncoderSettings(preset: "ultrafast", isLive: true), format: picture.format,
                timeBase: Rational(1, 90000), frameRate: Rational(25, 1),
                sampleAspectRatio: Rational(1, 1), container: .matroska)
            stream = try made.makeLiveStream(connection: connections)
            connections += 1
            encoder = made
        }
        guard let encoder, let stream else { return }
        for packet in try encoder.encode(picture, asKeyFrame: isKey) {
            feed.packets.publish(
                LivePacket(
                    packet: packet, stream: stream, arrival: SystemClock.monotonicNanoseconds,
                    wallTime: wallTime, followsGap: followsGap))
        }
    }

    private func paint(_ picture: VideoFrame, _ number: Int) {
        picture.withMutablePicture { view in
            for y in 0..<height {
                let row = (view.planes.0 + y * view.strides.0).assumingMemoryBound(to: UInt8.self)
                for x in 0..<width { row[x] = UInt8(60 + (x + 2 * y + 3 * number) % 120) }
            }
            for y in 0..<(height + 1) / 2 {
                for (plane, stride) in [
                    (view.planes.1, view.strides.1), (view.planes.2, view.strides.2),
                ] {
                    (plane + y * stride).initializeMemory(
                        as: UInt8.self, repeating: 128, count: (width + 1) / 2)
                }
            }
        }
    }

    /// Values of the frame's number, so that a reader can tell which one it has.
    private func depth(_ number: Int) -> DepthMap {
        let count = (width / 4) * (height / 4)
        return DepthMap(
            width: width / 4, height: height / 4, kind: .inverseDepth,
            values: [Float](repeating: Float(number % 10), count: count),
            brightness: [Float](repeating: 0.5, count: count))
    }

    /// The outputs of a configuration, as `fathom live` opens them.
    func outputs(
        sourceCount: Int = 1, _ change: (inout LiveConfiguration) -> Void
    ) throws -> LiveOutputs {
        var configuration = LiveConfiguration()
        change(&configuration)
        return try LiveOutputs(
            feed: feed, configuration: configuration, sourceCount: sourceCount,
            network: Network(), threads: 2, logger: Logger(label: "test"),
            cancellation: Cancellation())
    }

    /// An output's status by the beginning of its name.
    func status(_ name: String) -> OutputStatus? {
        feed.status.outputs.first { $0.name.hasPrefix(name) }
    }
}

/// Asks again and again until something is so, for ten seconds at most.
func becomes(_ condition: () -> Bool) -> Bool {
    for _ in 0..<1000 {
        if condition() { return true }
        Thread.sleep(forTimeInterval: 0.01)
    }
    return condition()
}
