import CFFmpeg
import FathomCore

/// Takes the transport headers off AAC from broadcast streams, which MP4 and MOV can't hold.
///
/// FFmpeg's muxer does so by itself, but not while its header is delayed.
final class PacketFilter {
    private let context: UnsafeMutablePointer<AVBSFContext>

    /// nil when a stream's packets can be copied as they are.
    init?(
        for stream: UnsafeMutablePointer<AVStream>, container: Container
    ) throws(FathomError) {
        let parameters = stream.pointee.codecpar
        guard container.isMov, let parameters, parameters.pointee.codec_id == AV_CODEC_ID_AAC,
            parameters.pointee.extradata_size == 0
        else { return nil }
        var context: UnsafeMutablePointer<AVBSFContext>?
        guard av_bsf_alloc(av_bsf_get_by_name("aac_adtstoasc"), &context) >= 0, let context else {
            throw .outOfMemory("write")
        }
        self.context = context
        guard avcodec_parameters_copy(context.pointee.par_in, parameters) >= 0 else {
            throw .outOfMemory("write")
        }
        context.pointee.time_base_in = stream.pointee.time_base
        guard av_bsf_init(context) >= 0 else { throw .outOfMemory("write") }
    }

    deinit {
        var context: UnsafeMutablePointer<AVBSFContext>? = context
        av_bsf_free(&context)
    }

    /// Changes a packet in place; false when nothing of it is left, as of one that is damaged.
    func apply(to packet: UnsafeMutablePointer<AVPacket>) -> Bool {
        av_bsf_send_packet(context, packet) >= 0 && av_bsf_receive_packet(context, packet) >= 0
    }
}
