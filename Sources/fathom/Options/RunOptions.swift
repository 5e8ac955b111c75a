import ArgumentParser
import Fathom

/// What comes out, and where.
struct OutputOptions: ParsableArguments {
    @Option(
        name: [.short, .long],
        help: ArgumentHelp(
            "The depth video (container by extension), a folder, or '-' for Matroska on standard output. Default: INPUT.depth.EXT beside the input.",
            valueName: "file"))
    var output: String?
    @Flag(
        inversion: .prefixedNo, help: "Keep subtitles, data tracks and attachments (on by default)."
    )
    var data: Bool?
    @Flag(help: "Exit with 3 when the input turns out to be damaged.")
    var strict = false

    var settings: [(key: String, value: String)] {
        values([("output", output)])
            + flags([("data", data), ("strict", strict ? true : nil)])
    }
}

/// How videos are coded, and what is said about the work.
struct EncodingOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "h264 (default), hevc, vp9, av1, ffv1, mjpeg or prores.", valueName: "codec"))
    var codec: String?
    @Option(
        help: ArgumentHelp("Constant quality; lower is better (h264: 20).", valueName: "number"))
    var crf: String?
    @Option(
        help: ArgumentHelp(
            "The encoder's own preset, such as medium or veryfast.", valueName: "name"))
    var preset: String?
    @Option(
        help: ArgumentHelp(
            "Bits a second instead of constant quality, such as 4M.", valueName: "rate"))
    var bitrate: String?
    @Flag(inversion: .prefixedNo, help: "Keep the audio tracks (on by default).")
    var audio: Bool?
    @Flag(help: "Replace an output that exists.")
    var overwrite = false
    @Flag(help: "No progress line and no summary.")
    var quiet = false
    @Option(
        name: .customLong("json-report"),
        help: ArgumentHelp("Write an account of the run as JSON.", valueName: "file"))
    var jsonReport: String?

    var settings: [(key: String, value: String)] {
        values([
            ("codec", codec), ("crf", crf), ("preset", preset), ("bitrate", bitrate),
            ("json-report", jsonReport),
        ])
            + flags([
                ("audio", audio), ("overwrite", overwrite ? true : nil),
                ("quiet", quiet ? true : nil),
            ])
    }
}

/// The network.
struct ModelOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The network: a name from 'fathom model list' or an ONNX file.", valueName: "model"))
    var model: String?
    @Option(
        help: ArgumentHelp(
            "Long side of the network's input in pixels (the model's own by default).",
            valueName: "pixels"))
    var size: String?
    @Option(
        help: ArgumentHelp(
            "fp32, bf16 (faster, less exact), or int8 for a quantized file.",
            valueName: "precision"))
    var precision: String?
    @Option(
        help: ArgumentHelp(
            "Threads for decoder, network and encoder together (all cores).", valueName: "number"))
    var threads: String?
    @Option(
        help: ArgumentHelp(
            "Three numbers that override the model's mean, for RGB from 0 to 1.", valueName: "r,g,b"
        ))
    var mean: String?
    @Option(
        help: ArgumentHelp(
            "Three numbers that override the model's standard deviation.", valueName: "r,g,b"))
    var std: String?
    @Option(
        name: .customLong("output-kind"),
        help: ArgumentHelp(
            "What the model gives: inverse-depth, depth or metres.", valueName: "kind"))
    var outputKind: String?

    var settings: [(key: String, value: String)] {
        values([
            ("model", model), ("size", size), ("precision", precision), ("threads", threads),
            ("mean", mean), ("std", std), ("output-kind", outputKind),
        ])
    }
}

