import FathomCore

extension GraphPass {
    /// Takes a `Pad` with zeros around rows and columns into the padding of the convolutions that read it.
    static let foldPadding = GraphPass(name: "fold-padding") {
        (graph, shapes) throws(FathomError) in
        let facts = try graph.facts(inputShapes: shapes)
        var pads: [String: (source: String, sizes: [Int])] = [:]
        var result = graph
        for (index, node) in graph.nodes.enumerated() {
            let operands = Operands(
                node, node.inputs.map { facts[$0] }, operatorSet: graph.operatorSet)
            if node.operation == "Pad", let sizes = try Padding(operands).zerosAround(operands) {
                pads[node.outputs[0]] = (node.inputs[0], sizes)
            }
            guard node.operation == "Conv", let pad = pads[node.inputs[0]],
                try node.string(
                    "auto_pad", default: "NOTSET",
                    allowed: ["NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"]) == "NOTSET"
            else { continue }
            let own = try node.integers("pads") ?? Array(repeating: 0, count: pad.sizes.count)
            guard own.count == pad.sizes.count else { continue }
            result.nodes[index].inputs[0] = pad.source
            result.nodes[index].attributes["pads"] = .integers(zip(own, pad.sizes).map(+))
        }
        return result
    }
}

extension Padding {
    /// The zeros before the first and after the last element of each axis of a picture or sequence but the first
    /// two, as a convolution counts them; nil where anything else is done.
    fileprivate func zerosAround(_ operands: Operands<Fact>) -> [Int]? {
        guard fill == 0, let input = operands.optional(0)?.shape, input.count > 0, shape.count > 0,
            (3...4).contains(input.rank)
        else { return nil }
        var before: [Int] = []
        var after: [Int] = []
        for (axis, positions) in sources.enumerated() {
            guard let first = positions.firstIndex(of: 0),
                Array(positions.dropFirst(first).prefix(input[axis])) == Array(0..<input[axis]),
                positions[..<first].allSatisfy({ $0 == nil }),
                positions.dropFirst(first + input[axis]).allSatisfy({ $0 == nil })
            else { return nil }
            before.append(first)
            after.append(positions.count - first - input[axis])
        }
        guard before.prefix(2).allSatisfy({ $0 == 0 }), after.prefix(2).allSatisfy({ $0 == 0 })
        else { return nil }
        return Array(before.dropFirst(2) + after.dropFirst(2))
    }
}
