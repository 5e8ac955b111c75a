import CFFmpeg
import FathomCore

/// Opens a recording and gives its packets, all streams, in the container's order.
///
/// One thread at a time may use it.
public final class Demuxer: @unchecked Sendable {
    // Sendable: opened by one thread and then handed to the thread that reads.

    /// How to open.
    public struct Options: Sendable {
        /// Asked often while FFmpeg waits; true makes every call end soon.
        public var isCancelled: @Sendable () -> Bool = { false }
        /// How long a picture of a sequence is shown.
        public var pictureRate = Rational(25, 1)
        /// FFmpeg's name of the container, where it can't be found out; nil as a rule.
        public var format: String?
        /// FFmpeg's own options of the container or protocol.
        public var settings: [String: String] = [:]

        /// The defaults.
        public init() {}
    }

    /// What is in the file.
    public let info: MediaInfo
    /// The input.
    public let input: MediaInput
    /// How many packets could not be read because of damage.
    public private(set) var readErrors = 0
    /// How many packets of each stream arrived damaged: something of them, or packets beside them, is missing.
    public private(set) var damagedPackets: [Int: Int] = [:]
    /// Why reading ended before the end, when it did: for a warning.
    public private(set) var earlyEnd: String?

    private let interruption: Interruption
    private var context: InputContext
    private var pictures: PictureSequence?

    /// Opens the input and looks at its streams; throws when it is no media or is damaged beyond reading.
    public init(_ input: MediaInput, options: Options = Options()) throws(FathomError) {
        self.input = input
        interruption = Interruption(options.isCancelled)
        switch input {
        case .pictures(let paths, let name):
            guard let first = paths.first else {
                throw FathomError(operation: "open", subject: name, cause: "it has no pictures")
            }
            let rate = options.pictureRate.isPositive ? options.pictureRate : Rational(25, 1)
            context = try InputContext(
                path: first, format: "image2", interruption: interruption)
            pictures = PictureSequence(paths: paths, rate: rate, interruption: interruption)
            info = try Self.describe(context, name: name).asSequence(count: paths.count, rate: rate)
        case .file(let path):
            context = try InputContext(
                path: path, format: options.format, options: options.settings,
                interruption: interruption)
            info = try Self.describe(context, name: path)
        case .standardInput:
            context = try InputContext(
                path: nil, format: options.format, options: options.settings,
                interruption: interruption)
            info = try Self.describe(context, name: "-")
        }
    }

    /// The next packet of any stream; nil at the end of the input.
    ///
    /// Damage is skipped and counted; only an interruption throws.
    public func nextPacket() throws(FathomError) -> Packet? {
        if pictures != nil { return try pictures?.next() }
        var failures = 0
        while true {
            if interruption.isCancelled() { throw InputContext.interrupted(info.path) }
            let packet = try Packet(timeBase: AVRational(num: 1, den: 1))
            let code = av_read_frame(context.pointer, packet.pointer)
            if code >= 0 {
                let index = packet.streamIndex
                // Streams that turn up later than the header are not in `info`.
                guard index < info.streams.count, let stream = context.stream(index) else {
                    continue
                }
                packet.timeBase = stream.pointee.time_base
                if packet.pointer.pointee.flags & AV_PKT_FLAG_CORRUPT != 0 {
                    damagedPackets[index, default: 0] += 1
                }
                return packet
            }
            if code == fathom_error_end_of_file { return nil }
            if interruption.isCancelled() { throw InputContext.interrupted(info.path) }
            if code == fathom_error_again { continue }
            readErrors += 1
            failures += 1
            // Some demuxers find their way again after invalid data, none after an error of the device.
            if code != fathom_error_invalid_data || failures >= 100 {
                earlyEnd = describeError(code)
                return nil
            }
        }
    }

    /// Goes to the last key frame of a stream at or before a moment; packets from there follow.
    ///
    /// Returns false when the input can't seek: reading then goes on from where it is.
    @discardableResult
    public func seek(to time: Timestamp, stream: StreamInfo) -> Bool {
        if pictures != nil {
            pictures?.seek(to: time)
            return true
        }
        guard context.pointer.pointee.pb == nil || context.pointer.pointee.pb.pointee.seekable != 0
        else { return false }
        let target = time.rescaled(to: stream.timeBase)
        return av_seek_frame(
            context.pointer, Int32(stream.index), target.value, AVSEEK_FLAG_BACKWARD) >= 0
    }

    /// The video stream to work on.
    ///
    /// `requested` is a container's stream index or, when that stream is no video, the how-manieth video from 0.
    /// Without it: the first one flagged as default, as players do, else the first; cover art is never taken.
    public func chooseVideo(_ requested: Int? = nil) throws(FathomError) -> StreamInfo {
        let videos = info.streams.filter { stream in
            guard stream.kind == .video, !stream.isAttachedPicture, let video = stream.video
            else { return false }
            return video.width > 0 && video.height > 0
        }
        guard !videos.isEmpty else { throw noVideo() }
        if let requested {
            if let exact = videos.first(where: { $0.index == requested }) { return exact }
            guard requested >= 0, requested < videos.count else {
                let known = videos.map { String($0.index) }.joined(separator: ", ")
                throw FathomError(
                    .usage, operation: "use stream \(requested) of", subject: info.path,
                    cause: "it is not a video stream", remedy: "Its video streams are: \(known)")
            }
            return videos[requested]
        }
        return videos.first(where: \.isDefault) ?? videos[0]
    }

    private func noVideo() -> FathomError {
        let cover = info.streams.contains { $0.isAttachedPicture }
        let audio = info.streams.contains { $0.kind == .audio }
        let videos = info.streams.contains { $0.kind == .video && !$0.isAttachedPicture }
        return FathomError(
            operation: "find a video in", subject: info.path,
            cause: videos
                ? "its video stream has no size: no frame of it can be decoded"
                : audio
                    ? cover ? "it has only sound and cover art" : "it has only sound"
                    : "it has no video stream",
            remedy: "Name a file with a video stream")
    }

    // MARK: For the muxer

    /// FFmpeg's view of a stream; only while this demuxer lives.
    func ffmpegStream(_ index: Int) -> UnsafeMutablePointer<AVStream>? { context.stream(index) }

    /// FFmpeg's context; only while this demuxer lives.
    var ffmpegContext: UnsafeMutablePointer<AVFormatContext> { context.pointer }

    /// Length of a tick of the packets' time stamps.
    func timeBase(of stream: StreamInfo) -> AVRational { stream.timeBase.ffmpeg }
}
