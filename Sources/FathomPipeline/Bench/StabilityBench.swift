import FathomCore
import FathomDepth
import FathomMedia

/// How steady depth is over time, and how sharp, with each strength of smoothing.
public struct StabilityBench: Sendable {
    /// What one strength gives on a clip.
    public struct Measurement: Sendable, Codable {
        /// The strength.
        public var smoothing: String
        /// Mean difference of neighbouring frames along the picture's motion, in percent of the depth's range.
        public var warpedDifference: Double
        /// Mean of the steepest 2 % of steps between neighbouring values, in percent of the depth's range.
        public var edgeSharpness: Double
    }

    /// The recording, or a folder of pictures.
    public var input: String
    /// How many frames are looked at.
    public var frames = 60
    /// The network.
    public var configuration = RunConfiguration()

    /// A bench of one clip.
    public init(input: String) { self.input = input }

    /// Runs the network once over the clip's beginning and smooths its depth in every strength.
    public func measure() throws(FathomError) -> [Measurement] {
        let cancellation = Cancellation()
        let recording = try Recording(
            try MediaInput.resolve(input), configuration: configuration, cancellation: cancellation)
        let model = try Network(configuration.model).makeModel(configuration, pool: .machine)
        let pipeline = Pipeline(cancellation: cancellation)
        let pictures = ReadingStages.add(
            to: pipeline, recording, configuration: configuration,
            threads: WorkerPool.machine.threads, tally: RunTally())
        let maps = BoundedQueue<TimedMap>(capacity: frames)
        pipeline.addStage("depth", from: pictures, finishing: [maps]) { (_) throws(FathomError) in
            var count = 0
            while count < frames, let picture = pictures.receive() {
                let map = try picture.withPicture { (view) throws(FathomError) in
                    try model.estimate(view, sampleAspectRatio: picture.sampleAspectRatio)
                }
                maps.send(TimedMap(map: map, seconds: picture.timestamp.seconds))
                count += 1
            }
        }
        try pipeline.run()
        var clip: [TimedMap] = []
        while let map = maps.receive() { clip.append(map) }
        var histogram = ClipHistogram()
        for frame in clip { histogram.add(frame.map) }
        let spread = histogram.range.width
        return [Smoothing.off, .light, .strong].map { strength in
            var sequence = DepthSequence(range: .scene, smoothing: strength)
            var measure = StabilityMeasure()
            for frame in clip {
                measure.add(sequence.next(frame.map, at: frame.seconds).map, spread: spread)
            }
            return Measurement(
                smoothing: strength.rawValue, warpedDifference: measure.warpedDifference * 100,
                edgeSharpness: measure.edgeSharpness * 100)
        }
    }

    private struct TimedMap: Sendable {
        let map: DepthMap
        let seconds: Double
    }
}
