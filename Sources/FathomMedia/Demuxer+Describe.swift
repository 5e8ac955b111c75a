import CFFmpeg
import FathomCore
import Glibc

extension Demuxer {
    /// The description of an open container; throws on sizes and rates that no file has.
    static func describe(_ context: InputContext, name: String) throws(FathomError) -> MediaInfo {
        let format = context.pointer.pointee
        var streams: [StreamInfo] = []
        for index in 0..<Int(format.nb_streams) {
            guard let stream = format.streams[index] else { continue }
            streams.append(try describe(stream, in: context, name: name))
        }
        let size = format.pb.map { max(0, avio_size($0)) } ?? 0
        return MediaInfo(
            path: name, container: String(cString: format.iformat.pointee.name),
            duration: credible(
                seconds: ticks(format.duration, Rational(1, Int(AV_TIME_BASE))), bytes: size),
            startTime: ticks(format.start_time, Rational(1, Int(AV_TIME_BASE))), streams: streams,
            chapters: chapters(context),
            metadata: Dictionary(
                dictionaryPairs(format.metadata).map { ($0.key, $0.value) },
                uniquingKeysWith: { first, _ in first }))
    }

    private static func ticks(_ value: Int64, _ timeBase: Rational) -> Double? {
        value == noTimestamp ? nil : Timestamp(value, timeBase).seconds
    }

    /// Containers written live or in fragments claim days; a file of a few bytes a second is no video.
    private static func credible(seconds: Double?, bytes: Int64) -> Double? {
        guard let seconds, seconds > 0, seconds < 31 * 86400 else { return nil }
        return bytes > 0 && seconds > 60 && Double(bytes) / seconds < 20 ? nil : seconds
    }

    private static func chapters(_ context: InputContext) -> [MediaInfo.Chapter] {
        (0..<Int(context.pointer.pointee.nb_chapters)).compactMap { index in
            guard let chapter = context.pointer.pointee.chapters[index]?.pointee else { return nil }
            let base = Rational(chapter.time_base)
            return MediaInfo.Chapter(
                start: Timestamp(chapter.start, base).seconds,
                end: Timestamp(chapter.end, base).seconds,
                title: dictionaryPairs(chapter.metadata).first { $0.key == "title" }?.value)
        }
    }

    private static func describe(
        _ stream: UnsafeMutablePointer<AVStream>, in context: InputContext, name: String
    ) throws(FathomError) -> StreamInfo {
        let parameters = stream.pointee.codecpar.pointee
        let kind = StreamInfo.Kind(parameters.codec_type)
        let tags = dictionaryPairs(stream.pointee.metadata)
        func tag(_ key: String) -> String? { tags.first { $0.key == key }?.value }
        let disposition = stream.pointee.disposition
        var info = StreamInfo(
            index: Int(stream.pointee.index), kind: kind,
            codec: parameters.codec_id == AV_CODEC_ID_NONE
                ? "unknown" : String(cString: avcodec_get_name(parameters.codec_id)),
            tag: parameters.codec_tag == 0 ? "" : tagText(parameters.codec_tag),
            profile: avcodec_profile_name(parameters.codec_id, parameters.profile).map {
                String(cString: $0)
            },
            timeBase: Rational(stream.pointee.time_base),
            startTicks: stream.pointee.start_time == noTimestamp ? nil : stream.pointee.start_time,
            duration: credible(
                seconds: ticks(stream.pointee.duration, Rational(stream.pointee.time_base)),
                bytes: 0),
            language: tag("language"), title: tag("title") ?? tag("handler_name"),
            isDefault: disposition & AV_DISPOSITION_DEFAULT != 0,
            isAttachedPicture: disposition
                & (AV_DISPOSITION_ATTACHED_PIC | AV_DISPOSITION_TIMED_THUMBNAILS) != 0)
        if kind == .video {
            info.video = try describeVideo(stream, in: context, name: name)
        } else if kind == .audio {
            info.audio = StreamInfo.Audio(
                sampleRate: Int(parameters.sample_rate),
                channels: Int(parameters.ch_layout.nb_channels))
        }
        return info
    }

    private static func describeVideo(
        _ stream: UnsafeMutablePointer<AVStream>, in context: InputContext, name: String
    ) throws(FathomError) -> StreamInfo.Video {
        let parameters = stream.pointee.codecpar.pointee
        try checkSize(width: Int(parameters.width), height: Int(parameters.height), name: name)
        func text(_ pointer: UnsafePointer<CChar>?, unless unspecified: Bool) -> String? {
            unspecified ? nil : pointer.map { String(cString: $0) }
        }
        let aspect = av_guess_sample_aspect_ratio(context.pointer, stream, nil)
        let order = parameters.field_order
        return StreamInfo.Video(
            width: Int(parameters.width), height: Int(parameters.height),
            pixelFormat: av_get_pix_fmt_name(AVPixelFormat(parameters.format)).map {
                String(cString: $0)
            } ?? "unknown",
            frameRate: try frameRate(stream, name: name),
            sampleAspectRatio: Rational(aspect).isPositive ? Rational(aspect) : nil,
            orientation: orientation(stream),
            colorRange: text(
                av_color_range_name(parameters.color_range),
                unless: parameters.color_range == AVCOL_RANGE_UNSPECIFIED),
            colorMatrix: text(
                av_color_space_name(parameters.color_space),
                unless: parameters.color_space == AVCOL_SPC_UNSPECIFIED),
            colorTransfer: text(
                av_color_transfer_name(parameters.color_trc),
                unless: parameters.color_trc == AVCOL_TRC_UNSPECIFIED),
            colorPrimaries: text(
                av_color_primaries_name(parameters.color_primaries),
                unless: parameters.color_primaries == AVCOL_PRI_UNSPECIFIED),
            isInterlaced: order != AV_FIELD_UNKNOWN && order != AV_FIELD_PROGRESSIVE)
    }

    /// Throws on a picture that is too large to be meant.
    static func checkSize(width: Int, height: Int, name: String) throws(FathomError) {
        let limit = InputContext.maximumSide
        guard
            width > limit || height > limit
                || width.multipliedReportingOverflow(by: height).partialValue
                    > InputContext.maximumPixels
        else { return }
        throw FathomError(
            operation: "open", subject: name,
            cause: "its header says \(width)×\(height) pixels, more than Fathom takes",
            remedy: "The header is probably damaged; at most \(limit) a side and 134 million in all"
        )
    }

    /// The most credible of what the container and codec say.
    private static func frameRate(
        _ stream: UnsafeMutablePointer<AVStream>, name: String
    ) throws(FathomError) -> Rational? {
        let stated = [stream.pointee.avg_frame_rate, stream.pointee.r_frame_rate]
            .map { Rational($0) }.filter(\.isPositive)
        if !stated.isEmpty, stated.allSatisfy({ $0.value > InputContext.maximumFrameRate }) {
            throw FathomError(
                operation: "open", subject: name,
                cause: "its header says \(stated[0]) frames a second, more than any camera gives",
                remedy: "The header is probably damaged: repair the file by a stream copy")
        }
        // Slow motion goes to 960/s; above that it is the tick of a variable rate.
        return stated.first { $0.value <= 1000 && $0.value >= 0.01 && $0 != Rational(1000, 1) }
    }

    private static func orientation(_ stream: UnsafeMutablePointer<AVStream>) -> Orientation {
        var size = 0
        guard let data = av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, &size),
            size >= 9 * MemoryLayout<Int32>.size
        else { return .upright }
        return data.withMemoryRebound(to: Int32.self, capacity: 9) {
            Orientation(displayMatrix: $0)
        }
    }
}
