import CFFmpeg
import FathomCore

/// Finds out what a container does not say of a stream, from one packet that can be decoded alone.
///
/// FFmpeg's own way (`avformat_find_stream_info`) reads a second or more of packets and gives them all at once later,
/// so that nobody knows when they arrived.
enum StreamProbe {
    /// Completes a stream's parameters: size, pixel format, sample rate, parameter sets.
    ///
    /// Returns whether the packet could be decoded.
    static func complete(
        _ stream: UnsafeMutablePointer<AVStream>, from packet: Packet
    ) throws(FathomError) -> Bool {
        guard let parameters = stream.pointee.codecpar else { return false }
        let copy = try CodecParameters(copying: parameters)
        let handle = try CodecHandle(
            copy, timeBase: stream.pointee.time_base, threads: 1, delay: .low, subject: "stream")
        let context = handle.pointer
        let frame = try FrameHandle()
        guard avcodec_send_packet(context, packet.pointer) >= 0 else { return false }
        if avcodec_receive_frame(context, frame.pointer) < 0 {
            // Frames that wait for others come out at the end.
            avcodec_send_packet(context, nil)
            guard avcodec_receive_frame(context, frame.pointer) >= 0 else { return false }
        }
        if parameters.pointee.codec_type == AVMEDIA_TYPE_VIDEO {
            guard context.pointee.width > 0, context.pointee.height > 0 else { return false }
        } else {
            guard context.pointee.sample_rate > 0 else { return false }
        }
        let tag = parameters.pointee.codec_tag
        guard avcodec_parameters_from_context(parameters, context) >= 0 else { return false }
        parameters.pointee.codec_tag = tag
        if stream.pointee.avg_frame_rate.num <= 0, context.pointee.framerate.num > 0 {
            stream.pointee.avg_frame_rate = context.pointee.framerate
        }
        if parameters.pointee.extradata_size == 0 { takeParameterSets(packet, into: parameters) }
        return true
    }

    /// Puts the parameter sets of a key frame where muxers look for them.
    private static func takeParameterSets(
        _ packet: Packet, into parameters: UnsafeMutablePointer<AVCodecParameters>
    ) {
        guard let filter = av_bsf_get_by_name("extract_extradata"),
            let codecs = filter.pointee.codec_ids,
            // Codecs without parameter sets would be refused with an error.
            (0..<64).lazy.map({ codecs[$0] }).prefix(while: { $0 != AV_CODEC_ID_NONE })
                .contains(parameters.pointee.codec_id)
        else { return }
        var context: UnsafeMutablePointer<AVBSFContext>?
        guard av_bsf_alloc(filter, &context) >= 0 else { return }
        defer { av_bsf_free(&context) }
        var copy = av_packet_clone(packet.pointer)
        defer { av_packet_free(&copy) }
        guard let context, let copy,
            avcodec_parameters_copy(context.pointee.par_in, parameters) >= 0,
            av_bsf_init(context) >= 0, av_bsf_send_packet(context, copy) >= 0,
            av_bsf_receive_packet(context, copy) >= 0
        else { return }
        var size = 0
        guard let data = av_packet_get_side_data(copy, AV_PKT_DATA_NEW_EXTRADATA, &size), size > 0,
            size < 1 << 20,
            let extradata = av_mallocz(size + Int(AV_INPUT_BUFFER_PADDING_SIZE))
        else { return }
        extradata.copyMemory(from: data, byteCount: size)
        parameters.pointee.extradata = extradata.assumingMemoryBound(to: UInt8.self)
        parameters.pointee.extradata_size = Int32(size)
    }
}
