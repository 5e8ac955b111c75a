import CFFmpeg
import FathomCore
import Glibc

extension EncoderSettings {
    /// Sets what each encoder calls quality, speed and threads; to be called before the encoder is opened.
    func apply(
        to context: UnsafeMutablePointer<AVCodecContext>, encoder: String
    ) throws(FathomError) {
        let quality = quality ?? codec.defaultQuality
        context.pointee.thread_count = Int32(threads)
        if isLive {
            try applyLive(to: context, encoder: encoder)
            return
        }
        if let bitrate { context.pointee.bit_rate = Int64(bitrate) }
        let usesQuality = bitrate == nil
        switch codec {
        case .h264:
            try set(context, "preset", preset ?? "medium")
            if usesQuality { try set(context, "crf", text(quality)) }
            try limitLookahead(context)
        case .hevc:
            try set(context, "preset", preset ?? "medium")
            if usesQuality { try set(context, "crf", text(quality)) }
            // x265 prints by itself, past FFmpeg's log.
            try set(context, "x265-params", "log-level=none:pools=\(threads)")
        case .vp9:
            try set(context, "deadline", "good")
            try set(context, "cpu-used", preset ?? "4")
            try set(context, "row-mt", "1")
            if usesQuality {
                context.pointee.bit_rate = 0
                try set(context, "crf", text(quality))
            }
        case .av1 where encoder == "libaom-av1":
            try set(context, "cpu-used", preset ?? "8")
            try set(context, "row-mt", "1")
            if usesQuality { try set(context, "crf", text(quality)) }
        case .av1:
            Self.silenceSVT
            try set(context, "preset", preset ?? "8")
            if usesQuality { try set(context, "crf", text(quality)) }
            try set(context, "svtav1-params", "lp=\(threads)")
        case .ffv1:
            context.pointee.level = 3
            context.pointee.gop_size = 1
            try set(context, "slicecrc", "1")
        case .mjpeg:
            if usesQuality {
                context.pointee.flags |= AV_CODEC_FLAG_QSCALE
                context.pointee.global_quality = Int32(quality) * FF_QP2LAMBDA
            }
        case .prores:
            try set(
                context, "profile", context.pointee.pix_fmt == AV_PIX_FMT_YUV444P10LE ? "4" : "3")
            try set(context, "vendor", "apl0")
        }
    }

    /// Bounds the memory of large pictures: x264 keeps as many frames as it looks ahead, 40 with most presets.
    private func limitLookahead(
        _ context: UnsafeMutablePointer<AVCodecContext>
    ) throws(FathomError) {
        let pixels = Int(context.pointee.width) * Int(context.pointee.height)
        guard pixels > Self.largestFreePicture else { return }
        let fewPresets = ["ultrafast": 0, "superfast": 0, "veryfast": 10, "faster": 20, "fast": 30]
        let own = fewPresets[preset ?? "medium"] ?? 40
        try set(context, "rc-lookahead", String(min(own, max(Self.lookaheadPixels / pixels, 5))))
        // A thread of its own for looking ahead would keep some more frames.
        try set(context, "x264-params", "sync-lookahead=0")
    }

    /// Pixels up to which a preset's own lookahead stands.
    private static let largestFreePicture = 1_500_000
    /// Pixels that x264 may hold for looking ahead above that: 10 frames of 1920×1080.
    private static let lookaheadPixels = 10 * 1920 * 1088

    /// SVT-AV1 prints by itself; this variable is the only way to stop it from here.
    static let silenceSVT: Void = { _ = setenv("SVT_LOG", "-1", 0) }()

    func set(
        _ context: UnsafeMutablePointer<AVCodecContext>, _ key: String, _ value: String
    ) throws(FathomError) {
        guard av_opt_set(context.pointee.priv_data, key, value, 0) >= 0 else {
            throw FathomError(
                .usage, operation: "use", subject: "\(key) '\(value)'",
                cause: "\(codec.encoderName) does not know it",
                remedy: "Leave it out to get a good default")
        }
    }

    /// 20 rather than 20.0.
    func text(_ value: Double) -> String {
        value == value.rounded() ? String(Int(value)) : String(value)
    }
}
