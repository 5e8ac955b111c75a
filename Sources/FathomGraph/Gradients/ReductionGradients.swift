import FathomCore

extension Gradient {
    /// Many numbers made one, products of matrices, and softmax.
    static let reductions: [String: GradientRule] = [
        "ReduceSum": { d, node, arrived throws(FathomError) in
            [try spread(&d, node, arrived[0])]
        },
        "ReduceMean": { d, node, arrived throws(FathomError) in
            guard let gradient = arrived[0] else { return [nil] }
            let count = try d.shape(node.inputs[0], node).count
            let results = max(try d.shape(node.outputs[0], node).count, 1)
            let part = d.builder.multiply(gradient, Float(results) / Float(max(count, 1)))
            return [try spread(&d, node, part)]
        },
        "ReduceSumSquare": { d, node, arrived throws(FathomError) in
            guard let whole = try spread(&d, node, arrived[0]) else { return [nil] }
            return [d.builder.multiply(whole, d.builder.multiply(node.inputs[0], 2))]
        },
        "ReduceL1": { d, node, arrived throws(FathomError) in
            guard let whole = try spread(&d, node, arrived[0]) else { return [nil] }
            return [d.builder.multiply(whole, d.builder.node("Sign", [node.inputs[0]]))]
        },
        "ReduceL2": { d, node, arrived throws(FathomError) in
            guard let gradient = arrived[0] else { return [nil] }
            let ratio = d.builder.divide(gradient, node.outputs[0])
            guard let whole = try spread(&d, node, ratio) else { return [nil] }
            return [d.builder.multiply(whole, node.inputs[0])]
        },
        "ReduceMax": { d, node, arrived throws(FathomError) in
            [try extreme(&d, node, arrived[0])]
        },
        "ReduceMin": { d, node, arrived throws(FathomError) in
            [try extreme(&d, node, arrived[0])]
        },
        "GlobalAveragePool": { d, node, arrived throws(FathomError) in
            guard let gradient = arrived[0] else { return [nil] }
            let shape = try d.shape(node.inputs[0], node)
            let plane = shape.count / max(shape[0] * shape[1], 1)
            let part = d.builder.multiply(gradient, 1 / Float(max(plane, 1)))
            return [d.builder.node("Expand", [part, d.builder.constant(shape.dimensions)])]
        },
        "MatMul": { d, node, arrived throws(FathomError) in
            guard let gradient = arrived[0] else { return [nil, nil] }
            let shapes = [try d.shape(node.inputs[0], node), try d.shape(node.inputs[1], node)]
            guard shapes.allSatisfy({ $0.rank >= 2 }) else {
                throw node.unsupported("a gradient for a vector")
            }
            let result = try d.shape(node.outputs[0], node)
            func operand(_ index: Int, _ left: String, _ right: String) -> String {
                let product = d.builder.node("MatMul", [left, right])
                let rank = result.rank
                let whole = Shape(
                    result.dimensions.prefix(rank - 2) + shapes[index].dimensions.suffix(2))
                return d.summed(product, from: whole, to: shapes[index])
            }
            let left =
                d.wants(node.inputs[0])
                ? operand(0, gradient, transposed(&d, node.inputs[1], shapes[1].rank)) : nil
            let right =
                d.wants(node.inputs[1])
                ? operand(1, transposed(&d, node.inputs[0], shapes[0].rank), gradient) : nil
            return [left, right]
        },
        "Gemm": { d, node, arrived throws(FathomError) in try product(&d, node, arrived[0]) },
        "Softmax": { d, node, arrived throws(FathomError) in
            guard let gradient = arrived[0] else { return [nil] }
            let y = node.outputs[0]
            let axis = try softmaxAxis(d, node)
            let sum = d.builder.sum(d.builder.multiply(gradient, y), axes: [axis])
            return [d.builder.multiply(y, d.builder.subtract(gradient, sum))]
        },
        "LogSoftmax": { d, node, arrived throws(FathomError) in
            guard let gradient = arrived[0] else { return [nil] }
            let share = d.builder.node("Exp", [node.outputs[0]])
            let sum = d.builder.sum(gradient, axes: [try softmaxAxis(d, node)])
            return [d.builder.subtract(gradient, d.builder.multiply(share, sum))]
        },
    ]

