import CFFmpeg
import FathomCore

extension Encoder {
    /// What every player and server takes: 8 bit, 4:2:0, even sides.
    static func liveFormat(for format: PictureFormat) -> PictureFormat {
        PictureFormat(
            width: max(2, format.width / 2 * 2), height: max(2, format.height / 2 * 2),
            chroma: .c420, bitDepth: 8)
    }

    /// A description of what this encoder gives, for writers of packets.
    ///
    /// `connection` tells streams apart whose packets don't fit together: it is another one for each encoder.
    public func makeLiveStream(connection: Int) throws(FathomError) -> LiveStream {
        let codec = context.pointee
        let info = StreamInfo(
            index: 0, kind: .video, codec: String(cString: avcodec_get_name(codec.codec_id)),
            tag: "", profile: nil, timeBase: Rational(codec.time_base), startTicks: nil,
            duration: nil, language: nil, title: nil, isDefault: true, isAttachedPicture: false,
            video: StreamInfo.Video(
                width: Int(codec.width), height: Int(codec.height),
                pixelFormat: av_get_pix_fmt_name(codec.pix_fmt).map { String(cString: $0) }
                    ?? "unknown",
                frameRate: Rational(codec.framerate),
                sampleAspectRatio: Rational(codec.sample_aspect_ratio), orientation: .upright,
                colorRange: nil, colorMatrix: nil, colorTransfer: nil, colorPrimaries: nil,
                isInterlaced: false),
            audio: nil)
        return LiveStream(
            info: info, connection: connection, parameters: try CodecParameters(of: context))
    }
}

extension EncoderSettings {
    /// As `apply(to:encoder:)`, for pictures that have to come out at once: no look-ahead, no reordering.
    func applyLive(
        to context: UnsafeMutablePointer<AVCodecContext>, encoder: String
    ) throws(FathomError) {
        let quality = text(quality ?? codec.defaultLiveQuality)
        let bound = bitrate ?? Self.boundedBitrate(of: context)
        switch codec {
        case .h264, .hevc:
            try set(context, "preset", preset ?? "superfast")
            try set(context, "tune", "zerolatency")
            try set(context, "forced-idr", "1")
            context.pointee.rc_max_rate = Int64(bound)
            context.pointee.rc_buffer_size = Int32(clamping: bound)
            if bitrate == nil { try set(context, "crf", quality) }
            if codec == .hevc {
                // The threads of x265's pools step back behind all others: beside a network they starve.
                try set(context, "x265-params", "log-level=none:pools=none:frame-threads=1:wpp=0")
            }
        case .vp9:
            try set(context, "deadline", "realtime")
            try set(context, "cpu-used", preset ?? "8")
            try set(context, "lag-in-frames", "0")
            try set(context, "row-mt", "1")
            if bitrate == nil { try set(context, "crf", quality) }
        case .av1 where encoder == "libaom-av1":
            try set(context, "usage", "realtime")
            try set(context, "cpu-used", preset ?? "9")
            try set(context, "lag-in-frames", "0")
            if bitrate == nil { try set(context, "crf", quality) }
        case .av1:
            Self.silenceSVT
            try set(context, "preset", preset ?? "12")
            try set(context, "svtav1-params", "lp=\(threads):pred-struct=1:lookahead=0")
            if bitrate == nil { try set(context, "crf", quality) }
        case .ffv1:
            context.pointee.level = 3
            context.pointee.gop_size = 1
        case .mjpeg:
            if bitrate == nil {
                context.pointee.flags |= AV_CODEC_FLAG_QSCALE
                context.pointee.global_quality =
                    Int32(self.quality ?? codec.defaultLiveQuality) * FF_QP2LAMBDA
            }
        case .prores: try set(context, "vendor", "apl0")
        }
        switch codec {
        case .vp9: context.pointee.bit_rate = Int64(bound)
        case .av1 where bitrate == nil: context.pointee.bit_rate = 0
        default: if let bitrate { context.pointee.bit_rate = Int64(bitrate) }
        }
    }

    /// Bits a second that a connection has to carry at worst: 0.3 bits a pixel, within reason.
    private static func boundedBitrate(of context: UnsafeMutablePointer<AVCodecContext>) -> Int {
        let pixels = Double(context.pointee.width) * Double(context.pointee.height)
        let rate = Rational(context.pointee.framerate).value
        return Int(min(max(pixels * min(rate, 60) * 0.3, 1_000_000), 40_000_000))
    }
}

extension VideoCodec {
    /// As `defaultQuality`, with less data: a live picture is looked at once.
    fileprivate var defaultLiveQuality: Double {
        switch self {
        case .h264: 23
        case .hevc: 26
        case .vp9, .av1: 35
        case .mjpeg: 5
        case .ffv1, .prores: 0
        }
    }
}
