import FathomCore

extension Operator {
    /// `If`: one of two graphs.
    static let branches: [Operator] = [
        Operator(
            "If", inputs: 1...1024, outputs: 1...1024, lowering: .reference, typed: true,
            infer: { operands throws(FathomError) in
                let condition = try operands.required(0)
                guard condition.shape.count == 1 else {
                    throw operands.node.error("its condition is not one truth")
                }
                if let constant = condition.constant {
                    return try facts(operands, try operands.node.branch(constant.isTrue))
                }
                let (yes, no) = (
                    try facts(operands, try operands.node.branch(true)),
                    try facts(operands, try operands.node.branch(false))
                )
                return try zip(yes, no).map { (yes, no) throws(FathomError) in
                    guard yes.shape == no.shape, yes.type == no.type else {
                        throw operands.node.unsupported(
                            "its condition depends on the data, and its branches give different shapes"
                        )
                    }
                    return Fact(yes.shape, yes.type)
                }
            },
            evaluate: { operands throws(FathomError) in
                let branch = try operands.node.branch(try operands.required(0).isTrue)
                var edges: [String: Value] = [:]
                for (input, value) in zip(branch.inputs, operands.inputs.dropFirst()) {
                    edges[input.name] = value
                }
                let results = try branch.evaluate(edges: edges)
                return try branch.outputs.map { output throws(FathomError) in
                    guard let value = results[output.name] else {
                        throw operands.node.error("its output '\(output.name)' is not defined")
                    }
                    return value
                }
            })
    ]

    private static func facts(
        _ operands: Operands<Fact>, _ branch: Graph
    ) throws(FathomError) -> [Fact] {
        var inputs: [String: Fact] = [:]
        for (input, fact) in zip(branch.inputs, operands.inputs.dropFirst()) {
            inputs[input.name] = fact
        }
        let facts = try branch.facts(inputs: inputs)
        return try branch.outputs.map { output throws(FathomError) in
            guard let fact = facts[output.name] else {
                throw operands.node.error("its output '\(output.name)' is not defined")
            }
            return fact
        }
    }
}

extension Node {
    /// The branch of an `If` that is taken.
    func branch(_ condition: Bool) throws(FathomError) -> Graph {
        let name = condition ? "then_branch" : "else_branch"
        guard case .graph(let branch)? = attributes[name], branch.outputs.count == outputs.count,
            branch.inputs.count == inputs.count - 1
        else { throw error("its \(name) is missing or does not fit its outputs") }
        return branch
    }
}

extension Value {
    /// Whether its one element is not 0.
    var isTrue: Bool { integerValues.first.map { $0 != 0 } ?? false }
}
