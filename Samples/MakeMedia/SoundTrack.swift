import CFFmpeg
import FathomCore

/// Adds sound to a silent recording: the video's packets are copied, the sound is encoded as AAC.
///
/// Fathom itself only ever copies sound, so this is the one place that encodes some.
final class SoundTrack {
    private var input: UnsafeMutablePointer<AVFormatContext>?
    private var output: UnsafeMutablePointer<AVFormatContext>?
    private var encoder: UnsafeMutablePointer<AVCodecContext>?
    private var frame = av_frame_alloc()
    private var picturePacket = av_packet_alloc()
    private var soundPacket = av_packet_alloc()

    deinit {
        av_packet_free(&picturePacket)
        av_packet_free(&soundPacket)
        av_frame_free(&frame)
        avcodec_free_context(&encoder)
        if let output { avio_closep(&output.pointee.pb) }
        avformat_free_context(output)
        avformat_close_input(&input)
    }

    /// Writes `output` with the first video stream of `video` and the sound.
    static func add(
        _ sound: DrivingSound, toVideo video: String, output path: String, title: String
    ) throws(FathomError) {
        let track = SoundTrack()
        try track.open(video: video, output: path)
        try track.write(sound, title: title)
    }

    private func open(video: String, output path: String) throws(FathomError) {
        try check(avformat_open_input(&input, video, nil, nil), "open", video)
        try check(avformat_find_stream_info(input, nil), "read", video)
        try check(avformat_alloc_output_context2(&output, nil, "mp4", path), "make", path)
        encoder = avcodec_alloc_context3(avcodec_find_encoder(AV_CODEC_ID_AAC))
        guard let input, let output, let encoder, let source = input.pointee.streams[0],
            let picture = avformat_new_stream(output, nil),
            let sound = avformat_new_stream(output, nil)
        else { throw error("make", path, "there is no AAC encoder") }
        encoder.pointee.sample_rate = Int32(DrivingSound.rate)
        encoder.pointee.sample_fmt = AV_SAMPLE_FMT_FLTP
        encoder.pointee.bit_rate = 64000
        encoder.pointee.time_base = AVRational(num: 1, den: Int32(DrivingSound.rate))
        encoder.pointee.flags |= Int32(AV_CODEC_FLAG_GLOBAL_HEADER) | Int32(AV_CODEC_FLAG_BITEXACT)
        av_channel_layout_default(&encoder.pointee.ch_layout, 1)
        try check(avcodec_open2(encoder, nil, nil), "encode", path)
        avcodec_parameters_copy(picture.pointee.codecpar, source.pointee.codecpar)
        picture.pointee.codecpar.pointee.codec_tag = 0
        picture.pointee.time_base = source.pointee.time_base
        picture.pointee.avg_frame_rate = source.pointee.avg_frame_rate
        avcodec_parameters_from_context(sound.pointee.codecpar, encoder)
        sound.pointee.time_base = encoder.pointee.time_base
        output.pointee.flags |= AVFMT_FLAG_BITEXACT
        try check(avio_open(&output.pointee.pb, path, AVIO_FLAG_WRITE), "write", path)
    }

    private func write(_ sound: DrivingSound, title: String) throws(FathomError) {
        guard let input, let output, let encoder, let packet = picturePacket else { return }
        av_dict_set(&output.pointee.metadata, "title", title, 0)
        av_dict_set(&output.pointee.metadata, "creation_time", "2026-01-01T12:00:00Z", 0)
        var options: OpaquePointer?
        av_dict_set(&options, "movflags", "+faststart", 0)
        defer { av_dict_free(&options) }
        try check(avformat_write_header(output, &options), "write", "the header")

        // A second of sound, then the pictures of that second: players want them near each other.
        var position = 0
        var isInputOver = false
        while !isInputOver {
            guard av_read_frame(input, packet) >= 0 else {
                isInputOver = true
                break
            }
            let base = input.pointee.streams[0]?.pointee.time_base ?? AVRational(num: 1, den: 1)
            let seconds = Double(packet.pointee.dts) * av_q2d(base)
            try encode(sound, &position, until: seconds + 1, encoder)
            av_packet_rescale_ts(
                packet, base, output.pointee.streams[0]?.pointee.time_base ?? base)
            packet.pointee.stream_index = 0
            try check(av_interleaved_write_frame(output, packet), "write", "a picture")
        }
        try encode(sound, &position, until: .infinity, encoder)
        try send(nil, encoder)
        try check(av_write_trailer(output), "write", "the end")
    }

    private func encode(
        _ sound: DrivingSound, _ position: inout Int, until seconds: Double,
        _ encoder: UnsafeMutablePointer<AVCodecContext>
    ) throws(FathomError) {
        guard let frame else { return }
        let size = Int(encoder.pointee.frame_size)
        while position < sound.samples.count,
            Double(position) < seconds * Double(DrivingSound.rate)
        {
            let count = min(size, sound.samples.count - position)
            av_frame_unref(frame)
            frame.pointee.nb_samples = Int32(count)
            frame.pointee.format = AV_SAMPLE_FMT_FLTP.rawValue
            frame.pointee.sample_rate = Int32(DrivingSound.rate)
            av_channel_layout_default(&frame.pointee.ch_layout, 1)
            try check(av_frame_get_buffer(frame, 0), "encode", "sound")
            frame.pointee.pts = Int64(position)
            frame.pointee.data.0?.withMemoryRebound(to: Float.self, capacity: count) { target in
                for index in 0..<count { target[index] = sound.samples[position + index] }
            }
            position += count
            try send(frame, encoder)
        }
    }

    private func send(
        _ frame: UnsafeMutablePointer<AVFrame>?, _ encoder: UnsafeMutablePointer<AVCodecContext>
    ) throws(FathomError) {
        guard let output, let packet = soundPacket else { return }
        try check(avcodec_send_frame(encoder, frame), "encode", "sound")
        while avcodec_receive_packet(encoder, packet) >= 0 {
            let base = encoder.pointee.time_base
            av_packet_rescale_ts(
                packet, base, output.pointee.streams[1]?.pointee.time_base ?? base)
            packet.pointee.stream_index = 1
            try check(av_interleaved_write_frame(output, packet), "write", "sound")
        }
    }

    private func check(
        _ code: Int32, _ operation: String, _ subject: String
    ) throws(FathomError) {
        if code < 0 { throw error(operation, subject, "FFmpeg's code is \(code)") }
    }

    private func error(_ operation: String, _ subject: String, _ cause: String) -> FathomError {
        FathomError(operation: operation, subject: subject, cause: cause)
    }
}
