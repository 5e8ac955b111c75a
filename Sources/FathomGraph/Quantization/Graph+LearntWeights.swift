import FathomCore

extension Graph {
    /// Operands that are weights, by operator: of convolutions, products and norms.
    public static let layerWeights: [String: [Int]] = [
        "Conv": [1, 2], "ConvTranspose": [1, 2], "Gemm": [0, 1, 2], "MatMul": [0, 1],
        "BatchNormalization": [1, 2],
    ]

    /// The graph with all weights of its layers as real numbers that can be learnt, and their names in order of use.
    ///
    /// Where whole numbers stand for a layer's weights (`DequantizeLinear` of a constant), real ones take their place and
    /// are rounded whenever the graph runs, so that what is learnt by is what the whole numbers compute (fake
    /// quantization: Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    /// Inference", 2018). Scales without a zero follow the weights: the largest magnitude over 127, as when they were
    /// chosen first; others stay, and so do those of activations. Biases, whose 32-bit steps are far below those of
    /// what they are added to, are not rounded. `withWholeWeights` is the way back.
    public func withLearntWeights() throws(FathomError) -> (graph: Graph, weights: [String]) {
        var rewriting = LearntWeights(try foldingConstants(leaving: ["DequantizeLinear"]))
        return try rewriting.run()
    }
}

private struct LearntWeights {
    private let source: Graph
    private var result: Graph
    private var weights: [String] = []
    private let readers: [String: Int]
    private var dequantizers: [String: Int] = [:]

    init(_ graph: Graph) {
        source = graph
        result = graph
        readers = graph.readerCounts
        for (index, node) in graph.nodes.enumerated() where node.operation == "DequantizeLinear" {
            dequantizers[node.outputs[0]] = index
        }
    }

    mutating func run() throws(FathomError) -> (graph: Graph, weights: [String]) {
        var layers: [Int: Node] = [:]
        for node in source.nodes {
            for place in Graph.layerWeights[node.operation] ?? [] where place < node.inputs.count {
                let name = node.inputs[place]
                if let index = dequantizers[name],
                    source.initializers[source.nodes[index].inputs[0]] != nil
                {
                    layers[index] = node
                    add(Self.real(source.nodes[index].inputs[0]))
                } else if let value = source.initializers[name], value.shape.count > 0 {
                    guard value.type == .float else {
                        throw source.error(
                            "the weight '\(name)' of node '\(node.name)' (\(node.operation)) is \(value.type.rawValue)",
                            remedy: "Export the network in float32", operation: "train")
                    }
                    add(name)
                }
            }
        }
        result.nodes = []
        for (index, node) in source.nodes.enumerated() {
            if let layer = layers[index] {
                try replace(node, of: layer)
            } else {
                result.nodes.append(node)
            }
        }
        separateStatistics()
        return (try result.verified(), weights)
    }

    private mutating func add(_ name: String) {
        if !weights.contains(name) { weights.append(name) }
    }

    private static func real(_ whole: String) -> String { "\(whole)#real" }

    /// Running statistics that share their memory with a weight get their own.
    private mutating func separateStatistics() {
        for index in result.nodes.indices
        where result.nodes[index].operation == "BatchNormalization" {
            for place in [3, 4] where place < result.nodes[index].inputs.count {
                let name = result.nodes[index].inputs[place]
                guard weights.contains(name) else { continue }
                let own = "\(result.nodes[index].outputs[0])#statistic\(place)"
                result.initializers[own] = result.initializers[name]
                result.nodes[index].inputs[place] = own
            }
        }
    }

    private mutating func node(
        _ operation: String, _ inputs: [String], _ output: String,
        _ attributes: [String: Attribute] = [:]
    ) -> String {
        result.nodes.append(
            Node(operation, inputs: inputs, outputs: [output], attributes: attributes))
        return output
    }

    private mutating func constant(_ name: String, _ value: Value) -> String {
        result.initializers[name] = value
        return name
    }

