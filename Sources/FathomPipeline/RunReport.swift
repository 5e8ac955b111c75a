import FathomCore

/// The account of a run, as `--json-report` writes it.
public struct RunReport: Sendable, Codable {
    /// An input as it was found.
    public struct Input: Sendable, Codable {
        /// The path as given.
        public var path: String
        /// FFmpeg's short name of the container.
        public var container: String
        /// FFmpeg's short name of the video's codec.
        public var codec: String
        /// Width in pixels as shown, after rotation.
        public var width: Int
        /// Height in pixels as shown, after rotation.
        public var height: Int
        /// Frames a second as the container says; informative, never used for time.
        @Nullable public var frameRate: Double?
        /// Seconds as the container says; `nil` when unknown or absurd.
        @Nullable public var duration: Double?
    }

    /// An output as it was written.
    public struct Output: Sendable, Codable {
        /// Where it is; `-` for standard output.
        public var path: String
        /// `video`, `frames` or `dump`.
        public var kind: String
        /// Its size.
        public var bytes: Int64
    }

    /// The network that ran.
    public struct Model: Sendable, Codable {
        /// Its name.
        public var name: String
        /// SHA-256 of its file, in hexadecimal.
        public var sha256: String
        /// `fp32`, `bf16` or `int8`.
        public var precision: String
        /// Width of its input in pixels.
        public var inputWidth: Int
        /// Height of its input in pixels.
        public var inputHeight: Int
    }

    /// The range that colours were laid over.
    public struct Range: Sendable, Codable {
        /// `scene`, `clip`, `frame` or `fixed`.
        public var mode: String
        /// The lowest bound of any frame, in the network's unit.
        @Nullable public var minimum: Double?
        /// The highest bound of any frame, in the network's unit.
        @Nullable public var maximum: Double?
    }

    /// How a run ended.
    public enum Result: String, Sendable, Codable {
        /// Everything was done.
        case finished
        /// A person ended it; outputs are closed and playable.
        case interrupted
        /// An error ended it.
        case failed
    }

    /// Fathom's version.
    public var version = FathomVersion.current
    /// The command: `run` or `live`.
    public var command = "run"
    /// What was read.
    public var inputs: [Input] = []
    /// What was written.
    public var outputs: [Output] = []
    /// Frames that the decoder gave.
    public var framesIn = 0
    /// Frames that were written.
    public var framesOut = 0
    /// Frames left out because it was asked for: `--every`, `--start`, `--duration`, `--fps`.
    public var framesSkipped = 0
    /// Frames lost for want of time; a recording loses none.
    public var framesDropped = 0
    /// Frames written although the decoder found them damaged.
    public var framesDamaged = 0
    /// Packets that the decoder could not use.
    public var decodeErrors = 0
    /// Seconds from the start to the end.
    public var seconds = 0.0
    /// Frames written a second.
    public var fps = 0.0
    /// Seconds of video a second of work.
    public var realTimeFactor = 0.0
    /// Peak resident memory in MiB.
    public var peakMemoryMB = 0.0
    /// The stages' accounts.
    public var stages: [String: StageReport] = [:]
    /// The stage that set the speed.
    @Nullable public var limitingStage: String?
    /// The network.
    @Nullable public var model: Model?
    /// The range of the picture.
    @Nullable public var range: Range?
    /// Seconds at which a new scene began.
    public var sceneCuts: [Double] = []
    /// How each source did; of `fathom live` only.
    public var sources: [Source]?
    /// What a person should know, one line each.
    public var warnings: [String] = []
    /// How it ended.
    public var result = Result.finished
    /// The error, when it failed.
    @Nullable public var error: String?

    /// A report of nothing yet.
    public init() {}

    /// Whether something in the input was damaged.
    public var isDamaged: Bool { framesDamaged > 0 || decodeErrors > 0 }

    /// Adds another run's account: frames and seconds add up, the rest is put behind what is there.
    public mutating func append(_ other: RunReport) {
        inputs += other.inputs
        outputs += other.outputs
        framesIn += other.framesIn
        framesOut += other.framesOut
        framesSkipped += other.framesSkipped
        framesDropped += other.framesDropped
        framesDamaged += other.framesDamaged
        decodeErrors += other.decodeErrors
        let media = realTimeFactor * seconds + other.realTimeFactor * other.seconds
        seconds += other.seconds
        fps = seconds > 0 ? Double(framesOut) / seconds : 0
        realTimeFactor = seconds > 0 ? media / seconds : 0
        peakMemoryMB = max(peakMemoryMB, other.peakMemoryMB)
        for (name, stage) in other.stages {
            stages[name] = stages[name].map { $0.adding(stage) } ?? stage
        }
        limitingStage = stages.max { $0.value.busySeconds < $1.value.busySeconds }?.key
        model = model ?? other.model
        range = range ?? other.range
        sceneCuts += other.sceneCuts
        warnings += other.warnings
        if other.result != .finished { result = other.result }
        error = error ?? other.error
    }
}

extension StageReport {
    /// Two runs of the same stage; percentiles are weighted by items.
    func adding(_ other: StageReport) -> StageReport {
        let total = Double(max(1, items + other.items))
        func mean(_ a: Double, _ b: Double) -> Double {
            (a * Double(items) + b * Double(other.items)) / total
        }
        return StageReport(
            items: items + other.items, busySeconds: busySeconds + other.busySeconds,
            p50Ms: mean(p50Ms, other.p50Ms), p95Ms: mean(p95Ms, other.p95Ms),
            queueMean: mean(queueMean, other.queueMean))
    }
}

/// The program's version.
public enum FathomVersion {
    /// As in CHANGELOG.md.
    public static let current = "0.1.0"
}

/// A value that may be missing, written as `null`: every key of the report is always there.
@propertyWrapper
public struct Nullable<Value: Codable & Sendable>: Codable, Sendable {
    /// The value.
    public var wrappedValue: Value?

    /// Wraps a value.
    public init(wrappedValue: Value?) { self.wrappedValue = wrappedValue }

    /// Reads a value or `null`.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        wrappedValue = container.decodeNil() ? nil : try container.decode(Value.self)
    }

    /// Writes the value or `null`.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if let wrappedValue {
            try container.encode(wrappedValue)
        } else {
            try container.encodeNil()
        }
    }
}
