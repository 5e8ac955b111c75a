import CFFmpeg
import FathomCore

/// One connection to a live source: opens it and gives its packets on the source's timeline.
///
/// One thread at a time may use it. It ends with a failure, always: what to do then is the caller's business.
public final class LiveInput: @unchecked Sendable {
    // Sendable: opened by one thread, and its decoder handed to another one.

    /// How to open and read.
    public struct Options: Sendable {
        /// Size of the picture, where the source lets one choose.
        public var size: PixelSize?
        /// Frames a second, where the source lets one choose.
        public var rate: Rational?
        /// A camera's pixel format (`mjpeg`, `yuyv422`), or FFmpeg's name of a container that can't be found out.
        public var format: String?
        /// How RTSP brings its packets.
        public var rtspTransport = RTSPTransport.tcp
        /// Seconds that opening may take.
        public var openSeconds = 10.0
        /// Seconds that a packet of the video may take.
        public var readSeconds = 5.0
        /// Asked often while something is waited for; true makes every call end soon.
        public var isCancelled: @Sendable () -> Bool = { false }
        /// The video stream: its index, or the how-manieth video.
        public var stream: Int?

        /// The defaults.
        public init() {}
    }

    /// What the source says about itself.
    public let info: MediaInfo
    /// The video stream in use.
    public let video: StreamInfo
    /// What took effect, for the log: `1280×720 mjpeg, 30 frames a second`; and options that FFmpeg did not use.
    public let effective: [String]

    /// Video packets that are given before the first key frame is waited for no longer.
    private static let mostBeforeKey = 600

    private let address: LiveAddress
    /// The connection; given up with the first failure, because others may hold this object longer.
    private var reader: (any LiveReader)?
    private var failure: LiveFailure?
    private let timeline: LiveTimeline
    private var streams: [Int: LiveStream] = [:]
    private let videoParameters: CodecParameters
    private var waitsForKey = true
    private var skippedBeforeKey = 0

    /// Connects; returns when the first key frame of the video has arrived.
    ///
    /// - Parameters:
    ///   - address: the source.
    ///   - options: how to open and read.
    ///   - connection: how many connections of this source were made before.
    ///   - timeline: the source's clock, the same for all its connections.
    public convenience init(
        _ address: LiveAddress, options: Options, connection: Int, timeline: LiveTimeline
    ) throws(LiveFailure) {
        try self.init(
            address, options: options, connection: connection, timeline: timeline,
            cameraOpener: KernelVideoDevice.open)
    }

    /// As above, with another way to open cameras.
    package convenience init(
        _ address: LiveAddress, options: Options, connection: Int, timeline: LiveTimeline,
        cameraOpener: VideoDeviceOpener
    ) throws(LiveFailure) {
        let reader: any LiveReader =
            address.kind == .camera
            ? try CameraReader(address, options: options, opener: cameraOpener)
            : try StreamReader(address, options: options)
        try self.init(address, reader: reader, connection: connection, timeline: timeline)
    }

    init(
        _ address: LiveAddress, reader: any LiveReader, connection: Int, timeline: LiveTimeline
    ) throws(LiveFailure) {
        guard let video = reader.streams.first else {
            throw LiveFailure(.noVideo, "open", address, cause: "it has no video stream")
        }
        self.address = address
        self.reader = reader
        self.timeline = timeline
        info = reader.info
        effective = reader.effective
        videoParameters = video.parameters
        self.video = video.info.onTimeline
        for (info, parameters) in reader.streams {
            streams[info.index] = LiveStream(
                info: info.onTimeline, connection: connection, parameters: parameters)
        }
        timeline.beginConnection()
    }

    /// The next packet, video or sound, on the timeline.
    ///
    /// It never returns an end: the end of a file is the failure `ended`, silence of `readSeconds` is `timedOut`, a
    /// device that is gone is `unplugged`. The connection is then closed. Video before the first key frame is left out.
    public func next() throws(LiveFailure) -> LivePacket {
        while true {
            let arrived = try read()
            let packet = arrived.packet
            guard let stream = streams[packet.streamIndex] else { continue }
            if stream.info.kind == .video, waitsForKey {
                guard packet.isKey || skippedBeforeKey >= Self.mostBeforeKey else {
                    skippedBeforeKey += 1
                    continue
                }
                waitsForKey = false
            }
            let place = timeline.place(
                stream: packet.streamIndex,
                presentation: arrived.hasClock ? packet.timestamp : nil,
                decoding: arrived.hasClock ? packet.decodingTime : nil, arrival: arrived.arrival)
            packet.place(place)
            return LivePacket(
                packet: packet, stream: stream, arrival: arrived.arrival,
                wallTime: arrived.wallTime, followsGap: place.followsGap)
        }
    }

    /// The next packet of the connection, which is closed when there is none: a camera that is held open would come back
    /// under another name, and some cameras serve one client only.
    private func read() throws(LiveFailure) -> ArrivedPacket {
        if let reader {
            do { return try reader.next() } catch {
                failure = error
                self.reader = nil
            }
        }
        throw failure ?? LiveFailure(.ended, "read", address, cause: "the stream ended")
    }

    /// A decoder of the video that gives each frame as soon as it can be decoded: it has no frame threads.
    public func makeDecoder(threads: Int) throws(FathomError) -> Decoder {
        try Decoder(
            video, parameters: videoParameters, subject: address.name, threads: threads,
            delay: .low)
    }
}

extension StreamInfo {
    /// The same stream with the timeline's ticks.
    fileprivate var onTimeline: StreamInfo {
        var info = self
        info.timeBase = LiveTimeline.timeBase
        info.startTicks = nil
        info.duration = nil
        return info
    }
}

extension Packet {
    /// Its decoding time; nil when the container has none.
    var decodingTime: Timestamp? {
        let value = pointer.pointee.dts
        return value == noTimestamp ? nil : Timestamp(value, Rational(timeBase))
    }

    /// Gives it its times on the timeline.
    fileprivate func place(_ place: LiveTimeline.Place) {
        let length = Timestamp(max(0, pointer.pointee.duration), Rational(timeBase)).rescaled(
            to: LiveTimeline.timeBase
        ).value
        timeBase = LiveTimeline.timeBase.ffmpeg
        pointer.pointee.pts = place.presentation
        pointer.pointee.dts = place.decoding
        pointer.pointee.duration = min(length, 90_000 * 60)
        pointer.pointee.pos = -1
    }
}
