import CFFmpeg
import FathomCore

/// What FFmpeg's own libraries find in a file: for checks of outputs, independent of Fathom's readers.
package struct ReadBack {
    /// One stream with all its packets.
    package struct Stream {
        package var kind: AVMediaType
        package var codec: AVCodecID
        package var codecName: String
        package var tag: UInt32
        package var timeBase: Rational
        package var language: String?
        package var width: Int
        package var height: Int
        package var pixelFormat: String
        package var sampleAspectRatio: Rational
        package var matrix: AVColorSpace
        package var range: AVColorRange
        package var hasDisplayMatrix: Bool
        package var metadata: [String: String]
        /// In the order of the file.
        package var packets: [Packet] = []

        /// Times of all packets in the order of showing.
        package var times: [Timestamp] {
            packets.map { Timestamp($0.pts, timeBase) }.sorted()
        }
    }

    /// One packet.
    package struct Packet: Hashable {
        package var pts: Int64
        package var isDiscarded: Bool
        package var bytes: [UInt8]
    }

    package var streams: [Stream] = []
    package var chapters: [(start: Double, end: Double, title: String)] = []
    package var metadata: [String: String] = [:]
    package var duration: Double

    /// The first stream of a kind.
    package func first(_ kind: AVMediaType) throws -> Stream {
        try found(streams.first { $0.kind == kind }, "stream")
    }

    /// All streams of a kind.
    package func all(_ kind: AVMediaType) -> [Stream] { streams.filter { $0.kind == kind } }

    package init(_ path: String) throws {
        var context: UnsafeMutablePointer<AVFormatContext>?
        try check(avformat_open_input(&context, path, nil, nil), path)
        defer { avformat_close_input(&context) }
        let file = try found(context, path)
        try check(avformat_find_stream_info(file, nil), path)
        duration = Double(file.pointee.duration) / 1e6
        metadata = Self.pairs(file.pointee.metadata)
        for index in 0..<Int(file.pointee.nb_streams) {
            streams.append(Self.describe(try found(file.pointee.streams[index], "stream")))
        }
        for index in 0..<Int(file.pointee.nb_chapters) {
            guard let chapter = file.pointee.chapters[index]?.pointee else { continue }
            let tick = av_q2d(chapter.time_base)
            chapters.append(
                (
                    Double(chapter.start) * tick, Double(chapter.end) * tick,
                    Self.pairs(chapter.metadata)["title"] ?? ""
                ))
        }
        let packet = try found(av_packet_alloc(), "packet")
        defer {
            var packet: UnsafeMutablePointer<AVPacket>? = packet
            av_packet_free(&packet)
        }
        while av_read_frame(file, packet) >= 0 {
            let value = packet.pointee
            streams[Int(value.stream_index)].packets.append(
                Packet(
                    pts: value.pts, isDiscarded: value.flags & AV_PKT_FLAG_DISCARD != 0,
                    bytes: Array(UnsafeBufferPointer(start: value.data, count: Int(value.size)))))
            av_packet_unref(packet)
        }
    }

    private static func describe(_ stream: UnsafeMutablePointer<AVStream>) -> Stream {
        let parameters = stream.pointee.codecpar.pointee
        let metadata = pairs(stream.pointee.metadata)
        return Stream(
            kind: parameters.codec_type, codec: parameters.codec_id,
            codecName: String(cString: avcodec_get_name(parameters.codec_id)),
            tag: parameters.codec_tag,
            timeBase: Rational(
                Int(stream.pointee.time_base.num), Int(stream.pointee.time_base.den)),
            language: metadata["language"], width: Int(parameters.width),
            height: Int(parameters.height),
            pixelFormat: av_get_pix_fmt_name(AVPixelFormat(parameters.format)).map {
                String(cString: $0)
            } ?? "",
            sampleAspectRatio: Rational(
                Int(stream.pointee.sample_aspect_ratio.num),
                Int(stream.pointee.sample_aspect_ratio.den)),
            matrix: parameters.color_space, range: parameters.color_range,
            hasDisplayMatrix: av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, nil)
                != nil,
            metadata: metadata)
    }

    private static func pairs(_ dictionary: OpaquePointer?) -> [String: String] {
        var result: [String: String] = [:]
        var entry: UnsafeMutablePointer<AVDictionaryEntry>?
        while true {
            entry = av_dict_get(dictionary, "", entry, AV_DICT_IGNORE_SUFFIX)
            guard let found = entry?.pointee else { return result }
            result[String(cString: found.key)] = String(cString: found.value)
        }
    }
}