    private static func softmaxAxis(
        _ d: Differentiation, _ node: Node
    ) throws(FathomError) -> Int {
        guard d.operatorSet >= 13 else {
            throw node.unsupported("a gradient before operator set 13")
        }
        let rank = try d.shape(node.inputs[0], node).rank
        return try node.axis(try node.integer("axis", default: -1), rank: rank)
    }

    /// A reduction's gradient at each of the numbers that were reduced.
    private static func spread(
        _ d: inout Differentiation, _ node: Node, _ gradient: String?
    ) throws(FathomError) -> String? {
        guard let gradient else { return nil }
        let shape = try d.shape(node.inputs[0], node)
        let kept = d.reshaped(gradient, try keptShape(d, node, shape))
        return d.builder.node("Expand", [kept, d.builder.constant(shape.dimensions)])
    }

    /// The shape of a reduction's result where reduced axes stay with length 1.
    private static func keptShape(
        _ d: Differentiation, _ node: Node, _ shape: Shape
    ) throws(FathomError) -> Shape {
        let operands = d.operands(node)
        let stated = try Operator.axes(operands) ?? []
        var axes = try node.axes(stated, rank: shape.rank)
        if axes.isEmpty, try !node.flag("noop_with_empty_axes") {
            axes = Array(0..<shape.rank)
        }
        return Shape(shape.dimensions.indices.map { axes.contains($0) ? 1 : shape[$0] })
    }

    /// The gradient of the greatest or least: in equal parts to all that are it.
    private static func extreme(
        _ d: inout Differentiation, _ node: Node, _ gradient: String?
    ) throws(FathomError) -> String? {
        guard let gradient else { return nil }
        let shape = try d.shape(node.inputs[0], node)
        let kept = try keptShape(d, node, shape)
        let extreme = d.reshaped(node.outputs[0], kept)
        let differs = d.builder.node(
            "Abs", [d.builder.node("Sign", [d.builder.subtract(node.inputs[0], extreme)])])
        let mask = d.builder.subtract(d.builder.constant(1), differs)
        let axes = shape.dimensions.indices.filter { kept[$0] != shape[$0] }
        let count = axes.isEmpty ? mask : d.builder.sum(mask, axes: axes)
        let part = d.builder.divide(d.reshaped(gradient, kept), count)
        return d.builder.multiply(mask, part)
    }

    private static func transposed(
        _ d: inout Differentiation, _ edge: String, _ rank: Int
    ) -> String {
        let order = Array(0..<(rank - 2)) + [rank - 1, rank - 2]
        return d.builder.node("Transpose", [edge], ["perm": .integers(order)])
    }

    private static func product(
        _ d: inout Differentiation, _ node: Node, _ arrived: String?
    ) throws(FathomError) -> [String?] {
        guard let arrived else { return node.inputs.map { _ in nil } }
        let alpha = try node.float("alpha", default: 1)
        let beta = try node.float("beta", default: 1)
        let turnsLeft = try node.flag("transA")
        let turnsRight = try node.flag("transB")
        let gradient = alpha == 1 ? arrived : d.builder.multiply(arrived, alpha)
        let turned = transposed(&d, gradient, 2)
        let (a, b) = (node.inputs[0], node.inputs[1])
        var results: [String?] = node.inputs.map { _ in nil }
        if d.wants(a) {
            let right = turnsRight ? b : transposed(&d, b, 2)
            let left = turnsRight ? transposed(&d, b, 2) : b
            results[0] =
                turnsLeft
                ? d.builder.node("MatMul", [left, turned])
                : d.builder.node("MatMul", [gradient, right])
        }
        if d.wants(b) {
            let left = turnsLeft ? a : transposed(&d, a, 2)
            let right = turnsLeft ? transposed(&d, a, 2) : a
            results[1] =
                turnsRight
                ? d.builder.node("MatMul", [turned, right])
                : d.builder.node("MatMul", [left, gradient])
        }
        if node.inputs.count > 2, d.wants(node.inputs[2]) {
            let whole = beta == 1 ? arrived : d.builder.multiply(arrived, beta)
            results[2] = d.summed(
                whole, from: try d.shape(node.outputs[0], node),
                to: try d.shape(node.inputs[2], node))
        }
        return results
    }
}
