import CFFmpeg
import FathomCore

/// Pictures in files of their own, read one at a time as the packets of one stream.
struct PictureSequence {
    private let paths: [String]
    private let timeBase: AVRational
    private let interruption: Interruption
    private var position = 0

    init(paths: [String], rate: Rational, interruption: Interruption) {
        self.paths = paths
        self.timeBase = rate.inverse.ffmpeg
        self.interruption = interruption
    }

    /// The next picture; nil after the last one. A picture that can't be read throws: its time would be lost.
    mutating func next() throws(FathomError) -> Packet? {
        guard position < paths.count else { return nil }
        let context = try InputContext(
            path: paths[position], format: "image2", interruption: interruption)
        guard let stream = context.stream(0) else {
            throw FathomError(
                operation: "open", subject: paths[position], cause: "it is not a picture")
        }
        let packet = try Packet(
            timeBase: timeBase, parameters: CodecParameters(copying: stream.pointee.codecpar))
        let code = av_read_frame(context.pointer, packet.pointer)
        guard code >= 0 else {
            throw FathomError(
                operation: "read", subject: paths[position], cause: describeError(code),
                remedy: "Remove or replace this picture")
        }
        packet.pointer.pointee.pts = Int64(position)
        packet.pointer.pointee.dts = Int64(position)
        packet.pointer.pointee.duration = 1
        packet.pointer.pointee.stream_index = 0
        position += 1
        return packet
    }

    mutating func seek(to time: Timestamp) {
        let index = time.rescaled(to: Rational(timeBase)).value
        position = Int(min(max(index, 0), Int64(paths.count)))
    }
}

extension MediaInfo {
    /// The description of the first picture, made that of the whole sequence.
    func asSequence(count: Int, rate: Rational) -> MediaInfo {
        var info = self
        info.duration = Double(count) / rate.value
        info.startTime = 0
        info.streams = info.streams.prefix(1).map { stream in
            var stream = stream
            stream.timeBase = rate.inverse
            stream.startTicks = 0
            stream.duration = info.duration
            stream.video?.frameRate = rate
            return stream
        }
        return info
    }
}