/// How the picture looks.
struct PictureOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "side-by-side (default), depth, stacked, overlay or inset.", valueName: "layout"))
    var layout: String?
    @Option(
        help: ArgumentHelp("Opacity of the depth with overlay, 0 to 1 (0.6).", valueName: "share"))
    var opacity: String?
    @Option(
        help: ArgumentHelp(
            "inferno (default), magma, viridis, turbo, spectral, gray or kitti.", valueName: "name")
    )
    var colormap: String?
    @Flag(help: "Far is bright or warm instead of near.")
    var invert = false
    @Option(
        help: ArgumentHelp(
            "scene (default), clip (two passes), frame or fixed:MIN:MAX.", valueName: "range"))
    var range: String?
    @Option(help: ArgumentHelp("light (default), off or strong.", valueName: "strength"))
    var smoothing: String?
    @Option(help: ArgumentHelp("guided (default) or bilinear.", valueName: "method"))
    var upsampling: String?
    @Flag(inversion: .prefixedNo, help: "A bar with the colours' values.")
    var legend: Bool?
    @Flag(inversion: .prefixedNo, help: "A line with time, frame and rate.")
    var hud: Bool?

    var settings: [(key: String, value: String)] {
        values([
            ("layout", layout), ("opacity", opacity), ("colormap", colormap), ("range", range),
            ("smoothing", smoothing), ("upsampling", upsampling),
        ]) + flags([("invert", invert ? true : nil), ("legend", legend), ("hud", hud)])
    }
}

/// Which frames.
struct SelectionOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("Begin at this time: SS[.mmm], MM:SS or HH:MM:SS.", valueName: "time"))
    var start: String?
    @Option(help: ArgumentHelp("End after this time.", valueName: "time"))
    var duration: String?
    @Option(help: ArgumentHelp("Only every N-th frame.", valueName: "n"))
    var every: String?
    @Option(
        help: ArgumentHelp(
            "A constant frame rate, such as 30 or 30000/1001, instead of the source's own times.",
            valueName: "rate"))
    var fps: String?
    @Option(help: ArgumentHelp("Which video stream of several, counted from 0.", valueName: "k"))
    var stream: String?

    var settings: [(key: String, value: String)] {
        values([
            ("start", start), ("duration", duration), ("every", every), ("fps", fps),
            ("stream", stream),
        ])
    }
}

/// Depth as data.
struct DataOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Depth frames as files: npy, npz, png16, pfm or exr.", valueName: "format"))
    var frames: String?
    @Option(
        name: .customLong("frames-dir"),
        help: ArgumentHelp("Their folder (the output's name + .frames).", valueName: "folder"))
    var framesDir: String?
    @Option(
        name: .customLong("frames-as"),
        help: ArgumentHelp("inverse, depth or metres.", valueName: "kind"))
    var framesAs: String?
    @Option(
        name: .customLong("frames-size"),
        help: ArgumentHelp("source (default) or network.", valueName: "size"))
    var framesSize: String?
    @Option(
        name: .customLong("frames-scale"),
        help: ArgumentHelp("kitti, tum or mm: 16-bit PNG in metres.", valueName: "scale"))
    var framesScale: String?
    @Option(help: ArgumentHelp("RTSP-like frame dump to a file or '-'.", valueName: "file"))
    var dump: String?
    @Option(
        name: .customLong("dump-as"), help: ArgumentHelp("16 (default) or 16f.", valueName: "depth")
    )
    var dumpAs: String?
    @Flag(name: .customLong("dump-color"), help: "The source picture goes into the dump, too.")
    var dumpColor = false
    @Option(help: ArgumentHelp("Camera calibration file.", valueName: "file"))
    var camera: String?
    @Option(
        help: ArgumentHelp(
            "The camera's horizontal field of view in degrees.", valueName: "degrees"))
    var fov: String?

    var settings: [(key: String, value: String)] {
        values([
            ("frames", frames), ("frames-dir", framesDir), ("frames-as", framesAs),
            ("frames-size", framesSize), ("frames-scale", framesScale), ("dump", dump),
            ("dump-as", dumpAs), ("camera", camera), ("fov", fov),
        ]) + flags([("dump-color", dumpColor ? true : nil)])
    }
}

/// Options with a value that were given.
func values(_ pairs: [(String, String?)]) -> [(key: String, value: String)] {
    pairs.compactMap { key, value in value.map { (key, $0) } }
}

/// Flags that were given.
func flags(_ pairs: [(String, Bool?)]) -> [(key: String, value: String)] {
    pairs.compactMap { key, value in value.map { (key, $0 ? "true" : "false") } }
}
