import FathomCore

extension GraphPass {
    /// Puts `fathom.Attention` in the place of softmax(scale · Q·Kᵀ + mask) · V, with the splits, reshapes and
    /// transpositions that lead to Q, K and V, and the transposition that brings the heads back together.
    static let fuseAttention = GraphPass(name: "fuse-attention") {
        (graph, shapes) throws(FathomError) in
        var fusion = AttentionFusion(editor: try GraphEditor(graph, shapes))
        for index in fusion.editor.indices { fusion.fuse(index) }
        return fusion.editor.result
    }
}

private struct AttentionFusion {
    var editor: GraphEditor
    /// Views already found, by what leads to them: layers are alike.
    private var views: [String: Rearrangement] = [:]

    init(editor: GraphEditor) { self.editor = editor }

    /// The most components of a head that the kernel takes.
    private static let largestHead = 256

    /// An operand of attention as found in the graph.
    private struct Operand {
        let edge: String
        let view: [Int]
        let lengths: [Int]
        let factor: Float
    }

    mutating func fuse(_ index: Int) {
        guard let softmax = editor[index], softmax.operation == "Softmax",
            let shape = editor.shape(softmax.outputs[0]), (2...4).contains(shape.rank),
            isLastAxis(softmax, shape.rank), let weights = weights(softmax.outputs[0]),
            let last = editor.onlyReader(weights.edge), last.node.operation == "MatMul",
            last.node.inputs[0] == weights.edge, last.node.inputs[1] != weights.edge,
            let scores = scores(softmax.inputs[0], shape)
        else { return }
        let product = scores.product
        guard
            let query = operand(product.inputs[0], isKey: false),
            let key = operand(product.inputs[1], isKey: true),
            let value = operand(last.node.inputs[1], isKey: false), value.factor == 1,
            let output = editor.shape(last.node.outputs[0])
        else { return }
        // [batch, head, token, component] of each.
        let (q, k, v) = (query.lengths, key.lengths, value.lengths)
        guard q[0] == k[0], q[1] == k[1], q[3] == k[3], v[0] == q[0], v[1] == q[1], v[2] == k[2],
            q[3] <= Self.largestHead, v[3] <= Self.largestHead,
            output.count == q[0] * q[1] * q[2] * v[3]
        else { return }
        var node = Node(
            Operator.fusedAttention, name: softmax.name,
            inputs: [query.edge, key.edge, value.edge], outputs: last.node.outputs,
            attributes: [
                "sizes": .integers([q[0], q[1], q[2], k[2], q[3], v[3]]),
                "scale": .float(scores.factor * query.factor * key.factor),
                "query": .integers(query.view), "key": .integers(key.view),
                "value": .integers(value.view), "shape": .integers(output.dimensions),
            ])
        if let mask = scores.mask, !isZero(mask) {
            guard !weights.isGuarded || isFinite(mask) else { return }
            guard let view = maskView(mask, [q[0], q[1], q[2], k[2]]) else { return }
            node.inputs.append(mask)
            node.attributes["mask"] = .integers(view)
        }
        var place = last.index
        // Heads before tokens become tokens before heads.
        if let next = editor.onlyReader(last.node.outputs[0]), next.node.operation == "Transpose",
            output.rank == 4, case .integers([0, 2, 1, 3])? = next.node.attributes["perm"],
            let moved = editor.shape(next.node.outputs[0])
        {
            node.outputs = next.node.outputs
            node.attributes["shape"] = .integers(moved.dimensions)
            node.attributes["tokensFirst"] = .integer(1)
            editor.remove(last.index)
            place = next.index
        }
        editor.remove(index)
        editor.replace(place, by: node)
    }

    private func isLastAxis(_ node: Node, _ rank: Int) -> Bool {
        let isOld = editor.graph.operatorSet < 13
        guard case .integer(let axis)? = node.attributes["axis"] else { return !isOld || rank == 2 }
        return axis == -1 || axis == rank - 1
    }

    /// The edge that holds the weights. Exporters guard them against the NaN of a token that may see none, which
    /// cannot be where no mask forbids all.
    private func weights(_ edge: String) -> (edge: String, isGuarded: Bool)? {
        let readers = editor.readers(edge)
        guard let test = readers.first(where: { $0.node.operation == "IsNaN" }) else {
            return (edge, false)
        }
        guard readers.count == 2, !editor.isOutput(edge),
            let choice = editor.onlyReader(test.node.outputs[0]),
            choice.node.operation == "Where", choice.node.inputs.count == 3,
            editor.scalar(choice.node.inputs[1]) == 0, choice.node.inputs[2] == edge
        else { return nil }
        return (choice.node.outputs[0], true)
    }

    private func isZero(_ mask: String) -> Bool {
        editor.constant(mask)?.floatValues.allSatisfy { $0 == 0 } ?? false
    }

    private func isFinite(_ mask: String) -> Bool {
        editor.constant(mask)?.floatValues.allSatisfy(\.isFinite) ?? false
    }

