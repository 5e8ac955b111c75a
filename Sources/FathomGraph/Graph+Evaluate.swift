import FathomCore

extension Graph {
    /// The facts of every edge for inputs of the given shapes, in one walk; nodes whose inputs are all constant
    /// are evaluated, so that shape arithmetic becomes constants.
    public func facts(
        inputShapes: [String: Shape]
    ) throws(FathomError) -> [String: Fact] {
        if let unknown = inputShapes.keys.sorted().first(where: { name in
            !inputs.contains { $0.name == name }
        }) {
            throw error(
                "it has no input '\(unknown)'",
                remedy: "Its inputs: \(inputs.map(\.name).joined(separator: ", "))",
                operation: "plan")
        }
        var facts: [String: Fact] = [:]
        var lengths: [String: Int] = [:]
        for input in inputs {
            let shape = try resolve(input, inputShapes[input.name], &lengths)
            facts[input.name] = Fact(shape, input.type)
        }
        return try self.facts(inputs: facts)
    }

    /// As `facts(inputShapes:)`, where more than the shape of an input may be known.
    func facts(inputs: [String: Fact]) throws(FathomError) -> [String: Fact] {
        var facts = initializers.mapValues(Fact.init(constant:))
        facts.merge(inputs) { $1 }
        for node in nodes {
            let operands = Operands(
                node, node.inputs.map { facts[$0] }, operatorSet: operatorSet)
            let results = try located { () throws(FathomError) in try infer(operands) }
            for (name, fact) in zip(node.outputs, results) where !name.isEmpty {
                facts[name] = fact
            }
        }
        return facts
    }

    /// The outputs, computed by the reference evaluation of each operator.
    public func evaluate(_ values: [String: Value]) throws(FathomError) -> [String: Value] {
        var edges: [String: Value] = [:]
        var lengths: [String: Int] = [:]
        for input in inputs {
            guard let value = values[input.name] else {
                throw error("no value is given for the input '\(input.name)'", operation: "run")
            }
            guard value.type.isFloatingPoint == input.type.isFloatingPoint else {
                throw error(
                    "its input '\(input.name)' is \(input.type.rawValue), not \(value.type.rawValue)",
                    operation: "run")
            }
            _ = try resolve(input, value.shape, &lengths)
            edges[input.name] = value.cast(to: input.type)
        }
        return try evaluate(edges: edges)
    }

    /// As `evaluate`, for values that need no check.
    func evaluate(edges: [String: Value]) throws(FathomError) -> [String: Value] {
        var edges = edges.merging(initializers) { value, _ in value }
        for node in nodes {
            guard let entry = Operator.table[node.operation] else {
                throw error("the operator '\(node.operation)' is unknown", operation: "run")
            }
            let operands = Operands(
                node, node.inputs.map { edges[$0] }, operatorSet: operatorSet)
            let results = try located { () throws(FathomError) in
                let facts = try entry.infer(operands.facts)
                for fact in facts where fact.shape.count > Self.largestEvaluatedCount {
                    throw node.error("its output \(fact.shape) is too large to evaluate")
                }
                return try entry.evaluate(operands)
            }
            for (name, value) in zip(node.outputs, results) where !name.isEmpty {
                edges[name] = value
            }
        }
        var results: [String: Value] = [:]
        for output in outputs { results[output.name] = edges[output.name] }
        return results
    }

    /// The most elements of a constant that is computed while planning.
    private static let largestFoldedCount = 1 << 24
    /// The most elements of a result of the reference evaluation.
    private static let largestEvaluatedCount = 1 << 27

    private func infer(_ operands: Operands<Fact>) throws(FathomError) -> [Fact] {
        guard let entry = Operator.table[operands.node.operation] else {
            throw operands.node.error("the operator is unknown")
        }
        let inferred = try entry.infer(operands)
        let isConstant = zip(operands.node.inputs, operands.inputs).allSatisfy { name, fact in
            name.isEmpty || fact?.constant != nil
        }
        guard isConstant, inferred.allSatisfy({ $0.shape.count <= Self.largestFoldedCount }),
            inferred.contains(where: { $0.constant == nil })
        else { return inferred }
        let values = Operands<Value>(
            operands.node, operands.inputs.map { $0?.constant }, operatorSet: operatorSet)
        return try entry.evaluate(values).map(Fact.init(constant:))
    }

    /// Checks a shape against what the file says of an input; axes of one name have one length.
    private func resolve(
        _ input: ValueInfo, _ given: Shape?, _ lengths: inout [String: Int]
    ) throws(FathomError) -> Shape {
        let stated = input.dimensions?.compactMap { dimension -> Int? in
            switch dimension {
            case .fixed(let length): length
            case .named(let name): lengths[name]
            case .unknown: nil
            }
        }
        if given == nil, let stated, stated.count == input.dimensions?.count,
            let shape = Shape(checking: stated)
        {
            return shape
        }
        guard let given else {
            throw error(
                "the shape of its input '\(input.name)' is not given", operation: "plan")
        }
        guard let dimensions = input.dimensions else { return given }
        var fits = dimensions.count == given.rank
        for (dimension, length) in zip(dimensions, given.dimensions) {
            switch dimension {
            case .fixed(let stated): fits = fits && stated == length
            case .named(let name):
                let bound = lengths.updateValue(length, forKey: name) ?? length
                guard bound == length else {
                    throw error(
                        "its axis '\(name)' is \(bound) in one input and \(length) in '\(input.name)'",
                        operation: "plan")
                }
            case .unknown: break
            }
        }
        guard fits else {
            let words = dimensions.map(\.description).joined(separator: "x")
            throw error(
                "its input '\(input.name)' is \(words), not \(given)", operation: "plan")
        }
        return given
    }

    /// Puts the model's name before an error about a node.
    func located<R>(_ body: () throws(FathomError) -> R) throws(FathomError) -> R {
        do {
            return try body()
        } catch {
            var located = error
            located.subject = "model \(name), \(error.subject)"
            throw located
        }
    }
}
