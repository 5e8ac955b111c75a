import FathomCore
import FathomMedia

/// The pictures of a recording and nothing else, for programs that have no use for packets and clocks.
public enum RecordingFrames {
    /// Reads a recording: decoded, upright, in the order in which pictures are shown.
    ///
    /// - Parameters:
    ///   - configuration: `start`, `duration`, `every`, `fps` and `stream` choose the pictures.
    ///   - take: is given each picture and when it is shown, in microseconds from the recording's beginning; false ends
    ///     the reading.
    /// - Returns: what was wrong with the recording, a line each.
    @discardableResult
    public static func read(
        _ path: String, configuration: RunConfiguration = RunConfiguration(),
        _ take: @escaping @Sendable (VideoFrame, Timestamp) throws(FathomError) -> Bool
    ) throws(FathomError) -> [String] {
        let cancellation = Cancellation()
        let recording = try Recording(
            try MediaInput.resolve(path), configuration: configuration, cancellation: cancellation)
        let pipeline = Pipeline(cancellation: cancellation)
        let tally = RunTally()
        let frames = ReadingStages.add(
            to: pipeline, recording, configuration: configuration,
            threads: WorkerPool.machine.threads, tally: tally)
        pipeline.addStage("frames", from: frames) { (_) throws(FathomError) in
            while let frame = frames.receive() {
                let time = frame.timestamp.rescaled(to: MediaTime.timeBase).value
                let since = Timestamp(time - recording.beginning.value, MediaTime.timeBase)
                guard try take(frame, since) else { break }
            }
        }
        try pipeline.run()
        return tally.now.warnings
    }
}
