import FathomCore

extension GraphPass {
    /// Makes every floating-point type float32, as kernels compute it: a half-precision file is no different to the
    /// passes after this one and to the plan. What is rounded less than the file says is only more exact.
    static let computeInFloat = GraphPass(name: "compute-in-float") {
        (graph, shapes) throws(FathomError) in
        let types = Set(graph.inputs.map(\.type) + graph.initializers.values.map(\.type))
        let hasCasts = graph.nodes.contains { ["Cast", "CastLike"].contains($0.operation) }
        let isOther: (ElementType) -> Bool = { $0.isFloatingPoint && $0 != .float }
        guard hasCasts || types.contains(where: isOther) || graph.hasTypedSettings else {
            return graph
        }
        let facts = try graph.facts(inputShapes: shapes)
        guard types.contains(where: isOther) || facts.values.contains(where: { isOther($0.type) })
        else { return graph }
        var result = graph
        for index in result.inputs.indices { result.inputs[index].type.widen() }
        for index in result.outputs.indices { result.outputs[index].type.widen() }
        result.initializers = graph.initializers.mapValues(\.widened)
        for (index, node) in graph.nodes.enumerated() {
            for (name, attribute) in node.attributes {
                guard case .tensor(let value) = attribute else { continue }
                result.nodes[index].attributes[name] = .tensor(value.widened)
            }
            guard ["Cast", "CastLike"].contains(node.operation),
                let target = facts[node.outputs[0]]?.type, isOther(target),
                let source = facts[node.inputs[0]]?.type
            else { continue }
            let attributes: [String: Attribute] =
                source.isFloatingPoint ? [:] : ["to": .integer(Int(ElementType.float.onnxCode))]
            result.nodes[index] = Node(
                source.isFloatingPoint ? "Identity" : "Cast", name: node.name,
                inputs: [node.inputs[0]], outputs: node.outputs, attributes: attributes)
        }
        return result
    }
}

extension Graph {
    /// Whether a node holds a tensor of another floating-point type than float32.
    fileprivate var hasTypedSettings: Bool {
        nodes.contains { node in
            node.attributes.values.contains { attribute in
                if case .tensor(.typed) = attribute { true } else { false }
            }
        }
    }
}

extension ElementType {
    fileprivate mutating func widen() {
        if isFloatingPoint { self = .float }
    }
}

extension Value {
    fileprivate var widened: Value {
        if case .typed(let tensor, _) = self { .floats(tensor) } else { self }
    }
}
