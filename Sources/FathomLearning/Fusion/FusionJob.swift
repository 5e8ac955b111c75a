import FathomCore
import FathomDepth
import FathomGraph
import FathomPipeline
import Foundation

/// `fathom model fuse`: joins networks into one file.
public struct FusionJob {
    /// Names or ONNX files.
    public var models: [String]
    /// Where the joined network goes.
    public var output: String
    /// How predictions become one.
    public var fusion: ModelFusion
    /// What weights are learnt on: a training configuration's validation part, or a CSV or JSON Lines file.
    public var data: String?
    /// Pictures that weights are learnt on, at most.
    public var pictures = 200
    /// Whether a file of that name may be replaced.
    public var overwrites = false
    /// Who works.
    public var pool = WorkerPool.machine

    /// What was written.
    public struct Report: Sendable, Codable {
        /// The file.
        public var path: String
        /// Its size.
        public var bytes: Int
        /// The members' weights, where they were learnt.
        public var weights: [Double]?
        /// What is added, where weights were learnt.
        public var shift: Double?
    }

    /// A fusion of some networks.
    public init(models: [String], output: String, fusion: ModelFusion) {
        self.models = models
        self.output = output
        self.fusion = fusion
    }

    /// Joins, learns weights if asked to, and writes the file.
    public func run() throws(FathomError) -> Report {
        guard overwrites || !FileManager.default.fileExists(atPath: output) else {
            throw FathomError(
                .usage, operation: "write", subject: output, cause: "it exists already",
                remedy: "Give another name, or --overwrite")
        }
        var networks: [Network] = []
        for name in models { networks.append(try Network(name)) }
        var fusion = fusion
        if fusion.method == .learned, networks.count > 1 {
            fusion.weights = try learned(networks)
        }
        let bytes = try fusion.joined(networks.map(\.graph)).onnxBytes()
        try AtomicFile.write(output, bytes)
        return Report(
            path: output, bytes: bytes.count, weights: fusion.weights?.members,
            shift: fusion.weights?.shift)
    }

    private func learned(
        _ networks: [Network]
    ) throws(FathomError) -> (members: [Double], shift: Double) {
        guard let data else {
            throw FathomError(
                .usage, operation: "fuse", subject: "the networks",
                cause: "weights are learnt on data with known depth",
                remedy: "Give --data with a training configuration, or a CSV or JSON Lines file")
        }
        let dataset = try EvaluationJob.dataset(data, split: .validation)
        var predictors: [ModelPredictor] = []
        for network in networks {
            var graph = network.graph
            if fusion.flip { graph = try ModelFusion(method: .mean, flip: true).joined([graph]) }
            var configuration = RunConfiguration()
            // All members see the picture at the first one's size, as they will in one graph.
            configuration.size = predictors.first?.model.card.size
            predictors.append(
                try ModelPredictor(
                    network, graph: graph, configuration: configuration, pool: pool))
        }
        var sums = FusionWeights(members: networks.count, kind: predictors[0].kind)
        let count = min(dataset.count, pictures)
        for step in 0..<count {
            let sample = try dataset.sample(step * dataset.count / count)
            var predictions: [DepthPrediction] = []
            for predictor in predictors { predictions.append(try predictor.predict(sample)) }
            guard
                predictions.allSatisfy({
                    $0.width == predictions[0].width && $0.height == predictions[0].height
                })
            else {
                throw ModelFusion.failure(
                    "they see pictures at different sizes", "Export them with one size")
            }
            sums.add(predictions, truth: sample.depth)
        }
        guard let weights = sums.solved() else {
            throw ModelFusion.failure(
                "the data in \(data) doesn't decide weights", "Give more pictures")
        }
        return weights
    }
}
