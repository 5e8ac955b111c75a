import FathomCore
import FathomMedia

/// What happens when frames arrive faster than the network takes them.
public enum LatencyPolicy: String, CaseIterable, Sendable {
    /// Only the newest frame waits: the lowest age.
    case latestOnly
    /// A few frames wait, and the oldest is dropped: steadier motion, a little more age.
    case dropOldest
    /// The source waits: nothing is dropped here, the age grows. For pipes and files.
    case block
}

/// Everything that `fathom live` may be told; the defaults give a good result.
public struct LiveConfiguration: Sendable, SettableConfiguration {
    /// What it shares with `fathom run`: model, picture, codec, depth files, dump, report.
    public var run = RunConfiguration()

    /// Size that a camera or screen is asked for.
    public var inputSize: PixelSize?
    /// Rate that a camera or screen is asked for; a still rate for a file with `realtime`.
    public var inputRate: Rational?
    /// Pixel format that a camera is asked for (`mjpeg`, `yuyv422`), or FFmpeg's name of a pipe's container.
    public var inputFormat: String?
    /// How RTSP brings its packets.
    public var rtspTransport = RTSPTransport.tcp
    /// Whether a file is read at its own speed.
    public var realtime = false

    /// What happens when frames arrive too fast.
    public var policy = LatencyPolicy.latestOnly
    /// Milliseconds: older frames are dropped, before the network and before publication.
    public var maxAge: Double?
    /// Frames a second to be reached by a smaller input of the network, before frames are dropped.
    public var targetFps: Double?

    /// Seconds that opening a source or an output may take.
    public var openTimeout: Double?
    /// Seconds without a packet after which a source counts as lost.
    public var readTimeout: Double?
    /// Whether a lost source is asked again.
    public var reconnect = true

    /// Where the preview page is served: `127.0.0.1:8080`.
    public var serve: String?
    /// What a client has to say to be served.
    public var token: String?
    /// Servers that get the depth video, separated by spaces or line breaks.
    public var push: [String] = []
    /// Folder of recordings.
    public var record: String?
    /// Seconds of a recording's segments.
    public var segment: Double?
    /// Bytes of recordings that are kept.
    public var keep: Int64?
    /// File of events.
    public var events: String?

    /// The defaults.
    public init() {}

    /// Seconds that opening may take: 10 unless told otherwise.
    public var openSeconds: Double { openTimeout ?? 10 }
    /// Seconds that a packet may take: 5 unless told otherwise.
    public var readSeconds: Double { readTimeout ?? 5 }
    /// Seconds of a recording's segments: 60 unless told otherwise.
    public var segmentSeconds: Double { segment ?? 60 }
    /// Bytes of recordings that are kept: 10 GB unless told otherwise.
    public var keepBytes: Int64 { keep ?? 10_000_000_000 }

    /// Settings of `fathom run` that mean nothing here: a live source has no beginning, end, or second pass.
    private static let foreign: Set<String> = [
        "output", "start", "every", "fps", "strict", "data",
    ]

    /// The table of settings, in the order of the help.
    public static let settings: [Setting<LiveConfiguration>] =
        [
            .custom("input-size", \.inputSize, "a size such as 1280x720", { .some(PixelSize($0)) }),
            .custom(
                "input-rate", \.inputRate, "a rate such as 30, 29.97 or 30000/1001",
                RunConfiguration.readRate),
            .text("input-format", \.inputFormat),
            .choice("rtsp-transport", \.rtspTransport),
            .flag("realtime", \.realtime),
            .choice("policy", \.policy), .number("max-age", \.maxAge, 1...600_000),
            .number("target-fps", \.targetFps, 0.1...1000),
            .number("open-timeout", \.openTimeout, 0.1...3600),
            .number("read-timeout", \.readTimeout, 0.1...3600),
            .flag("reconnect", \.reconnect),
            .text("serve", \.serve), .text("token", \.token),
            .custom("push", \.push, "addresses of servers", readList),
            .text("record", \.record),
            .custom("segment", \.segment, "a time such as 60s or 5:00", readSeconds),
            .custom("keep", \.keep, "a size such as 10GB or 500MB", { .some(readBytes($0)) }),
            .text("events", \.events),
        ]
        + RunConfiguration.settings.filter { !foreign.contains($0.key) }.map { $0.within(\.run) }

    private static func readList(_ text: String) -> [String]? {
        let parts = text.split(whereSeparator: \.isWhitespace).map(String.init)
        return parts.isEmpty ? nil : parts
    }

    private static func readSeconds(_ text: String) -> Double?? {
        guard let time = MediaTime.parse(text), time.seconds >= 1, time.seconds <= 86400 else {
            return nil
        }
        return .some(time.seconds)
    }

    /// `10GB`, `500MB`, `1.5TB` or plain bytes; at least a megabyte.
    private static func readBytes(_ text: String) -> Int64? {
        let units: [(String, Double)] = [("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)]
        var digits = Substring(text)
        var factor = 1.0
        for (unit, size) in units where text.lowercased().hasSuffix(unit.lowercased()) {
            digits = text.dropLast(2)
            factor = size
        }
        guard let number = Double(digits.filter { $0 != " " }), number.isFinite,
            (1e6...1e15).contains(number * factor)
        else { return nil }
        return Int64(number * factor)
    }
}
