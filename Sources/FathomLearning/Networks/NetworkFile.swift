import FathomCore
import FathomDepth
import FathomGraph
import FathomPipeline

/// A network in an ONNX file that is trained further: `network: {kind: file, file: PATH}`.
///
/// What its metadata says of its input and output holds; what the configuration says besides must be the same. A file of
/// whole numbers learns as such (`Graph.withLearntWeights`): quantization-aware fine-tuning.
public struct NetworkFile: Hashable, Sendable {
    /// The file, or the name of a model that is built in.
    public let path: String
    /// What its metadata says; usual values where it says nothing.
    public let card: ModelCard
    /// Width and height, where the file allows no others.
    let fixedSize: [Int]?
    /// The keys that its metadata has.
    private let stated: Set<String>

    /// Reads the file's metadata.
    public init(_ path: String) throws(FathomError) {
        let network = try Network(path)
        self.path = path
        card = try ModelCard(
            metadata: network.graph.metadata, subject: path, defaultName: network.name)
        stated = Set(network.graph.metadata.keys)
        let picture = try Self.picture(of: network.graph, card, path)
        fixedSize =
            if let sides = picture.dimensions?.suffix(2), sides.count == 2,
                case .fixed(let height)? = sides.first, case .fixed(let width)? = sides.last
            { [width, height] } else { nil }
    }

    private static func error(_ path: String, _ cause: String, _ remedy: String) -> FathomError {
        FathomError(.usage, operation: "train", subject: path, cause: cause, remedy: remedy)
    }

    /// The one input that is no state.
    private static func picture(
        of graph: Graph, _ card: ModelCard, _ path: String
    ) throws(FathomError) -> ValueInfo {
        let inputs = graph.inputs.filter { input in
            !card.state.contains { $0.input == input.name }
        }
        guard inputs.count == 1, inputs[0].dimensions.map({ $0.count == 4 }) ?? true,
            inputs[0].type == .float
        else {
            let names = inputs.map { "'\($0.name)'" }.joined(separator: ", ")
            throw error(
                path, "its inputs are \(names)",
                "It must have one picture, N×3×height×width in float32, besides its states")
        }
        return inputs[0]
    }

    /// The one output that is no state.
    private func depth(of graph: Graph) throws(FathomError) -> ValueInfo {
        let outputs = graph.outputs.filter { output in
            !card.state.contains { $0.output == output.name }
        }
        guard outputs.count == 1 else {
            let names = outputs.map { "'\($0.name)'" }.joined(separator: ", ")
            throw Self.error(
                path, "it has \(outputs.count) outputs: \(names)",
                "Export it with its depth, N×1×height×width, as the only one besides its states")
        }
        return outputs[0]
    }

    /// Makes the data fit the network; throws where the configuration's own words contradict the file's.
    func complete(
        _ data: inout DataConfiguration, _ section: ConfigurationSection
    ) throws(FathomError) {
        let target: DepthTarget = card.outputKind == .inverseDepth ? .inverseDepth : .depth
        if stated.contains("fathom.output") || !section.has("target") {
            guard !section.has("target") || data.target == target else {
                throw section.error(
                    "'target' is \(data.target.rawValue), and \(path) gives \(target.rawValue)",
                    "Remove 'target': the file decides")
            }
            data.target = target
        } else if data.target == .logDepth {
            throw section.error(
                "'target' is log-depth, which a network of a file is not made for",
                "Give inverse-depth or depth")
        }
        let own = PictureNormalization(card)
        if stated.contains("fathom.mean") || stated.contains("fathom.std")
            || !section.has("normalization")
        {
            let numbers = zip(
                own.mean + own.deviation, data.normalization.mean + data.normalization.deviation)
            guard !section.has("normalization") || numbers.allSatisfy({ abs($0 - $1) < 1e-4 })
            else {
                throw section.error(
                    "'normalization' differs from the mean and deviation that \(path) states",
                    "Remove 'normalization': the file decides")
            }
            data.normalization = own
        }
    }