    /// Puts real numbers in the place of constant whole ones.
    private mutating func replace(_ dequantizer: Node, of layer: Node) throws(FathomError) {
        let whole = dequantizer.inputs[0]
        let values = dequantizer.inputs.map { source.initializers[$0] }
        guard let stored = values[0], let scale = values[1], let scales = scale.tensor,
            let entry = Operator.table["DequantizeLinear"]
        else {
            throw dequantizer.error("its scale is not constant")
        }
        let numbers = try entry.evaluate(
            Operands(dequantizer, values, operatorSet: source.operatorSet))[0]
        let real = constant(
            Self.real(whole),
            .floats(
                Tensor(
                    shape: stored.shape, values: numbers.floatValues)))
        guard stored.type != .int32 else {
            _ = node("Identity", [real], dequantizer.outputs[0])
            return
        }
        let isOwn = readers[whole] == 1
        result.initializers[whole] = isOwn ? nil : stored
        var zero = dequantizer.inputs.count > 2 ? dequantizer.inputs[2] : ""
        let zeros = source.initializers[zero]?.integerValues ?? []
        if zero.isEmpty {
            let noughts = [Int64](repeating: 0, count: scales.count)
            zero = constant(
                "\(whole)#zero",
                .integers(
                    IntegerTensor(shape: scale.shape, values: noughts, type: stored.type)))
        }
        var step = dequantizer.inputs[1]
        if stored.type == .int8, zeros.allSatisfy({ $0 == 0 }),
            dequantizer.attributes["block_size"] == nil
        {
            step = try following(real, dequantizer, layer, shape: stored.shape, scales: scales)
        }
        let rounded = node(
            "QuantizeLinear", [real, step, zero],
            isOwn ? whole : "\(dequantizer.outputs[0])#whole", dequantizer.attributes)
        _ = node(
            "DequantizeLinear", [rounded, step, zero], dequantizer.outputs[0],
            dequantizer.attributes)
    }

    /// The edge of a scale that the weights decide: one for all, or one for each index of an axis.
    private mutating func following(
        _ real: String, _ dequantizer: Node, _ layer: Node, shape: Shape, scales: Tensor
    ) throws(FathomError) -> String {
        let magnitude = node("Abs", [real], "\(real)#magnitude")
        var attributes: [String: Attribute] = ["keepdims": .integer(0)]
        if scales.count > 1 {
            let axis = try dequantizer.axis(
                try dequantizer.integer("axis", default: 1), rank: shape.rank)
            attributes["axes"] = .integers((0..<shape.rank).filter { $0 != axis })
        }
        let largest = node("ReduceMax", [magnitude], "\(real)#largest", attributes)
        let most = constant("\(real)#most", .scalar(Float(WholeNumbers.greatestWeight)))
        var edge = node("Div", [largest, most], "\(real)#step")
        // Where all weights are 0, or the bias could not be told in units of them.
        let least = constant("\(real)#least", .scalar(WholeNumbers.leastStep))
        edge = node("Max", [edge, least], "\(real)#atLeast")
        if let bias = bias(of: layer), let input = source.inputScale(of: layer),
            result.initializers[bias]?.shape.count == scales.count
        {
            let size = node("Abs", [bias], "\(real)#bias")
            let unit = constant(
                "\(real)#unit", .scalar(input * WholeNumbers.largestBias))
            let bound = node("Div", [size, unit], "\(real)#bound")
            edge = node("Max", [edge, bound], "\(real)#bounded")
        }
        let name = dequantizer.inputs[1]
        let isOwn = readers[name] == 1
        if isOwn { result.initializers[name] = nil }
        let target = constant("\(real)#shape", .list(scales.shape.dimensions))
        return node("Reshape", [edge, target], isOwn ? name : "\(real)#scale")
    }

    /// The initializer that is a convolution's bias.
    private mutating func bias(of layer: Node) -> String? {
        guard layer.operation == "Conv", layer.inputs.count > 2, !layer.inputs[2].isEmpty else {
            return nil
        }
        let name = layer.inputs[2]
        if source.initializers[name]?.type == .float { return name }
        guard let index = dequantizers[name] else { return nil }
        let node = source.nodes[index]
        let values = node.inputs.map { source.initializers[$0] }
        guard values.allSatisfy({ $0 != nil }),
            let numbers = try? Operator.table["DequantizeLinear"]?.evaluate(
                Operands(node, values, operatorSet: source.operatorSet)
            ).first?.tensor
        else { return nil }
        return constant(Self.real(node.inputs[0]), .floats(numbers))
    }
}

