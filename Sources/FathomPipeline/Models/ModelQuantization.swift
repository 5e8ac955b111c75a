import FathomCore
import FathomDepth
import FathomEngine
import FathomMedia

/// Writes a network as one that computes in 8 bits, with ranges and error measured on a recording or pictures.
public struct ModelQuantization: Sendable {
    /// What was written and what it costs.
    public struct Report: Sendable, Codable {
        /// The file.
        public var path: String
        /// Its size.
        public var bytes: Int
        /// How ranges were chosen.
        public var ranges: String
        /// Frames that ranges were taken from.
        public var calibrationFrames: Int
        /// Layers that compute in 8 bits.
        public var layers: Int
        /// Layers that stayed in floating point, the most sensitive first.
        public var floatLayers: [String]
        /// Edges of 8-bit numbers.
        public var edges: Int
        /// Against the network as it was, on frames that ranges were not taken from.
        public var error: OutputError
    }

    /// A name or an ONNX file.
    public var model: String
    /// A recording, or a folder of pictures, of what the network will see.
    public var calibrationData: String
    /// Where the network goes.
    public var output: String
    /// Whether a file of that name may be replaced.
    public var overwrites = false
    /// Frames that are used, half of them to judge.
    public var frames = 16
    /// The long side of the network's input, threads, mean, standard deviation.
    public var configuration = RunConfiguration()
    /// How it is done.
    public var quantizer = NetworkQuantizer()

    /// Frames between those that are used, at most: neighbouring frames teach nothing new.
    private static let longestStride = 30

    /// A quantization with the usual settings.
    public init(model: String, calibrationData: String, output: String) {
        self.model = model
        self.calibrationData = calibrationData
        self.output = output
    }

    /// Quantizes and writes the file.
    public func run() throws(FathomError) -> Report {
        let network = try Network(model)
        let frames = try self.frames(network)
        // Every other frame judges; one alone has to do both.
        let calibration = frames.indices.filter { $0 % 2 == 0 }.map { frames[$0] }
        let judging = frames.indices.filter { $0 % 2 == 1 }.map { frames[$0] }
        let result = try quantizer.quantize(
            network.graph, calibration: calibration,
            judging: judging.isEmpty ? calibration : judging)
        var graph = result.graph
        graph.metadata["fathom.quantization"] =
            "int8, ranges by \(quantizer.ranges.rawValue), mean error \(result.error.mean) of the output's span"
        let bytes = try ModelExport.write(graph, to: output, overwrites: overwrites)
        return Report(
            path: output, bytes: bytes, ranges: quantizer.ranges.rawValue,
            calibrationFrames: calibration.count, layers: result.layers,
            floatLayers: result.floatLayers, edges: result.edges, error: result.error)
    }

    /// What the network is given for frames spread over the beginning of the recording.
    private func frames(_ network: Network) throws(FathomError) -> [NetworkQuantizer.Frame] {
        let cancellation = Cancellation()
        let input = try MediaInput.resolve(calibrationData)
        var configuration = configuration
        let probe = try Recording(input, configuration: configuration, cancellation: cancellation)
        if let seconds = probe.expectedSeconds, let rate = probe.stream.video?.frameRate?.value {
            let available = min(seconds * rate, Double(frames * Self.longestStride))
            configuration.every = max(1, Int(available) / max(frames, 1))
        }
        let recording = try Recording(
            input, configuration: configuration, cancellation: cancellation)
        let model = try network.makeModel(configuration, pool: quantizer.pool)
        let pipeline = Pipeline(cancellation: cancellation)
        let pictures = ReadingStages.add(
            to: pipeline, recording, configuration: configuration,
            threads: quantizer.pool.threads, tally: RunTally())
        let given = BoundedQueue<NetworkQuantizer.Frame>(capacity: frames)
        pipeline.addStage("prepare", from: pictures, finishing: [given]) {
            (_) throws(FathomError) in
            var count = 0
            while count < frames, let picture = pictures.receive() {
                _ = try picture.withPicture { (view) throws(FathomError) in
                    try model.estimate(view, sampleAspectRatio: picture.sampleAspectRatio)
                }
                if let frame = model.networkInput() { given.send(frame) }
                count += 1
            }
        }
        try pipeline.run()
        var result: [NetworkQuantizer.Frame] = []
        while let frame = given.receive() { result.append(frame) }
        guard !result.isEmpty else {
            throw FathomError(
                operation: "quantize", subject: "model \(network.name)",
                cause: "\(calibrationData) has no frame", remedy: "Give a recording or pictures")
        }
        return result
    }
}
