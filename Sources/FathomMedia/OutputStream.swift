import CFFmpeg
import FathomCore

/// One stream of an output and where its packets come from.
struct OutputStream {
    /// The stream in the source; nil for a video without a source.
    var sourceIndex: Int?
    /// Whether its packets come from the encoder.
    var isEncoded: Bool
    /// How the packets' contents change on the way.
    var subtitles: SubtitleConversion?
}

/// Decides which streams of a source an output can hold.
enum StreamSelection {
    /// What may be copied.
    struct Wishes {
        var audio = true
        var data = true
    }

    /// The output's streams in the source's order, and a sentence for each stream that is left out.
    static func choose(
        from demuxer: Demuxer, video: StreamInfo, container: Container, wishes: Wishes
    ) -> (streams: [OutputStream], warnings: [String]) {
        var streams: [OutputStream] = []
        var warnings: [String] = []
        for info in demuxer.info.streams {
            if info.index == video.index {
                streams.append(OutputStream(sourceIndex: info.index, isEncoded: true))
                continue
            }
            guard let stream = demuxer.ffmpegStream(info.index),
                // Chapter titles of MP4 are a track of their own; they are written as chapters.
                stream.pointee.discard != AVDISCARD_ALL
            else { continue }
            if info.kind == .video && !info.isAttachedPicture {
                warnings.append(
                    "\(info.name) is not in the output: choose it with --stream \(info.index)")
                continue
            }
            guard info.kind == .audio ? wishes.audio : wishes.data else { continue }
            // MP4 and MOV make a time code track anew from what the video's own tags say of it.
            if container.isMov, info.tag == "tmcd", hasTimeCode(video, demuxer) { continue }
            let conversion = SubtitleConversion(
                from: stream.pointee.codecpar.pointee.codec_id, container: container)
            let codec = conversion?.target ?? stream.pointee.codecpar.pointee.codec_id
            if canHold(stream, codec: codec, container: container) {
                streams.append(
                    OutputStream(
                        sourceIndex: info.index, isEncoded: false, subtitles: conversion))
            } else {
                warnings.append(
                    "\(info.name) is not in the output: \(container.name) can't hold it")
            }
        }
        return (streams, warnings)
    }

    private static func hasTimeCode(_ video: StreamInfo, _ demuxer: Demuxer) -> Bool {
        let stream = demuxer.ffmpegStream(video.index)
        return dictionaryPairs(stream?.pointee.metadata).contains { $0.key == "timecode" }
    }

    /// Asks the muxer's tables, and where they don't know lets it try a header with this stream alone.
    private static func canHold(
        _ stream: UnsafeMutablePointer<AVStream>, codec: AVCodecID, container: Container
    ) -> Bool {
        let type = stream.pointee.codecpar.pointee.codec_type
        let isData = type == AVMEDIA_TYPE_DATA || type == AVMEDIA_TYPE_ATTACHMENT
        if !isData,
            avformat_query_codec(container.ffmpegFormat, codec, FF_COMPLIANCE_UNOFFICIAL) == 0
        {
            return false
        }
        var context: UnsafeMutablePointer<AVFormatContext>?
        avformat_alloc_output_context2(&context, container.ffmpegFormat, container.name, nil)
        guard let context else { return false }
        defer { avformat_free_context(context) }
        context.pointee.strict_std_compliance = FF_COMPLIANCE_UNOFFICIAL
        guard avio_open_dyn_buf(&context.pointee.pb) >= 0 else { return false }
        defer {
            var bytes: UnsafeMutablePointer<UInt8>?
            avio_close_dyn_buf(context.pointee.pb, &bytes)
            av_free(bytes)
            context.pointee.pb = nil
        }
        guard let trial = avformat_new_stream(context, nil) else { return false }
        copyDescription(of: stream, to: trial, codec: codec, container: container)
        var options: OpaquePointer?
        defer { av_dict_free(&options) }
        for (key, value) in container.growingOptions { av_dict_set(&options, key, value, 0) }
        // A header that is written has to be ended, else the muxer's own memory is not given back.
        guard avformat_write_header(context, &options) >= 0 else { return false }
        av_write_trailer(context)
        return true
    }

    /// Everything that a stream copy takes over from the source's stream.
    static func copyDescription(
        of source: UnsafeMutablePointer<AVStream>, to target: UnsafeMutablePointer<AVStream>,
        codec: AVCodecID, container: Container
    ) {
        let parameters = target.pointee.codecpar
        guard let parameters, avcodec_parameters_copy(parameters, source.pointee.codecpar) >= 0
        else { return }
        let tag = parameters.pointee.codec_tag
        if codec != parameters.pointee.codec_id {
            parameters.pointee.codec_id = codec
            parameters.pointee.codec_tag = 0
            av_freep(&parameters.pointee.extradata)
            parameters.pointee.extradata_size = 0
        } else if let tables = container.ffmpegFormat?.pointee.codec_tag,
            av_codec_get_id(tables, tag) != codec || codec == AV_CODEC_ID_NONE
        {
            // The source's tag means nothing here, unless it is all that is known of the stream.
            if codec != AV_CODEC_ID_NONE { parameters.pointee.codec_tag = 0 }
        } else if container.ffmpegFormat?.pointee.codec_tag == nil {
            parameters.pointee.codec_tag = 0
        }
        target.pointee.time_base = source.pointee.time_base
        target.pointee.avg_frame_rate = source.pointee.avg_frame_rate
        target.pointee.r_frame_rate = source.pointee.r_frame_rate
        target.pointee.disposition = source.pointee.disposition
        target.pointee.sample_aspect_ratio = source.pointee.sample_aspect_ratio
        copySideData(from: source, to: target)
        Metadata.copy(source.pointee.metadata, to: &target.pointee.metadata, isStream: true)
    }

    private static func copySideData(
        from source: UnsafeMutablePointer<AVStream>, to target: UnsafeMutablePointer<AVStream>
    ) {
        for index in 0..<Int(source.pointee.nb_side_data) {
            let side = source.pointee.side_data[index]
            guard side.type != AV_PKT_DATA_DISPLAYMATRIX, let data = side.data,
                let copy = av_stream_new_side_data(target, side.type, side.size)
            else { continue }
            copy.update(from: data, count: side.size)
        }
    }
}
