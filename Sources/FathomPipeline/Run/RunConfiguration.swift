import FathomCore
import FathomDepth
import FathomEngine
import FathomMedia
import FathomPicture

/// Everything that `fathom run` may be told; the defaults give a good result.
public struct RunConfiguration: Sendable, SettableConfiguration {
    /// Size of the depth maps in files.
    public enum FramesSize: String, CaseIterable, Sendable {
        /// The picture's size.
        case source
        /// The network's size, as it came out.
        case network
    }

    /// What a path of output means.
    public var output: String?
    /// Name or file of the network; the embedded one by default.
    public var model: String?
    /// Long side of the network's input in pixels; the model's own by default.
    public var size: Int?
    /// The arithmetic of the network.
    public var precision = Precision.fp32
    /// Threads for everything; all cores by default.
    public var threads: Int?
    /// Overrides of the model's own mean, for RGB in 0…1.
    public var mean: [Float]?
    /// Overrides of the model's own standard deviation.
    public var std: [Float]?
    /// Overrides what the model's output means.
    public var outputKind: DepthKind?

    /// How picture and depth are put together.
    public var layout = Layout.sideBySide
    /// Opacity of the depth in `overlay`.
    public var opacity: Double?
    /// The colours.
    public var colormap = ColorMap.inferno
    /// Far instead of near is bright.
    public var invert = false
    /// What the colours are laid over.
    public var range = RangeMode.scene
    /// Smoothing in time.
    public var smoothing = Smoothing.light
    /// How depth comes to the picture's size.
    public var upsampling = UpsamplingMethod.guided
    /// A bar of values; on where the layout shows the picture too.
    public var legend: Bool?
    /// A line with time and frame; on where the layout shows the picture too.
    public var hud: Bool?

    /// First moment to be used, from the beginning of the recording.
    public var start: Timestamp?
    /// How much is used.
    public var duration: Timestamp?
    /// Only every n-th frame.
    public var every: Int?
    /// A constant rate instead of the source's own times.
    public var fps: Rational?
    /// Which of several video streams.
    public var stream: Int?

    /// The video codec; by the container if absent.
    public var codec: VideoCodec?
    /// Constant quality.
    public var crf: Double?
    /// The encoder's own preset.
    public var preset: String?
    /// Bits a second.
    public var bitrate: Int?
    /// Whether audio comes along.
    public var audio = true
    /// Whether subtitles, data and attachments come along.
    public var data = true
    /// Whether an output that exists is replaced.
    public var overwrite = false
    /// Whether damage in the input fails the run.
    public var strict = false
    /// Whether nothing is said.
    public var quiet = false

    /// Depth as files, in this format.
    public var frames: DepthFileFormat?
    /// Their folder.
    public var framesDir: String?
    /// What they hold.
    public var framesAs: DepthFileKind?
    /// How large they are.
    public var framesSize = FramesSize.source
    /// The scale of 16-bit files.
    public var framesScale: DepthPNGScale?
    /// Where the frame dump goes.
    public var dump: String?
    /// The dump's sample type.
    public var dumpAs = FrameDumpDepth.unsigned16
    /// Whether the dump carries the picture.
    public var dumpColor = false
    /// Camera calibration.
    public var camera: String?
    /// Horizontal field of view in degrees.
    public var fov: Double?
    /// Where the report goes.
    public var jsonReport: String?

    /// The defaults.
    public init() {}

    /// Whether a picture is drawn: an output was named, or nothing else was.
    public var wantsVideo: Bool { output != nil || (frames == nil && dump == nil) }

    /// The table of settings, in the order of the help.
    public static let settings: [Setting<RunConfiguration>] = [
        .text("output", \.output), .text("model", \.model), .whole("size", \.size, 32...4096),
        .choice("precision", \.precision), .whole("threads", \.threads, 1...256),
        .custom("mean", \.mean, "three numbers such as 0.485,0.456,0.406", readTriple),
        .custom("std", \.std, "three numbers such as 0.229,0.224,0.225", readTriple),
        .choice("output-kind", \.outputKind),
        .choice("layout", \.layout), .number("opacity", \.opacity, 0...1),
        .choice("colormap", \.colormap), .flag("invert", \.invert),
        .custom(
            "range", \.range, "scene, clip, frame or fixed:MIN:MAX with MIN < MAX",
            { try? RangeMode.parse($0) }),
        .choice("smoothing", \.smoothing), .choice("upsampling", \.upsampling),
        .flag("legend", \.legend), .flag("hud", \.hud),
        .custom("start", \.start, timeForms, readTime),
        .custom("duration", \.duration, timeForms, readTime),
        .whole("every", \.every, 1...1_000_000),
        .custom("fps", \.fps, "a rate such as 30, 29.97 or 30000/1001", readRate),
        .whole("stream", \.stream, 0...1000),
        .choice("codec", \.codec), .number("crf", \.crf, 0...63), .text("preset", \.preset),
        .custom("bitrate", \.bitrate, "bits a second such as 4M, 800k or 4000000", readBitrate),
        .flag("audio", \.audio), .flag("data", \.data), .flag("overwrite", \.overwrite),
        .flag("strict", \.strict), .flag("quiet", \.quiet),
        .choice("frames", \.frames), .text("frames-dir", \.framesDir),
        .choice("frames-as", \.framesAs), .choice("frames-size", \.framesSize),
        .choice("frames-scale", \.framesScale), .text("dump", \.dump),
        .choice("dump-as", \.dumpAs), .flag("dump-color", \.dumpColor),
        .text("camera", \.camera), .number("fov", \.fov, 1...179),
        .text("json-report", \.jsonReport),
    ]

    private static let timeForms = "a time such as 12.5, 1:30 or 1:02:03.250"

    private static func readTime(_ text: String) -> Timestamp?? {
        MediaTime.parse(text).map { .some($0) }
    }

    private static func readTriple(_ text: String) -> [Float]?? {
        let numbers = text.split(separator: ",", omittingEmptySubsequences: false).map {
            Float($0.filter { $0 != " " })
        }
        guard numbers.count == 3 else { return nil }
        let values = numbers.compactMap { $0 }.filter(\.isFinite)
        return values.count == 3 ? .some(values) : nil
    }

    /// `30`, `29.97` (taken as 2997/100), `30000/1001`; up to 1000 frames a second.
    static func readRate(_ text: String) -> Rational?? {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        var rate: Rational?
        if parts.count == 2, let above = Int(parts[0]), let below = Int(parts[1]) {
            rate = Rational(above, below)
        } else if parts.count == 1, let number = Double(text), number.isFinite, number < 1e6 {
            let scale = text.contains(".") ? 1000 : 1
            rate = Rational(Int((number * Double(scale)).rounded()), scale)
        }
        guard let rate, rate.isPositive, rate.value <= 1000 else { return nil }
        return .some(rate)
    }

    private static func readBitrate(_ text: String) -> Int?? {
        var digits = Substring(text)
        var factor = 1.0
        if let last = digits.last, last.isLetter {
            switch last {
            case "k", "K": factor = 1e3
            case "m", "M": factor = 1e6
            case "g", "G": factor = 1e9
            default: return nil
            }
            digits = digits.dropLast()
        }
        guard let number = Double(digits), number.isFinite, (1000...1e10).contains(number * factor)
        else { return nil }
        return .some(Int(number * factor))
    }
}
