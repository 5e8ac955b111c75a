import FathomCore

extension Gradient {
    /// Convolutions and batch norms.
    static let layers: [String: GradientRule] = [
        "Conv": { d, node, arrived throws(FathomError) in
            guard let gradient = arrived[0] else { return node.inputs.map { _ in nil } }
            let input = try d.wants(node.inputs[0]) ? inputGradient(&d, node, gradient) : nil
            let rest = try weightGradients(
                &d, node, input: node.inputs[0], gradient: gradient, bias: node.inputs.count > 2)
            return [input] + rest
        },
        // The transpose of a transposed convolution is the convolution; operand and gradient change places.
        "ConvTranspose": { d, node, arrived throws(FathomError) in
            guard let gradient = arrived[0] else { return node.inputs.map { _ in nil } }
            let transposed = try TransposedConvolution(d.operands(node))
            let weights = try d.shape(node.inputs[1], node)
            let attributes = windowAttributes(
                kernel: Array(weights.dimensions.dropFirst(2)), strides: transposed.strides,
                pads: transposed.pads, dilations: transposed.dilations,
                groups: transposed.groups)
            var results: [String?] = [nil, nil]
            if d.wants(node.inputs[0]) {
                results[0] = d.builder.node("Conv", [gradient, node.inputs[1]], attributes)
            }
            if d.wants(node.inputs[1]) {
                results[1] = d.builder.node(
                    Operator.convolutionWeightGradient, [gradient, node.inputs[0]], attributes)
            }
            if node.inputs.count > 2 {
                let shape = try d.shape(node.outputs[0], node)
                let axes = [0] + Array(2..<shape.rank)
                results.append(
                    d.wants(node.inputs[2])
                        ? d.reshaped(d.builder.sum(gradient, axes: axes), [shape[1]]) : nil)
            }
            return results
        },
        "BatchNormalization": { d, node, arrived throws(FathomError) in
            guard let gradient = arrived[0] else { return node.inputs.map { _ in nil } }
            guard try node.flag("training_mode") else {
                return try inferenceNorm(&d, node, gradient)
            }
            guard try node.float("momentum", default: 0.9) == 0, node.outputs.count == 3,
                node.outputs.allSatisfy({ !$0.isEmpty })
            else {
                throw node.unsupported(
                    "a gradient in training unless its momentum is 0, so that it gives the batch's statistics"
                )
            }
            let operands = [gradient, node.inputs[0], node.inputs[1]] + node.outputs[1...2]
            let results = d.builder.nodes(
                Operator.batchNormalizationGradient, operands, outputs: 3,
                ["epsilon": .float(try node.float("epsilon", default: 1e-5))])
            return results.map { $0 } + [nil, nil]
        },
    ]

    private static func windowAttributes(
        kernel: [Int], strides: [Int], pads: [Int], dilations: [Int], groups: Int
    ) -> [String: Attribute] {
        [
            "kernel_shape": .integers(kernel), "strides": .integers(strides),
            "pads": .integers(pads), "dilations": .integers(dilations), "group": .integer(groups),
        ]
    }

    /// Rows and columns of a convolution's window; of a sequence the columns alone.
    private static func attributes(
        _ d: Differentiation, _ node: Node
    ) throws(FathomError) -> (attributes: [String: Attribute], axes: [Window.Axis]) {
        let convolution = try Convolution(d.operands(node))
        guard convolution.isFlat else { throw node.unsupported("a gradient for volumes") }
        let rank = try d.shape(node.inputs[0], node).rank
        let axes =
            rank == 4
            ? [convolution.window.rows, convolution.window.columns]
            : [convolution.window.columns]
        let attributes = windowAttributes(
            kernel: axes.map(\.kernel), strides: axes.map(\.stride),
            pads: axes.map(\.before) + axes.map(\.after), dilations: axes.map(\.dilation),
            groups: convolution.groups)
        return (attributes, axes)
    }

    private static func inputGradient(
        _ d: inout Differentiation, _ node: Node, _ gradient: String
    ) throws(FathomError) -> String {
        var (attributes, axes) = try attributes(d, node)
        // What a stride left unread at the end gets nothing.
        let unread = axes.map { axis in
            let reach = (axis.output - 1) * axis.stride + (axis.kernel - 1) * axis.dilation + 1
            return axis.input + axis.before + axis.after - reach
        }
        attributes["output_padding"] = .integers(unread)
        return d.builder.node("ConvTranspose", [gradient, node.inputs[1]], attributes)
    }

    private static func weightGradients(
        _ d: inout Differentiation, _ node: Node, input: String, gradient: String, bias: Bool
    ) throws(FathomError) -> [String?] {
        let wantsBias = bias && d.wants(node.inputs[2])
        guard d.wants(node.inputs[1]) || wantsBias else { return bias ? [nil, nil] : [nil] }
        let attributes = try attributes(d, node).attributes
        return d.builder.nodes(
            Operator.convolutionWeightGradient, [input, gradient], outputs: wantsBias ? 2 : 1,
            attributes
        ).map { $0 } + (bias && !wantsBias ? [nil] : [])
    }

    /// y = (x − mean) / √(variance + ε) · scale + shift with fixed statistics.
    private static func inferenceNorm(
        _ d: inout Differentiation, _ node: Node, _ gradient: String
    ) throws(FathomError) -> [String?] {
        let shape = try d.shape(node.inputs[0], node)
        let channels = Shape([1, shape[1]] + Array(repeating: 1, count: shape.rank - 2))
        let axes = shape.dimensions.indices.filter { $0 != 1 }
        let epsilon = try node.float("epsilon", default: 1e-5)
        let deviation = d.builder.node("Sqrt", [d.builder.add(node.inputs[4], epsilon)])
        var results: [String?] = node.inputs.map { _ in nil }
        if d.wants(node.inputs[0]) {
            let factor = d.reshaped(d.builder.divide(node.inputs[1], deviation), channels)
            results[0] = d.builder.multiply(gradient, factor)
        }
        if d.wants(node.inputs[1]) {
            let centred = d.builder.subtract(
                node.inputs[0], d.reshaped(node.inputs[3], channels))
            let sum = d.builder.sum(d.builder.multiply(gradient, centred), axes: axes)
            results[1] = d.builder.divide(d.reshaped(sum, [shape[1]]), deviation)
        }
        if d.wants(node.inputs[2]) {
            results[2] = d.reshaped(d.builder.sum(gradient, axes: axes), [shape[1]])
        }
        return results
    }
}