    /// Builds the network; parameters as `NetworkConfiguration.build`.
    ///
    /// - Throws: when it has another input or output than a depth network, nothing that can be learnt, or an edge of the
    ///   name of something that batches have.
    func build(
        _ interface: NetworkInterface, clips: ClipShape?
    ) throws(FathomError) -> TrainableNetwork {
        var (source, weights) = try Network(path).graph.withLearntWeights()
        source.metadata = interface.metadata.merging(source.metadata) { _, own in own }
        source.metadata["fathom.sizeMultiple"] = "\(card.sizeMultiple)"
        guard !weights.isEmpty else {
            throw Self.error(
                path, "no convolution, product or norm in it has floating-point weights",
                "Only such weights are learnt, or whole ones behind DequantizeLinear")
        }
        let picture = try Self.picture(of: source, card, path)
        let depth = try depth(of: source)
        try checkNames(source, picture.name)
        var graph = source
        let states = graph.outputs.filter { $0.name != depth.name }
        graph.outputs = [depth] + states
        for index in graph.inputs.indices where graph.inputs[index].dimensions?.isEmpty == false {
            // Exporters like to write the one picture that they were shown.
            graph.inputs[index].dimensions?[0] = .named("batch")
        }
        for index in graph.outputs.indices { graph.outputs[index].dimensions = nil }
        if picture.name != "image" {
            graph.nodes.insert(
                Node("Identity", inputs: ["image"], outputs: [picture.name]), at: 0)
            for index in graph.inputs.indices where graph.inputs[index].name == picture.name {
                graph.inputs[index].name = "image"
            }
        }
        let state = card.state.map { (input: $0.input, output: $0.output) }
        if let clips { graph = try Self.unrolled(graph, state, clips) }
        try checkDepth(graph)
        return TrainableNetwork(
            graph: graph, parameters: weights, state: state, source: source)
    }

    /// Names of what a batch may have.
    private static let batchNames: Set<String> = [
        "image", "target", "valid", "flow", "intrinsics", "baseline", "previous", "next",
        "otherEye", "pose",
    ]

    private func checkNames(_ graph: Graph, _ picture: String) throws(FathomError) {
        var names = Set(graph.initializers.keys).union(graph.nodes.flatMap(\.outputs))
        names.formUnion(graph.inputs.map(\.name))
        names.remove(picture)
        guard let taken = names.intersection(Self.batchNames).min() else { return }
        throw Self.error(
            path, "one of its edges is called '\(taken)', as is a part of training batches",
            "Rename the edge")
    }

    /// The depth must be N×1×height×width; a network with a memory is found out when its losses are built.
    private func checkDepth(_ graph: Graph) throws(FathomError) {
        guard card.state.isEmpty else { return }
        let side = card.sizeMultiple * max(1, 64 / card.sizeMultiple)
        let size = fixedSize ?? [side, side]
        let facts = try graph.facts(inputShapes: ["image": [1, 3, size[1], size[0]]])
        let shape = facts[graph.outputs[0].name]?.shape ?? []
        guard shape == [1, 1, size[1], size[0]] else {
            throw Self.error(
                path, "its output is \(shape) for a picture of \(size[0])x\(size[1])",
                "It must be one number a pixel, N×1×height×width")
        }
    }

    /// The graph for clips, whose pictures are frame 0 of each clip, then frame 1 and so on: a copy of its nodes for each
    /// frame, each with the states of the one before.
    private static func unrolled(
        _ network: Graph, _ state: [(input: String, output: String)], _ clips: ClipShape
    ) throws(FathomError) -> Graph {
        var frame = network
        (frame.nodes, frame.outputs) = ([], [])
        for index in frame.inputs.indices
        where frame.inputs[index].name != "image"
            && frame.inputs[index].dimensions?.isEmpty == false
        {
            frame.inputs[index].dimensions?[0] = .fixed(clips.clips)
        }
        var builder = GraphBuilder(extending: frame)
        let depth = network.outputs[0].name
        var depths: [String] = []
        var before: [String: String] = [:]
        for number in 0..<clips.frames {
            var edges = before
            edges["image"] = builder.slice(
                "image", axes: [0], from: [number * clips.clips],
                to: [(number + 1) * clips.clips])
            for var node in network.nodes {
                for output in node.outputs where !output.isEmpty {
                    edges[output] = "\(output)@\(number)"
                }
                node.inputs = node.inputs.map { edges[$0] ?? $0 }
                node.outputs = node.outputs.map { edges[$0] ?? $0 }
                builder.append(node)
            }
            depths.append(edges[depth] ?? depth)
            before = [:]
            for pair in state { before[pair.input] = edges[pair.output] }
        }
        builder.output(builder.concatenate(depths, axis: 0))
        return try builder.finish()
    }
}
