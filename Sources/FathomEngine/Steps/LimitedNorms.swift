import FathomCore
import FathomGraph

/// A batch norm in training whose result only a `Relu` or `Clip` reads, so that it writes that one's.
struct LimitedNorm: Sendable {
    let minimum: Float
    let maximum: Float
    /// The edge of the limited result.
    let result: String
    /// That of the shift.
    let shift: String
    /// The gradient of the limited result, by the edge of the gradient that a batch norm's own gradient reads.
    var gradients: [String: String] = [:]
}

extension Planner {
    /// The batch norms in training that limit their results themselves, by the edge that they would write, and the edges
    /// that are not computed by nodes of their own then.
    ///
    /// The way back computes the normalised numbers anew, and so needs neither them nor what the limits let through.
    func findLimitedNorms() throws(FathomError) -> (
        norms: [String: LimitedNorm], inner: Set<String>
    ) {
        var readers: [String: [Node]] = [:]
        for node in graph.nodes {
            for input in node.inputs { readers[input, default: []].append(node) }
        }
        let kept = Set(graph.outputs.map(\.name))
        func onlyReader(_ edge: String) -> Node? {
            guard !kept.contains(edge), let list = readers[edge], list.count == 1 else {
                return nil
            }
            return list[0]
        }
        var norms: [String: LimitedNorm] = [:]
        var inner: Set<String> = []
        for node in graph.nodes where isTrainingNorm(node) {
            guard let limit = onlyReader(node.outputs[0]), limit.inputs[0] == node.outputs[0],
                ["Clip", "Relu"].contains(limit.operation),
                case .clip(let low, let high) = try UnaryFunction(
                    Operands(
                        limit, limit.inputs.map { facts[$0] }, operatorSet: graph.operatorSet))
            else { continue }
            let result = limit.outputs[0]
            var norm = LimitedNorm(
                minimum: low, maximum: high, result: result, shift: node.inputs[2])
            inner.insert(result)
            for passed in readers[result] ?? []
            where passed.operation == Operator.clipGradient && passed.inputs[1] == result
                && passed.number("minimum", -.infinity) == low
                && passed.number("maximum", .infinity) == high
            {
                let edge = passed.outputs[0]
                guard let next = onlyReader(edge),
                    next.operation == Operator.batchNormalizationGradient,
                    next.inputs[0] == edge,
                    next.inputs.dropFirst()
                        == node.inputs.prefix(2) + node.outputs.dropFirst()
                else { continue }
                norm.gradients[edge] = passed.inputs[0]
                inner.insert(edge)
            }
            norms[node.outputs[0]] = norm
        }
        return (norms, inner)
    }

    /// Whether a node is a batch norm that takes the statistics of the batch and gives them as they are, of a picture.
    func isTrainingNorm(_ node: Node) -> Bool {
        guard node.operation == "BatchNormalization", let shape = facts[node.inputs[0]]?.shape,
            case .integer(1)? = node.attributes["training_mode"]
        else { return false }
        return shape.rank == 4 && shape.count > 0 && node.outputs.count == 3
            && node.outputs.allSatisfy { !$0.isEmpty } && node.number("momentum", 0.9) == 0
    }
}
