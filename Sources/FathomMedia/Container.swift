import CFFmpeg
import FathomCore

/// A file format to write.
public struct Container: Hashable, Sendable {
    /// FFmpeg's name of the format: "mp4", "matroska".
    public let name: String

    /// Matroska: what goes to standard output.
    public static let matroska = Container(name: "matroska")

    private init(name: String) { self.name = name }

    /// The format that a file name's extension means; "-" is Matroska.
    public init(forPath path: String) throws(FathomError) {
        if path == "-" {
            self = .matroska
            return
        }
        let fileName = path.split(separator: "/").last ?? ""
        let dot = fileName.lastIndex(of: ".")
        let suffix = dot.map { fileName[fileName.index(after: $0)...].lowercased() } ?? ""
        switch suffix {
        case "mp4", "m4v": name = "mp4"
        case "mov", "qt": name = "mov"
        case "mkv": name = "matroska"
        case "webm": name = "webm"
        case "avi": name = "avi"
        case "ts", "mts", "m2ts": name = "mpegts"
        case "nut": name = "nut"
        default:
            throw FathomError(
                .usage, operation: "write", subject: path,
                cause: suffix.isEmpty
                    ? "its name has no extension"
                    : "'.\(suffix)' is no video format that Fathom writes",
                remedy: "Use .mp4, .mov, .mkv or .webm")
        }
    }

    /// Whether it keeps its index in one place that plain files have at the end and fragments spread.
    var isMov: Bool { name == "mp4" || name == "mov" }

    /// Whether decoders find their headers in the container rather than in the stream.
    var wantsGlobalHeader: Bool {
        guard let format = ffmpegFormat else { return false }
        return format.pointee.flags & AVFMT_GLOBALHEADER != 0
    }

    var ffmpegFormat: UnsafePointer<AVOutputFormat>? {
        av_guess_format(name, nil, nil).map { UnsafePointer($0) }
    }

    /// Ticks a second in which MP4 says when a stream begins: the video's, so that no start is rounded.
    static func movieTimescale(_ timeBase: AVRational) -> String {
        guard timeBase.num == 1, timeBase.den > 0 else { return "90000" }
        return String(
            Int(timeBase.den) * max(1, (10000 + Int(timeBase.den) - 1) / Int(timeBase.den)))
    }

    /// How FFmpeg has to write it so that the file is playable at any instant.
    var growingOptions: [String: String] {
        switch name {
        case "mp4", "mov":
            // The delayed header knows the first times, so that no stream has to be shifted.
            ["movflags": "frag_keyframe+delay_moov+default_base_moof"]
        case "matroska", "webm": ["cluster_time_limit": "500"]
        default: [:]
        }
    }
}
