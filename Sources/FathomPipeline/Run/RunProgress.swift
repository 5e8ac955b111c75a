import FathomCore

/// How far a run is, at one moment.
public struct RunProgress: Sendable {
    /// The file being read.
    public var input = ""
    /// Frames written so far.
    public var frames = 0
    /// Seconds of video written so far.
    public var mediaSeconds = 0.0
    /// Seconds of video to be written in all; `nil` when the container does not say.
    public var totalSeconds: Double?
    /// Seconds of work so far.
    public var elapsedSeconds = 0.0
    /// Items that wait before each stage, of how many at most.
    public var queues: [(name: String, fill: Int, capacity: Int)] = []
    /// The stage that sets the speed.
    public var limitingStage: String?
    /// What is under way, when it is not the run itself: "measuring the range".
    public var phase: String?

    /// Nothing yet.
    public init() {}

    /// Share that is done, 0…1.
    public var share: Double? {
        guard let totalSeconds, totalSeconds > 0 else { return nil }
        return min(1, max(0, mediaSeconds / totalSeconds))
    }

    /// Frames a second.
    public var fps: Double { elapsedSeconds > 0 ? Double(frames) / elapsedSeconds : 0 }

    /// Seconds of video a second of work.
    public var realTimeFactor: Double {
        elapsedSeconds > 0 ? mediaSeconds / elapsedSeconds : 0
    }

    /// Seconds of work that are left.
    public var remainingSeconds: Double? {
        guard let share, share > 0.001 else { return nil }
        return elapsedSeconds / share * (1 - share)
    }
}
