import CFFmpeg
import FathomCore

/// The codecs that Fathom writes.
public enum VideoCodec: String, CaseIterable, Hashable, Sendable, Codable {
    /// H.264 by x264: plays everywhere.
    case h264
    /// H.265 by x265: smaller, 10 bit.
    case hevc
    /// VP9 by libvpx.
    case vp9
    /// AV1 by SVT-AV1.
    case av1
    /// FFV1: lossless.
    case ffv1
    /// Motion JPEG: every frame a picture.
    case mjpeg
    /// Apple ProRes 422 HQ: for editing.
    case prores

    /// FFmpeg's encoder.
    public var encoderName: String {
        switch self {
        case .h264: "libx264"
        case .hevc: "libx265"
        case .vp9: "libvpx-vp9"
        case .av1: "libsvtav1"
        case .ffv1: "ffv1"
        case .mjpeg: "mjpeg"
        case .prores: "prores_ks"
        }
    }

    /// FFmpeg's encoder for pictures of one format: SVT-AV1 takes even sizes of at least 64 only.
    func encoderName(for format: PictureFormat) -> String {
        let isForSVT =
            format.width % 2 == 0 && format.height % 2 == 0 && format.width >= 64
            && format.height >= 64
        return self == .av1 && !isForSVT ? "libaom-av1" : encoderName
    }

    /// Whether the installed FFmpeg can write it.
    public var isAvailable: Bool { avcodec_find_encoder_by_name(encoderName) != nil }

    /// The codecs that the installed FFmpeg can write.
    public static var available: [VideoCodec] { allCases.filter(\.isAvailable) }

    /// What suits a container, by the output's extension (lower case, without the dot).
    public static func `default`(forExtension name: String) -> VideoCodec {
        name == "webm" ? .vp9 : .h264
    }

    /// The constant rate factor (or the codec's scale of the same meaning) that looks as good as the source.
    var defaultQuality: Double {
        switch self {
        case .h264: 20
        case .hevc: 23
        case .vp9: 30
        case .av1: 30
        case .mjpeg: 3
        case .ffv1, .prores: 0
        }
    }

    /// The range of `--crf`; nil where the codec has no such scale.
    var qualityRange: ClosedRange<Double>? {
        switch self {
        case .h264, .hevc: 0...51
        case .vp9, .av1: 0...63
        case .mjpeg: 1...31
        case .ffv1, .prores: nil
        }
    }

    /// Names of `--preset`, from fast to slow; nil where the codec has none.
    var presets: [String]? {
        switch self {
        case .h264, .hevc:
            [
                "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower",
                "veryslow", "placebo",
            ]
        case .vp9: (0...8).reversed().map(String.init)
        case .av1: (0...13).reversed().map(String.init)
        case .ffv1, .mjpeg, .prores: nil
        }
    }

    /// The pixel format in which it takes a picture: the same if it can, else the nearest it has.
    func pixelFormat(for format: PictureFormat) -> AVPixelFormat {
        let isOdd =
            (format.chroma != .c444 && format.width % 2 != 0)
            || (format.chroma == .c420 && format.height % 2 != 0)
        switch self {
        case .h264, .hevc:
            // Their 4:2:0 and 4:2:2 can't say an odd size.
            return isOdd
                ? PictureFormat(width: 1, height: 1, chroma: .c444, bitDepth: format.bitDepth)
                    .pixelFormat : format.pixelFormat
        case .vp9, .ffv1: return format.pixelFormat
        case .av1: return format.bitDepth == 8 ? AV_PIX_FMT_YUV420P : AV_PIX_FMT_YUV420P10LE
        case .mjpeg:
            switch format.chroma {
            case .c420: return AV_PIX_FMT_YUVJ420P
            case .c422: return AV_PIX_FMT_YUVJ422P
            case .c444: return AV_PIX_FMT_YUVJ444P
            }
        case .prores:
            return format.chroma == .c444 ? AV_PIX_FMT_YUV444P10LE : AV_PIX_FMT_YUV422P10LE
        }
    }
}

/// How to encode.
public struct EncoderSettings: Hashable, Sendable {
    /// The codec.
    public var codec: VideoCodec
    /// Constant quality, lower is better (x264, x265: 0…51; VP9, AV1: 0…63; MJPEG: 1…31); nil for the default.
    public var quality: Double?
    /// The encoder's own name for its trade of time for size: "medium"; nil for the default.
    public var preset: String?
    /// Bits a second instead of constant quality.
    public var bitrate: Int?
    /// Threads to encode on.
    public var threads: Int
    /// Whether each packet has to come out as soon as its picture is in: for servers and viewers.
    ///
    /// Pictures are then written in 8 bit and 4:2:0 with even sides, which every player takes, the bit rate is
    /// bounded, and `Encoder.encode(_:asKeyFrame:)` decides where key frames are.
    public var isLive: Bool

    /// Good defaults for a codec.
    public init(
        codec: VideoCodec = .h264, quality: Double? = nil, preset: String? = nil,
        bitrate: Int? = nil, threads: Int = 1, isLive: Bool = false
    ) {
        self.codec = codec
        self.quality = quality
        self.preset = preset
        self.bitrate = bitrate
        self.threads = max(1, threads)
        self.isLive = isLive
    }

    /// Throws on values that the codec does not have; `subject` names the output.
    public func validate() throws(FathomError) {
        if let quality {
            guard let range = codec.qualityRange else {
                throw FathomError(
                    .usage, operation: "use", subject: "--crf \(quality)",
                    cause: "\(codec.rawValue) has no such setting", remedy: "Leave it out")
            }
            guard range.contains(quality) else {
                throw FathomError(
                    .usage, operation: "use", subject: "--crf \(quality)",
                    cause:
                        "\(codec.rawValue) takes \(Int(range.lowerBound)) to \(Int(range.upperBound))",
                    remedy: "Lower is better and larger")
            }
        }
        if let preset, let known = codec.presets, !known.contains(preset) {
            let hint = nearestName(to: preset, among: known).map { "Did you mean '\($0)'? " } ?? ""
            throw FathomError(
                .usage, operation: "use", subject: "--preset \(preset)",
                cause: "\(codec.rawValue) has no such preset",
                remedy: "\(hint)It has \(known.joined(separator: ", "))")
        }
        if let bitrate, !(1000...Int(Int32.max)).contains(bitrate) {
            throw FathomError(
                .usage, operation: "use", subject: "--bitrate \(bitrate)",
                cause: "it is not between 1000 and \(Int32.max) bits a second",
                remedy: "4M is usual for 1280×720")
        }
    }
}
