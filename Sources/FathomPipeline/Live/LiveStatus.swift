import FathomCore

/// How a live source is, at one moment.
public enum LiveState: String, Sendable, Codable, CaseIterable {
    /// It is being opened for the first time.
    case connecting
    /// Frames arrive.
    case playing
    /// It went away, or never was there; it is being asked again.
    case lost
    /// It is not asked again.
    case ended
}

/// Percentiles of the frames' age, from arrival to publication, in milliseconds.
public struct AgeStatistics: Sendable, Codable, Equatable {
    /// The median.
    public var p50 = 0.0
    /// 95 of 100 frames are younger.
    public var p95 = 0.0
    /// 99 of 100 frames are younger.
    public var p99 = 0.0
    /// The oldest frame's.
    public var max = 0.0

    /// No frame yet.
    public init() {}
}

/// What an output has done so far.
public struct OutputStatus: Sendable, Codable {
    /// What it is, and where it goes, without passwords: `push rtsp://host/name`.
    public var name: String
    /// Whether it works now: `working`, `connecting`, `failed`.
    public var state: String
    /// Frames or packets that went out.
    public var written = 0
    /// Frames or packets that were dropped because it was slow or away.
    public var dropped = 0
    /// Bytes that went out.
    public var bytes: Int64 = 0
    /// How often it was connected anew.
    public var reconnects = 0
    /// What is wrong with it, if something is.
    public var trouble: String?

    /// An output that has done nothing.
    public init(name: String, state: String = "connecting") {
        self.name = name
        self.state = state
    }
}

extension FathomError {
    /// Cause and remedy, for places that show what it is about anyway.
    var words: String { remedy.isEmpty ? cause : "\(cause). \(remedy)" }
}

/// All that is known of one live source at one moment: for the progress line, `/state.json`, `/metrics` and the report.
public struct LiveStatus: Sendable, Codable {
    /// Its number, from 0, in the order of the command line.
    public var source = 0
    /// Its address without a password.
    public var name = ""
    /// How it is.
    public var state = LiveState.connecting
    /// What is wrong with it, if something is: one sentence.
    public var trouble: String?
    /// Seconds since it was first asked for.
    public var seconds = 0.0
    /// Codec of its video: `h264`.
    public var codec = ""
    /// Width of its picture as shown, in pixels.
    public var width = 0
    /// Height of its picture as shown, in pixels.
    public var height = 0
    /// Frames that the decoder gave.
    public var framesIn = 0
    /// Frames published with their depth.
    public var framesOut = 0
    /// Frames dropped before publication, for any reason.
    public var framesDropped = 0
    /// Why frames were dropped: `slow` (a newer one was there), `age` (older than `--max-age`), `time` (not after the
    /// frame before it), `end`.
    public var drops: [String: Int] = [:]
    /// Frames published although the decoder found them damaged.
    public var framesDamaged = 0
    /// Packets that the decoder could not use.
    public var decodeErrors = 0
    /// Frames a second that arrive, over the last seconds.
    public var inputRate = 0.0
    /// How unevenly frames arrive: mean deviation of the intervals between them, in milliseconds.
    public var jitterMs = 0.0
    /// Frames a second that are published, over the last seconds.
    public var outputRate = 0.0
    /// Age of all frames so far.
    public var ageMs = AgeStatistics()
    /// Age of the frames of the last seconds.
    public var recentAgeMs = AgeStatistics()
    /// Seconds since the last packet arrived; `nil` before the first.
    public var secondsSinceLastPacket: Double?
    /// How often the source was connected again after a loss.
    public var reconnects = 0
    /// Jumps of the source's clock that were taken out.
    public var clockJumps = 0
    /// Width of the network's input, in pixels.
    public var networkWidth = 0
    /// Height of the network's input, in pixels.
    public var networkHeight = 0
    /// Share of the time that each stage is at work, over the last seconds, 0…1.
    public var load: [String: Double] = [:]
    /// The stage that sets the speed now.
    public var limitingStage: String?
    /// The outputs.
    public var outputs: [OutputStatus] = []

    /// Nothing yet.
    public init() {}
}
