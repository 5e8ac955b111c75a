import CFFmpeg
import FathomCore
import Foundation

/// An encoder and the stream that its packets go to.
private final class Track {
    let context: UnsafeMutablePointer<AVCodecContext>
    let stream: UnsafeMutablePointer<AVStream>
    let file: UnsafeMutablePointer<AVFormatContext>

    init(_ encoder: String, in file: UnsafeMutablePointer<AVFormatContext>) throws {
        let codec = try found(avcodec_find_encoder_by_name(encoder), "encoder \(encoder)")
        context = try found(avcodec_alloc_context3(codec), "encoder")
        stream = try found(avformat_new_stream(file, nil), "stream")
        self.file = file
        if file.pointee.oformat.pointee.flags & AVFMT_GLOBALHEADER != 0 {
            context.pointee.flags |= Int32(AV_CODEC_FLAG_GLOBAL_HEADER)
        }
    }

    deinit {
        var context: UnsafeMutablePointer<AVCodecContext>? = context
        avcodec_free_context(&context)
    }

    func open(_ options: [String: String]) throws {
        for (key, value) in options {
            try check(
                av_opt_set(context, key, value, AV_OPT_SEARCH_CHILDREN), "option \(key)")
        }
        try check(avcodec_open2(context, nil, nil), "encoder")
        try check(avcodec_parameters_from_context(stream.pointee.codecpar, context), "encoder")
        stream.pointee.time_base = context.pointee.time_base
    }

    func encode(_ frame: UnsafeMutablePointer<AVFrame>?) throws {
        try check(avcodec_send_frame(context, frame), "encode")
        let packet = try found(av_packet_alloc(), "packet")
        defer {
            var packet: UnsafeMutablePointer<AVPacket>? = packet
            av_packet_free(&packet)
        }
        while avcodec_receive_packet(context, packet) >= 0 {
            av_packet_rescale_ts(packet, context.pointee.time_base, stream.pointee.time_base)
            packet.pointee.stream_index = stream.pointee.index
            // Else the muxer takes the last frame for one of no length, and its edit list hides it.
            if packet.pointee.duration == 0 {
                packet.pointee.duration = max(
                    1,
                    av_rescale_q(
                        1, AVRational(num: 1, den: 25), stream.pointee.time_base))
            }
            try check(av_interleaved_write_frame(file, packet), "packet")
        }
    }
}

/// The pictures of a clip.
final class VideoTrack {
    private let clip: Clip
    private let track: Track

    init(_ clip: Clip, in file: UnsafeMutablePointer<AVFormatContext>) throws {
        self.clip = clip
        track = try Track(clip.encoder, in: file)
        let context = track.context
        context.pointee.width = Int32(clip.width)
        context.pointee.height = Int32(clip.height)
        context.pointee.pix_fmt = av_get_pix_fmt(clip.pixelFormat)
        context.pointee.time_base = AVRational(
            num: Int32(clip.timeBase.numerator), den: Int32(clip.timeBase.denominator))
        context.pointee.sample_aspect_ratio = AVRational(
            num: Int32(clip.sampleAspectRatio.numerator),
            den: Int32(clip.sampleAspectRatio.denominator))
        context.pointee.colorspace = clip.matrix
        context.pointee.color_range = clip.range
        context.pointee.color_trc = clip.transfer
        context.pointee.color_primaries = clip.primaries
        context.pointee.gop_size = Int32(clip.keyFrameDistance)
        context.pointee.max_b_frames = Int32(clip.bFrames)
        context.pointee.thread_count = 1
        if clip.isInterlaced {
            context.pointee.flags |= AV_CODEC_FLAG_INTERLACED_DCT | AV_CODEC_FLAG_INTERLACED_ME
            context.pointee.field_order = AV_FIELD_TT
        }
        var options = clip.encoderOptions
        if clip.encoder == "libx264" { options["crf"] = options["crf"] ?? "4" }
        if clip.encoder == "libx264" { options["preset"] = options["preset"] ?? "veryfast" }
        try track.open(options)
        track.stream.pointee.sample_aspect_ratio = context.pointee.sample_aspect_ratio
        if let matrix = clip.displayMatrix {
            let data = try found(
                av_stream_new_side_data(track.stream, AV_PKT_DATA_DISPLAYMATRIX, 36), "side data")
            UnsafeMutableRawPointer(data).copyMemory(from: matrix, byteCount: 36)
        }
    }

    func write() throws {
        for (index, time) in clip.times.enumerated() {
            let frame = try paint(index)
            defer {
                var frame: UnsafeMutablePointer<AVFrame>? = frame
                av_frame_free(&frame)
            }
            frame.pointee.pts = time
            try track.encode(frame)
        }
        try track.encode(nil)
    }