/// The whole numbers that stand for weights and biases.
enum WholeNumbers {
    /// The greatest magnitude of a weight.
    static let greatestWeight = 127
    /// Biases stay below this in units of both scales, so that sums do not overflow.
    static let largestBias: Float = 0x1p29
    /// The scale of weights that are all 0 is not less.
    static let leastStep: Float = 0x1p-100

    /// A bias in units of the sums.
    static func bias(_ values: [Float], units: [Float]) -> [Int64] {
        values.indices.map { index in
            let unit = units[units.count == 1 ? 0 : index]
            let whole = (values[index] / unit).rounded(.toNearestOrEven)
            return Int64(min(max(whole.isNaN ? 0 : whole, -largestBias * 2), largestBias * 2))
        }
    }
}

extension Graph {
    /// The graph with whole numbers in place of the real weights that `withLearntWeights` put there, and of the biases of
    /// what computes on whole numbers; a graph that is not quantized is as it was.
    public func withWholeWeights() throws(FathomError) -> Graph {
        guard isQuantized else { return self }
        var result = try foldingConstants(leaving: ["DequantizeLinear"])
        let nodes = result.nodes
        var scales: [String: [Float]] = [:]
        for node in nodes where node.operation == "DequantizeLinear" {
            guard result.initializers[node.inputs[0]]?.type == .int8 else { continue }
            scales[node.outputs[0]] = result.initializers[node.inputs[1]]?.tensor?.values
        }
        result.nodes = []
        for var node in nodes {
            if node.operation == "Conv", node.inputs.count > 2,
                let bias = result.initializers[node.inputs[2]]?.tensor,
                let factors = scales[node.inputs[1]], let input = inputScale(of: node),
                factors.count == 1 || factors.count == bias.count
            {
                let each =
                    factors.count == 1
                    ? Array(repeating: factors[0], count: bias.count) : factors
                let units = each.map { $0 * input }
                node.inputs[2] = result.appendDequantizing(
                    "\(node.outputs[0])#bias", WholeNumbers.bias(bias.values, units: units), units,
                    shape: bias.shape, type: .int32)
            }
            result.nodes.append(node)
        }
        return try GraphPass.removeDeadNodes.rewrite(result, [:]).verified()
    }

    /// The scale of the whole numbers that a layer reads, if they have one.
    fileprivate func inputScale(of layer: Node) -> Float? {
        guard let writer = nodes.first(where: { $0.outputs.contains(layer.inputs[0]) }),
            writer.operation == "DequantizeLinear",
            let scale = initializers[writer.inputs[1]]?.tensor, scale.count == 1,
            scale.values[0] > 0, scale.values[0].isFinite
        else { return nil }
        return scale.values[0]
    }

    /// Adds whole numbers with a scale for each index of axis 0; gives the edge of the real ones.
    mutating func appendDequantizing(
        _ name: String, _ values: [Int64], _ scales: [Float], shape: Shape, type: ElementType
    ) -> String {
        let axis: Shape = [scales.count]
        let real = "\(name)#dequantized"
        initializers[real] = nil
        initializers[name] = .integers(IntegerTensor(shape: shape, values: values, type: type))
        initializers["\(name)Scale"] = .floats(Tensor(shape: axis, values: scales))
        var inputs = [name, "\(name)Scale"]
        if type == .int8 {
            initializers["\(name)Zero"] = .integers(
                IntegerTensor(
                    shape: axis, values: [Int64](repeating: 0, count: scales.count), type: type))
            inputs.append("\(name)Zero")
        }
        nodes.append(
            Node(
                "DequantizeLinear", inputs: inputs, outputs: [real],
                attributes: ["axis": .integer(0)]))
        return real
    }
}