    /// Goes back from the softmax to the product: additions of masks, then factors.
    private func scores(
        _ edge: String, _ shape: Shape
    ) -> (product: Node, factor: Float, mask: String?)? {
        var edge = edge
        var mask: String?
        var factor: Float = 1
        while let (_, node) = editor.source(edge), editor.readerCount(edge) == 1,
            !editor.isOutput(edge)
        {
            switch node.operation {
            case "MatMul":
                guard editor.shape(edge) == shape else { return nil }
                return (node, factor, mask)
            case "Mul", "Div":
                guard let (next, number) = editor.splitScalar(node) else { return nil }
                factor *= node.operation == "Mul" ? number : 1 / number
                edge = next
            case "Add":
                guard mask == nil, factor == 1,
                    let next = node.inputs.first(where: { leadsToProduct($0) }),
                    let other = editor.other(node, than: next)
                else { return nil }
                mask = other
                edge = next
            default: return nil
            }
        }
        return nil
    }

    /// Whether an edge is a product, or one with factors.
    private func leadsToProduct(_ edge: String) -> Bool {
        guard let (_, node) = editor.source(edge) else { return false }
        switch node.operation {
        case "MatMul": return true
        case "Mul", "Div": return editor.splitScalar(node).map { leadsToProduct($0.edge) } ?? false
        default: return false
        }
    }

    /// Where the mask's numbers are for [batch, head, query, key], if it broadcasts to them.
    private func maskView(_ edge: String, _ lengths: [Int]) -> [Int]? {
        guard let fact = editor.facts[edge], fact.type == .float, fact.shape.rank <= 4 else {
            return nil
        }
        let missing = 4 - fact.shape.rank
        var view = [0]
        for axis in 0..<4 {
            let length = axis < missing ? 1 : fact.shape[axis - missing]
            guard length == 1 || length == lengths[axis] else { return nil }
            view.append(length == 1 ? 0 : fact.shape.strides[axis - missing])
        }
        return view
    }

    /// Goes back from an operand of a product through views and factors to the tensor that its numbers are in.
    private mutating func operand(_ edge: String, isKey: Bool) -> Operand? {
        var factor: Float = 1
        var chain: [Node] = []
        var source = edge
        while let (_, node) = editor.source(source) {
            if ["Mul", "Div"].contains(node.operation),
                let (next, number) = editor.splitScalar(node),
                editor.shape(next) == editor.shape(source)
            {
                factor *= node.operation == "Mul" ? number : 1 / number
                source = next
            } else if isRearrangement(node), let first = node.inputs.first {
                var single = node
                // Of several results, only the one on the way matters.
                single.name = "\(node.outputs.firstIndex(of: source) ?? 0)"
                chain.append(single)
                source = first
            } else {
                break
            }
        }
        guard editor.constant(source) == nil, let shape = editor.shape(source),
            editor.facts[source]?.type == .float,
            let rearrangement = view(chain.reversed(), of: shape),
            case .strided(let offset, let strides) = rearrangement.rule,
            (2...4).contains(rearrangement.shape.rank)
        else { return nil }
        let missing = 4 - rearrangement.shape.rank
        var lengths = Array(repeating: 1, count: missing) + rearrangement.shape.dimensions
        var steps = Array(repeating: 0, count: missing) + strides
        if isKey {
            lengths.swapAt(2, 3)
            steps.swapAt(2, 3)
        }
        return Operand(edge: source, view: [offset] + steps, lengths: lengths, factor: factor)
    }

    private func isRearrangement(_ node: Node) -> Bool {
        guard
            Rearrangement.views.contains(node.operation)
                || (Rearrangement.operators.contains(node.operation) && node.operation != "Pad")
        else { return false }
        return node.inputs.dropFirst().allSatisfy { $0.isEmpty || editor.constant($0) != nil }
    }

    /// What a chain of rearrangements makes of a tensor.
    private mutating func view(_ chain: [Node], of shape: Shape) -> Rearrangement? {
        var key = "\(shape)"
        for node in chain {
            key += " \(node.operation) \(node.name) \(node.attributes.sorted { $0.key < $1.key })"
            for input in node.inputs.dropFirst() {
                key += " \(editor.constant(input)?.integerValues ?? [])"
            }
        }
        if let known = views[key] { return known }
        var value = Value.integers(
            IntegerTensor(shape: shape, values: (0..<shape.count).map(Int64.init)))
        for node in chain {
            var plain = node
            plain.name = "view"
            let operands = Operands<Value>(
                plain, [value] + node.inputs.dropFirst().map { editor.constant($0) },
                operatorSet: editor.graph.operatorSet)
            guard let results = try? Operator.table[node.operation]?.evaluate(operands),
                let place = Int(node.name), place < results.count
            else { return nil }
            value = results[place]
        }
        let result = Rearrangement(value.shape, positions: value.integerValues)
        views[key] = result
        return result
    }
}