    private func paint(_ index: Int) throws -> UnsafeMutablePointer<AVFrame> {
        let frame = try found(av_frame_alloc(), "frame")
        frame.pointee.width = track.context.pointee.width
        frame.pointee.height = track.context.pointee.height
        frame.pointee.format = track.context.pointee.pix_fmt.rawValue
        frame.pointee.colorspace = clip.matrix
        frame.pointee.color_range = clip.range
        frame.pointee.color_trc = clip.transfer
        frame.pointee.color_primaries = clip.primaries
        frame.pointee.interlaced_frame = clip.isInterlaced ? 1 : 0
        frame.pointee.top_field_first = clip.isInterlaced ? 1 : 0
        try check(av_frame_get_buffer(frame, 0), "frame")
        let format = try found(av_pix_fmt_desc_get(track.context.pointee.pix_fmt), "format").pointee
        let components = [format.comp.0, format.comp.1, format.comp.2, format.comp.3]
        let planes = [
            frame.pointee.data.0, frame.pointee.data.1, frame.pointee.data.2, frame.pointee.data.3,
        ]
        let strides = [
            frame.pointee.linesize.0, frame.pointee.linesize.1, frame.pointee.linesize.2,
            frame.pointee.linesize.3,
        ]
        for component in 0..<Int(format.nb_components) {
            let layout = components[component]
            let isChroma = component == 1 || component == 2
            let isRGB = format.flags & UInt64(AV_PIX_FMT_FLAG_RGB) != 0
            let (sx, sy) =
                isChroma && !isRGB ? (Int(format.log2_chroma_w), Int(format.log2_chroma_h)) : (0, 0)
            let base = try found(planes[Int(layout.plane)], "plane")
            for y in 0..<((clip.height + (1 << sy) - 1) >> sy) {
                let row = base + y * Int(strides[Int(layout.plane)]) + Int(layout.offset)
                for x in 0..<((clip.width + (1 << sx) - 1) >> sx) {
                    let value = clip.paint(index, component, x, y)
                    let place = row + x * Int(layout.step)
                    if layout.depth > 8 {
                        UnsafeMutableRawPointer(place).storeBytes(
                            of: UInt16(value << Int(layout.shift)), as: UInt16.self)
                    } else {
                        place.pointee = UInt8(value)
                    }
                }
            }
        }
        return frame
    }
}

/// A sine of 440 Hz.
final class AudioTrack {
    private let track: Track
    private let seconds: Double

    init(_ audio: Clip.Audio, in file: UnsafeMutablePointer<AVFormatContext>) throws {
        seconds = audio.seconds
        track = try Track(
            String(cString: file.pointee.oformat.pointee.name) == "webm" ? "libopus" : "aac",
            in: file)
        let rate: Int32 =
            String(cString: file.pointee.oformat.pointee.name) == "webm" ? 48000 : 44100
        track.context.pointee.sample_rate = rate
        track.context.pointee.sample_fmt = rate == 48000 ? AV_SAMPLE_FMT_FLT : AV_SAMPLE_FMT_FLTP
        av_channel_layout_default(&track.context.pointee.ch_layout, 1)
        track.context.pointee.time_base = AVRational(num: 1, den: rate)
        try track.open([:])
        av_dict_set(&track.stream.pointee.metadata, "language", audio.language, 0)
    }

    func write() throws {
        let context = track.context.pointee
        let count = Int(context.frame_size)
        let total = Int(seconds * Double(context.sample_rate))
        for start in stride(from: 0, to: total, by: count) {
            let frame = try found(av_frame_alloc(), "frame")
            defer {
                var frame: UnsafeMutablePointer<AVFrame>? = frame
                av_frame_free(&frame)
            }
            frame.pointee.nb_samples = Int32(count)
            frame.pointee.format = context.sample_fmt.rawValue
            frame.pointee.sample_rate = context.sample_rate
            av_channel_layout_default(&frame.pointee.ch_layout, 1)
            try check(av_frame_get_buffer(frame, 0), "sound")
            let samples = UnsafeMutableRawPointer(try found(frame.pointee.data.0, "sound"))
                .bindMemory(to: Float.self, capacity: count)
            for i in 0..<count {
                let time = Double(start + i) / Double(context.sample_rate)
                samples[i] = Float(0.2 * sin(2 * .pi * 440 * time))
            }
            frame.pointee.pts = Int64(start)
            try track.encode(frame)
        }
        try track.encode(nil)
    }
}

/// A file with sound and nothing else.
package enum SoundFile {
    /// Half a second of AAC.
    package static func write(to path: String) throws {
        var context: UnsafeMutablePointer<AVFormatContext>?
        try check(avformat_alloc_output_context2(&context, nil, nil, path), "container")
        let file = try found(context, "container")
        defer { avformat_free_context(file) }
        let sound = try AudioTrack(Clip.Audio(seconds: 0.5), in: file)
        try check(avio_open(&file.pointee.pb, path, AVIO_FLAG_WRITE), path)
        defer { avio_closep(&file.pointee.pb) }
        try check(avformat_write_header(file, nil), "header")
        try sound.write()
        try check(av_write_trailer(file), "trailer")
    }
}
