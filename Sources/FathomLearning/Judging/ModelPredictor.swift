import FathomCore
import FathomDepth
import FathomEngine
import FathomGraph
import FathomPipeline

/// A network in any form that is shipped, fed as recordings are.
public final class ModelPredictor: DepthPredictor {
    /// What the output means.
    public var kind: DepthKind { model.card.outputKind }
    /// What reports call it.
    public let description: PredictorDescription
    /// The graph that is run.
    let graph: Graph
    let model: DepthModel
    let pool: WorkerPool

    /// Prepares a network: its size, mean, deviation, kind and precision are from the configuration where it has them.
    public convenience init(
        _ network: Network, configuration: RunConfiguration, pool: WorkerPool
    ) throws(FathomError) {
        try self.init(network, graph: network.graph, configuration: configuration, pool: pool)
    }

    /// As the other, with a graph made of the network's.
    init(
        _ network: Network, graph: Graph, configuration: RunConfiguration, pool: WorkerPool
    ) throws(FathomError) {
        self.graph = graph
        self.pool = pool
        model = try DepthModel(
            graph: graph,
            overrides: ModelOverrides(
                mean: configuration.mean, std: configuration.std,
                outputKind: configuration.outputKind, size: configuration.size),
            options: SessionOptions(pool: pool, precision: configuration.precision))
        description = PredictorDescription(
            name: network.name, source: "model",
            precision: graph.isQuantized ? "int8" : configuration.precision.rawValue,
            sha256: try network.sha256())
    }

    /// The network's input as it was for the last picture; nil before the first.
    public var inputSize: (width: Int, height: Int)? {
        guard let width = model.inputWidth, let height = model.inputHeight else { return nil }
        return (width, height)
    }

    /// Nothing is carried along.
    public func beginClip() { model.forget() }

    /// Runs the network; the result has the size at which the picture was given to it.
    public func predict(_ sample: DepthSample) throws(FathomError) -> DepthPrediction {
        let map = try model.estimate(sample.picture)
        return DepthPrediction(
            width: map.width, height: map.height, values: map.values, kind: map.kind)
    }
}
