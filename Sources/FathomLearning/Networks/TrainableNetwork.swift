import FathomCore
import FathomGraph

/// A network as it is trained: an ordinary graph for inference and the names of its weights that are learnt.
///
/// Batch norms are ONNX `BatchNormalization` nodes with their running statistics as initializers; `TrainingGraph` lets
/// them take the statistics of the batch. The graph as it is can be exported and judged at any time.
public struct TrainableNetwork: Sendable {
    /// The graph. Input `image` (N×3×H×W, normalised; free N, H, W); first output the depth (N×1×H×W).
    public var graph: Graph
    /// Initializers that are learnt, in a fixed order.
    public var parameters: [String]
    /// Outputs of coarser scales, finest first, after the first output; learnt from, and left out of exports.
    public var auxiliaryOutputs: [String]
    /// Pairs of recurrent inputs and outputs, as in `fathom.state`; empty for all but video networks.
    public var state: [(input: String, output: String)]
    /// For a network of a file: the file's graph, which is what is shipped, with the learnt weights. Nil: `graph` is.
    public var source: Graph?

    /// Puts a network together.
    public init(
        graph: Graph, parameters: [String], auxiliaryOutputs: [String] = [],
        state: [(input: String, output: String)] = [], source: Graph? = nil
    ) {
        self.graph = graph
        self.parameters = parameters
        self.auxiliaryOutputs = auxiliaryOutputs
        self.state = state
        self.source = source
    }
}
