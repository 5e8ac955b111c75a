import FathomCore

/// How whole numbers from 0 to 255 stand for the numbers of an edge: real = (whole − zero) · scale.
public struct EdgeScale: Hashable, Sendable {
    /// The step between neighbouring numbers.
    public let scale: Float
    /// The whole number that stands for 0.
    public let zero: Int

    /// The scale that reaches from one number to another, with 0 in between.
    public init(low: Float, high: Float) {
        let (low, high) = (min(low, 0), max(high, 0))
        let step = (high - low) / 255
        scale = step > 0 && step.isFinite ? step : 1
        zero = min(max(Int((-low / scale).rounded()), 0), 255)
    }
}

extension Graph {
    /// The graph as a quantizer wants it: weights are initializers, batch normalizations are in the convolutions.
    ///
    /// - Throws: when it is quantized already, or its operator set is too old to say what quantized weights are.
    public func preparedForQuantization() throws(FathomError) -> Graph {
        guard !nodes.contains(where: { $0.operation.contains("QuantizeLinear") }) else {
            throw error("it is quantized already", operation: "quantize")
        }
        guard operatorSet >= 11 else {
            throw error(
                "it follows ONNX operator set \(operatorSet), which has no scale for each channel",
                remedy: "Export it with operator set 11 or newer", operation: "quantize")
        }
        var graph = try byOperatorSet13().foldingConstants()
        for pass in [
            GraphPass.removeIdentities, .foldBatchNormalization, .removeDeadNodes,
        ] {
            graph = try pass.rewrite(graph, [:]).verified()
        }
        return graph
    }

    /// Computes nodes that read nothing but initializers, whatever the shapes of the inputs; some operators stay.
    func foldingConstants(leaving operations: Set<String> = []) throws(FathomError) -> Graph {
        var result = self
        result.nodes = []
        for node in nodes {
            let values = node.inputs.map { result.initializers[$0] }
            let isConstant = zip(node.inputs, values).allSatisfy { $0.isEmpty || $1 != nil }
            guard isConstant, !node.operation.hasPrefix("Random"),
                !operations.contains(node.operation),
                let entry = Operator.table[node.operation]
            else {
                result.nodes.append(node)
                continue
            }
            let outputs = try entry.evaluate(Operands(node, values, operatorSet: operatorSet))
            for (name, value) in zip(node.outputs, outputs) where !name.isEmpty {
                result.initializers[name] = value
            }
        }
        return result
    }

    /// The graph with `QuantizeLinear` and `DequantizeLinear` around what a scheme computes in 8 bits: activations as
    /// unsigned numbers with one scale an edge, weights as signed ones with a scale for each output channel and no
    /// zero, biases as 32-bit numbers in units of both scales.
    public func quantized(
        _ scheme: QuantizationScheme, scales: [String: EdgeScale]
    ) throws(FathomError) -> Graph {
        var builder = QuantizedGraphBuilder(self, scheme, scales)
        return try builder.build()
    }
}

/// Puts the nodes of a quantized graph together.
private struct QuantizedGraphBuilder {
    private let source: Graph
    private let scheme: QuantizationScheme
    private let scales: [String: EdgeScale]
    private var result: Graph
    private let kept: Set<String>

    init(_ graph: Graph, _ scheme: QuantizationScheme, _ scales: [String: EdgeScale]) {
        source = graph
        self.scheme = scheme
        self.scales = scales
        result = graph
        kept = Set(graph.outputs.map(\.name))
    }

    mutating func build() throws(FathomError) -> Graph {
        result.nodes = []
        let quantized = Set(scheme.edges)
        for input in source.inputs where quantized.contains(input.name) {
            try quantize(input.name)
        }
        for (index, node) in source.nodes.enumerated() {
            var node = node
            // Whoever reads a quantized edge reads what is left of it, so that nothing else needs the original.
            node.inputs = node.inputs.map { quantized.contains($0) ? Self.dequantized($0) : $0 }
            if scheme.layers.contains(index) { try quantizeWeights(of: &node, index) }
            result.nodes.append(node)
            for output in node.outputs where quantized.contains(output) { try quantize(output) }
        }
        return try GraphPass.removeDeadNodes.rewrite(result, [:]).verified()
    }

