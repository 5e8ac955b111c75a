import FathomCore
import FathomEngine
import FathomGraph

/// What a training configuration describes, put together: the network for training and for use, its losses, its data.
public struct TrainingAssembly {
    /// What it was made from.
    public let configuration: TrainingConfiguration
    /// The network as it is trained.
    public let network: TrainableNetwork
    /// The network as it is used: for video, a frame at a time.
    public let used: TrainableNetwork
    /// The network with its losses behind it.
    let learner: TrainableNetwork
    /// What goes into the network and what comes out.
    let interface: NetworkInterface
    let loss: LossConfiguration.Built
    /// The data, open and divided.
    public let data: PreparedData

    /// Builds the network and its losses and opens the data; what doesn't fit is an error here.
    public init(_ configuration: TrainingConfiguration) throws(FathomError) {
        self.configuration = configuration
        let (data, seed) = (configuration.data, configuration.seed)
        interface = NetworkInterface(
            learns: data.target, mean: data.normalization.mean, std: data.normalization.deviation)
        let clips =
            data.clip > 1 ? ClipShape(frames: data.clip, clips: configuration.batchSize) : nil
        used = try configuration.network.build(seed: seed, interface: interface)
        network =
            clips == nil
            ? used
            : try configuration.network.build(seed: seed, interface: interface, clips: clips)
        var builder = GraphBuilder(
            extending: try network.graph.withClearMemory(
                network.state.map(\.input), width: data.size.width, height: data.size.height))
        loss = try configuration.loss.build(
            into: &builder,
            LossEdges(network, interface: interface, size: data.size, clips: clips), seed: seed)
        var learner = network
        learner.graph = builder.graph
        learner.parameters += loss.parameters
        self.learner = learner
        self.data = try PreparedData(data)
    }

    /// Pictures in a batch: for clips, all of their frames.
    var picturesInBatch: Int { configuration.batchSize * configuration.data.clip }

    /// Shapes of what the losses and the network read from a batch.
    func shapes(pictures: Int) -> [String: Shape] {
        let size = configuration.data.size
        func planes(_ count: Int) -> Shape { [pictures, count, size.height, size.width] }
        var shapes = ["image": planes(3)]
        for input in configuration.loss.inputs {
            shapes[input] =
                switch input {
                case "target", "valid": planes(1)
                case "flow": planes(2)
                case "intrinsics": [pictures, 4]
                case "baseline": [pictures, 1]
                default: planes(3)
                }
        }
        return shapes
    }

    /// The session that computes loss and gradients, with the network's first weights, or those of a file.
    public func step(
        initial: String?, options: SessionOptions
    ) throws(FathomError) -> TrainingSession {
        var start = learner
        if let initial { start = try start.with(network.weights(ofFile: initial)) }
        let loss = loss
        let training = try TrainingGraph(
            start, shapes: shapes(pictures: picturesInBatch),
            differentiatesPicture: configuration.adversarial != nil
        ) { _ throws(FathomError) in
            TrainingGraph.Loss(
                total: loss.total, parts: Self.names(loss).map { (name: $0.name, edge: $0.edge) })
        }
        return try TrainingSession(training, options: options)
    }

    /// The losses by their kinds; two of a kind get numbers.
    static func names(_ loss: LossConfiguration.Built) -> [(name: String, edge: String)] {
        var seen: [String: Int] = [:]
        return loss.terms.map { term in
            let kind = term.kind.rawValue
            seen[kind, default: 0] += 1
            let number = seen[kind] ?? 1
            return (number == 1 ? kind : "\(kind)-\(number)", term.edge)
        }
    }

    /// What the optimizer has to know of the parameters.
    public var parameters: [ParameterInfo] {
        learner.parameters.map { name in
            ParameterInfo(name: name, shape: learner.graph.initializers[name]?.shape ?? [])
        }
    }

    /// Training batches, loaded by threads of their own.
    public func batches(threads: Int) throws(FathomError) -> any BatchSource {
        LoadedBatches(
            BatchLoader(
                try BatchRecipe(
                    data, split: .train, batchSize: configuration.batchSize,
                    augmentation: configuration.augmentation, seed: configuration.seed),
                threads: threads))
    }

    /// The shipped network with the given weights, as the bytes of an ONNX file.
    public func onnxBytes(_ weights: NetworkWeights) throws(FathomError) -> [UInt8] {
        var graph = try used.with(weights).shipped()
        let size = configuration.data.size
        graph.metadata["fathom.name"] = configuration.name
        graph.metadata["fathom.size"] = "\(max(size.width, size.height))"
        graph.metadata["fathom.description"] =
            "\(configuration.network.title) trained on \(configuration.data.kind.rawValue) at \(size.width)x\(size.height)"
        return try graph.onnxBytes()
    }
}

/// A loader's batches for a trainer; the frames of clips lie behind each other, frame 0 of each clip first.
final class LoadedBatches: BatchSource {
    private let loader: BatchLoader

    init(_ loader: BatchLoader) { self.loader = loader }

    var batchSize: Int { loader.recipe.batchSize }
    var batchesPerEpoch: Int { loader.recipe.stepsPerEpoch }

    func seek(to batch: Int) throws(FathomError) { loader.start(at: batch) }

    func next() throws(FathomError) -> [String: Tensor] {
        Self.joined(try loader.next().frames)
    }

    /// One dictionary of all frames: what has N samples a frame gets frames · N.
    static func joined(_ frames: [[String: Tensor]]) -> [String: Tensor] {
        guard frames.count > 1, let first = frames.first else { return frames.first ?? [:] }
        var result: [String: Tensor] = [:]
        for (name, tensor) in first {
            let all = frames.compactMap { $0[name] }.filter { $0.shape == tensor.shape }
            guard all.count == frames.count else { continue }
            var lengths = tensor.shape.dimensions
            lengths[0] *= all.count
            result[name] = Tensor(shape: Shape(lengths), values: all.flatMap(\.values))
        }
        return result
    }
}
