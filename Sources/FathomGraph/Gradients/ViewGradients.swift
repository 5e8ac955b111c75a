import FathomCore

extension Gradient {
    /// The same numbers elsewhere.
    static let views: [String: GradientRule] = [
        "Reshape": { d, node, arrived throws(FathomError) in [try back(&d, node, arrived[0]), nil]
        },
        "Flatten": { d, node, arrived throws(FathomError) in [try back(&d, node, arrived[0])] },
        "Squeeze": { d, node, arrived throws(FathomError) in [try back(&d, node, arrived[0])] },
        "Unsqueeze": { d, node, arrived throws(FathomError) in [try back(&d, node, arrived[0])] },
        "Transpose": { d, node, arrived throws(FathomError) in
            let rank = try d.shape(node.inputs[0], node).rank
            let order = try node.integers("perm") ?? Array((0..<rank).reversed())
            var back = Array(repeating: 0, count: rank)
            for (position, axis) in order.enumerated() { back[axis] = position }
            return [
                arrived[0].map {
                    d.builder.node("Transpose", [$0], ["perm": .integers(back)])
                }
            ]
        },
        "Expand": { d, node, arrived throws(FathomError) in
            guard let gradient = arrived[0] else { return [nil] }
            return [
                d.summed(
                    gradient, from: try d.shape(node.outputs[0], node),
                    to: try d.shape(node.inputs[0], node))
            ]
        },
        "Concat": { d, node, arrived throws(FathomError) in
            guard let gradient = arrived[0] else { return node.inputs.map { _ in nil } }
            let rank = try d.shape(node.outputs[0], node).rank
            let axis = try node.axis(try node.integer("axis", default: 1), rank: rank)
            var start = 0
            var parts: [String?] = []
            for input in node.inputs {
                let end = start + (try d.shape(input, node)[axis])
                parts.append(
                    d.wants(input)
                        ? d.builder.slice(gradient, axes: [axis], from: [start], to: [end]) : nil)
                start = end
            }
            return parts
        },
        "Split": { d, node, arrived throws(FathomError) in
            let rank = try d.shape(node.inputs[0], node).rank
            let axis = try node.axis(try node.integer("axis", default: 0), rank: rank)
            var parts: [String] = []
            for (output, gradient) in zip(node.outputs, arrived) {
                let zeros = Tensor(shape: try d.shape(output, node))
                parts.append(gradient ?? d.builder.constant(zeros, near: "zeros"))
            }
            return [d.builder.concatenate(parts, axis: axis)]
        },
        "Slice": { d, node, arrived throws(FathomError) in [try moved(&d, node, arrived[0])] },
        "Pad": { d, node, arrived throws(FathomError) in [try moved(&d, node, arrived[0])] },
        "Gather": { d, node, arrived throws(FathomError) in [try moved(&d, node, arrived[0])] },
        "Tile": { d, node, arrived throws(FathomError) in [try moved(&d, node, arrived[0])] },
        "DepthToSpace": { d, node, arrived throws(FathomError) in
            [try moved(&d, node, arrived[0])]
        },
        "SpaceToDepth": { d, node, arrived throws(FathomError) in
            [try moved(&d, node, arrived[0])]
        },
    ]

    private static func back(
        _ d: inout Differentiation, _ node: Node, _ gradient: String?
    ) throws(FathomError) -> String? {
        guard let gradient else { return nil }
        return d.reshaped(gradient, try d.shape(node.inputs[0], node))
    }

    /// The gradient of an operator that only moves numbers: each goes back, and those that meet are added.
    private static func moved(
        _ d: inout Differentiation, _ node: Node, _ gradient: String?
    ) throws(FathomError) -> String? {
        try backward(&d, Operator.movementGradient, node, gradient)
    }

    /// A node that has the operands and settings of another one, but for the first, the shape of which it is told.
    private static func backward(
        _ d: inout Differentiation, _ operation: String, _ node: Node, _ gradient: String?
    ) throws(FathomError) -> String? {
        guard let gradient else { return nil }
        var attributes = node.attributes
        attributes[ForwardNode.shapeKey] = .integers(try d.shape(node.inputs[0], node).dimensions)
        attributes[ForwardNode.operationKey] = .string(node.operation)
        return d.builder.node(operation, [gradient] + node.inputs.dropFirst(), attributes)
    }

    /// Means, maxima and interpolation.
    static let samplers: [String: GradientRule] = [
        "AveragePool": { d, node, arrived throws(FathomError) in
            [try backward(&d, Operator.averagePoolGradient, node, arrived[0])]
        },
        "MaxPool": { d, node, arrived throws(FathomError) in
            guard let gradient = arrived[0] else { return [nil] }
            let operands = [gradient, node.inputs[0]]
            return [d.builder.node(Operator.maxPoolGradient, operands, node.attributes)]
        },
        "Resize": { d, node, arrived throws(FathomError) in
            [try backward(&d, Operator.resizeGradient, node, arrived[0])]
        },
        "GridSample": { d, node, arrived throws(FathomError) in
            guard let gradient = arrived[0] else { return [nil, nil] }
            return d.builder.nodes(
                Operator.gridSampleGradient, [gradient] + node.inputs, outputs: 2,
                node.attributes
            ).map { $0 }
        },
    ]
}