    private static func dequantized(_ edge: String) -> String { "\(edge)#dequantized" }

    private func scale(_ edge: String) throws(FathomError) -> EdgeScale {
        guard let scale = scales[edge] else {
            throw source.error("its edge '\(edge)' has no range", operation: "quantize")
        }
        return scale
    }

    private mutating func quantize(_ edge: String) throws(FathomError) {
        let scale = try scale(edge)
        let names = ["\(edge)#scale", "\(edge)#zero"]
        result.initializers[names[0]] = .scalar(scale.scale)
        result.initializers[names[1]] = .integers(
            IntegerTensor(shape: [], values: [Int64(scale.zero)], type: .uint8))
        result.nodes.append(
            Node("QuantizeLinear", inputs: [edge] + names, outputs: ["\(edge)#quantized"]))
        result.nodes.append(
            Node(
                "DequantizeLinear", inputs: ["\(edge)#quantized"] + names,
                outputs: [Self.dequantized(edge)]))
    }

    private mutating func quantizeWeights(
        of node: inout Node, _ index: Int
    ) throws(FathomError) {
        let original = source.nodes[index]
        guard let weights = source.initializers[original.inputs[1]]?.tensor else { return }
        let bias =
            original.inputs.count > 2
            ? source.initializers[original.inputs[2]]?.tensor?.values : nil
        let channels = weights.shape[0]
        guard bias == nil || bias?.count == channels else {
            throw source.error(
                "node '\(node.name)' has \(bias?.count ?? 0) biases for \(channels) channels",
                operation: "quantize")
        }
        let input = try scale(original.inputs[0]).scale
        let whole = WholeWeights(weights, bias: bias, inputScale: input)
        // Named after the output: nodes may share weights, but not the scale of what they are applied to.
        let prefix = original.outputs[0]
        node.inputs[1] = result.appendDequantizing(
            "\(prefix)#weights", whole.weights, whole.scales, shape: weights.shape, type: .int8)
        if bias != nil {
            node.inputs[2] = result.appendDequantizing(
                "\(prefix)#bias", whole.bias, whole.scales.map { $0 * input },
                shape: [channels], type: .int32)
        }
    }
}

/// The weights of a convolution as 8-bit numbers.
private struct WholeWeights {
    let weights: [Int64]
    let bias: [Int64]
    /// For each output channel.
    let scales: [Float]

    init(_ tensor: Tensor, bias: [Float]?, inputScale: Float) {
        let channels = tensor.shape[0]
        let each = tensor.count / channels
        var whole = [Int64](repeating: 0, count: tensor.count)
        var scales: [Float] = []
        tensor.withUnsafeBuffer { source in
            for channel in 0..<channels {
                let own = channel * each..<(channel + 1) * each
                var largest: Float = 0
                for place in own { largest = max(largest, source[place].magnitude) }
                var scale = largest / Float(WholeNumbers.greatestWeight)
                if let bias {
                    scale = max(
                        scale, bias[channel].magnitude / inputScale / WholeNumbers.largestBias)
                }
                if !(scale > 0 && scale.isFinite) { scale = 1 }
                scales.append(scale)
                for place in own {
                    let value = (source[place] / scale).rounded(.toNearestOrEven)
                    let most = Float(WholeNumbers.greatestWeight)
                    whole[place] = Int64(min(max(value.isNaN ? 0 : value, -most), most))
                }
            }
        }
        weights = whole
        self.scales = scales
        self.bias = WholeNumbers.bias(bias ?? [], units: scales.map { $0 * inputScale })
    }
}
