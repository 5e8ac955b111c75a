import FathomCore
import FathomGraph

/// The sum of losses that a network is trained by.
public struct LossConfiguration: Hashable, Sendable {
    /// The losses.
    public var terms: [LossTerm]

    /// A sum of losses.
    public init(_ terms: [LossTerm]) { self.terms = terms }

    /// Reads the list `loss`.
    public init(_ sections: [ConfigurationSection]) throws(FathomError) {
        terms = []
        for section in sections { terms.append(try LossTerm(section)) }
        guard !terms.isEmpty else {
            throw FathomError(
                .usage, operation: "read", subject: "the configuration", cause: "'loss' is empty",
                remedy: "For example loss: [{kind: l1}]")
        }
    }

    /// What a batch must have, beside `image`: `target`, `valid`, `previous`, `next`, `otherEye`, `intrinsics`,
    /// `baseline`, `flow`. Shapes are those of `LossEdges`.
    public var inputs: [String] { Array(Set(terms.flatMap(\.inputs))).sorted() }

    /// What `build` made.
    public struct Built: Sendable {
        /// The sum, one number.
        public var total: String
        /// Each loss before its weight, one number each, for those who follow the training.
        public var terms: [(kind: LossTerm.Kind, edge: String)]
        /// Initializers that are learnt with the network's: those of the pose network of `photometric`.
        public var parameters: [String]
    }

    /// Appends the losses to a network's graph, and the inputs that they need and that aren't there.
    ///
    /// With coarser scales, each loss is the sum over all of them, the finest with the factor 1, each other with half the
    /// factor of the one before; the truth is every second, fourth … pixel.
    ///
    /// - Throws: when a loss needs what `edges` does not say.
    public func build(
        into graph: inout GraphBuilder, _ edges: LossEdges, seed: UInt64 = 0
    ) throws(FathomError) -> Built {
        var builder = LossBuilder(graph, edges, seed: seed)
        for input in inputs { try builder.input(input) }
        var built = Built(total: "", terms: [], parameters: [])
        for term in terms {
            let edge = try builder.sumOfScales(term)
            built.terms.append((term.kind, edge))
            let weighted = builder.graph.multiply(edge, term.weight)
            built.total =
                built.total.isEmpty ? weighted : builder.graph.add(built.total, weighted)
        }
        built.parameters = builder.parameters
        graph = builder.graph
        return built
    }
}

/// What losses read, by its name in the graph; and what a graph doesn't say.
public struct LossEdges: Sendable {
    /// What the network gives, N×1×H×W.
    public var prediction: String
    /// Its coarser scales, finest first: N×1×H/2×W/2 …
    public var coarser: [String]
    /// What the network learns.
    public var interface: NetworkInterface
    /// The picture's size, which `photometric` and the flow of `temporal` need.
    public var size: PixelSize?
    /// The clips of a batch, which `temporal` needs.
    public var clips: ClipShape?
    /// The picture as the network gets it, N×3×H×W.
    public var image = "image"

    /// Edges of a network; its batches have, where a loss asks for them: `target` and `valid` (1 where the target is
    /// known, else 0), N×1×H×W; `previous`, `next` and `otherEye`, normalised pictures, N×3×H×W; `intrinsics`, N×4 (fx,
    /// fy, cx, cy in pixels at the network's size); `baseline`, N×1, metres from this camera to the other eye's, above 0
    /// where that is to the right; `flow`, N×2×H×W pixels to the right and down to the next frame of the clip.
    public init(
        _ network: TrainableNetwork, interface: NetworkInterface, size: PixelSize? = nil,
        clips: ClipShape? = nil
    ) {
        prediction = network.graph.outputs.first?.name ?? ""
        coarser = network.auxiliaryOutputs
        self.interface = interface
        self.size = size
        self.clips = clips
    }
}
