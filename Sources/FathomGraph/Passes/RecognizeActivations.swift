import FathomCore

extension GraphPass {
    /// Puts one operator in the place of the chains that exporters write for GELU (both forms), Swish, Mish and
    /// HardSwish.
    static let recognizeActivations = GraphPass(name: "recognize-activations") {
        (graph, shapes) throws(FathomError) in
        var finder = ActivationFinder(editor: try GraphEditor(graph, shapes))
        for index in finder.editor.indices { finder.recognize(index) }
        return finder.editor.result
    }
}

private struct ActivationFinder {
    var editor: GraphEditor

    /// The end of a chain of factors that begins at some edge.
    private struct Chain {
        /// The last node.
        var index: Int
        var output: String
        /// The product of all factors that are numbers.
        var factor: Float
        /// The chain's nodes but the last.
        var passed: [Int]
    }

    mutating func recognize(_ index: Int) {
        guard let node = editor[index], node.inputs.count > 0 else { return }
        let x = node.inputs[0]
        switch node.operation {
        case "Erf":
            guard let (input, factor) = scaled(x), isNear(factor, 0.707_106_78) else { return }
            replaceGate(
                index, input, isPlus: true, factor: 0.5, Node("Gelu", inputs: [input], outputs: []))
        case "Tanh":
            if let input = cubic(x) {
                replaceGate(
                    index, input, isPlus: true, factor: 0.5,
                    Node(
                        "Gelu", inputs: [input], outputs: [],
                        attributes: ["approximate": .string("tanh")]))
            } else if let (_, softplus) = editor.source(x), softplus.operation == "Softplus",
                editor.onlyReader(x) != nil
            {
                let input = softplus.inputs[0]
                replaceGate(
                    index, input, isPlus: false, factor: 1,
                    Node("Mish", inputs: [input], outputs: []))
            }
        case "Sigmoid":
            replaceGate(index, x, isPlus: false, factor: 1, Node("Swish", inputs: [x], outputs: []))
        case "HardSigmoid":
            guard isNear(number(node, "alpha", 0.2), Float(1) / 6),
                isNear(number(node, "beta", 0.5), 0.5)
            else { return }
            replaceGate(
                index, x, isPlus: false, factor: 1, Node("HardSwish", inputs: [x], outputs: []))
        case "Clip":
            guard let (_, sum) = editor.source(x), sum.operation == "Add",
                editor.onlyReader(x) != nil, let (input, three) = editor.splitScalar(sum),
                three == 3, limits(node) == [0, 6]
            else { return }
            replaceGate(
                index, input, isPlus: false, factor: 1 / 6,
                Node("HardSwish", inputs: [input], outputs: []))
        default: break
        }
    }

    private func number(_ node: Node, _ name: String, _ fallback: Float) -> Float {
        if case .float(let value)? = node.attributes[name] { value } else { fallback }
    }

    private func limits(_ node: Node) -> [Float]? {
        if node.inputs.count == 3 {
            guard let low = editor.scalar(node.inputs[1]), let high = editor.scalar(node.inputs[2])
            else { return nil }
            return [low, high]
        }
        return [number(node, "min", -.infinity), number(node, "max", .infinity)]
    }

    private func isNear(_ a: Float, _ b: Float) -> Bool { abs(a - b) <= 1e-3 * abs(b) }

    /// An edge as another one times a number.
    private func scaled(_ edge: String) -> (edge: String, factor: Float)? {
        guard let (_, node) = editor.source(edge), ["Mul", "Div"].contains(node.operation),
            let (input, number) = editor.splitScalar(node)
        else { return nil }
        return (input, node.operation == "Mul" ? number : 1 / number)
    }

    /// Puts `replacement` in the place of x · (node's output, plus 1 where `isPlus`) · factor.
    private mutating func replaceGate(
        _ index: Int, _ x: String, isPlus: Bool, factor: Float, _ replacement: Node
    ) {
        guard let node = editor[index] else { return }
        var chain = Chain(index: index, output: node.outputs[0], factor: 1, passed: [])
        if isPlus {
            guard let next = editor.onlyReader(chain.output), next.node.operation == "Add",
                let (_, one) = editor.splitScalar(next.node), one == 1
            else { return }
            advance(&chain, next)
        }
        guard let end = gate(chain, x, factor) else { return }
        var result = replacement
        result.outputs = [end.output]
        result.name = node.name
        for place in end.passed { editor.remove(place) }
        editor.replace(end.index, by: result)
    }

    private func advance(_ chain: inout Chain, _ next: (index: Int, node: Node)) {
        chain.passed.append(chain.index)
        chain.index = next.index
        chain.output = next.node.outputs[0]
    }

    /// Follows factors until x has been met and the numbers have become `factor`.
    private func gate(_ start: Chain, _ x: String, _ factor: Float) -> Chain? {
        var chain = start
        var hasMet = false
        while true {
            if hasMet, isNear(chain.factor, factor) { return chain }
            guard let next = editor.onlyReader(chain.output),
                ["Mul", "Div"].contains(next.node.operation)
            else { return nil }
            if let (_, number) = editor.splitScalar(next.node) {
                chain.factor *= next.node.operation == "Mul" ? number : 1 / number
            } else if next.node.operation == "Mul", !hasMet,
                let other = editor.other(next.node, than: chain.output)
            {
                if other == x {
                    hasMet = true
                } else if let (edge, number) = scaled(other), edge == x {
                    hasMet = true
                    chain.factor *= number
                } else {
                    return nil
                }
            } else {
                return nil
            }
            guard editor.shape(next.node.outputs[0]) == editor.shape(chain.output) else {
                return nil
            }
            advance(&chain, next)
        }
    }

    /// x of √(2/π) · (x + 0.044715·x³).
    private func cubic(_ edge: String) -> String? {
        guard let (inner, factor) = scaled(edge), isNear(factor, 0.797_884_56) else { return nil }
        guard let (_, node) = editor.source(inner), node.inputs.count == 2 else { return nil }
        if node.operation == "Add" {
            for (x, other) in [(node.inputs[0], node.inputs[1]), (node.inputs[1], node.inputs[0])] {
                if let (cube, number) = scaled(other), isNear(number, 0.044715), isPower(cube, x, 3)
                {
                    return x
                }
            }
        }
        guard node.operation == "Mul" else { return nil }
        // x · (1 + 0.044715·x²)
        for (x, other) in [(node.inputs[0], node.inputs[1]), (node.inputs[1], node.inputs[0])] {
            guard let (_, sum) = editor.source(other), sum.operation == "Add",
                let (square, one) = editor.splitScalar(sum), one == 1,
                let (inner, number) = scaled(square), isNear(number, 0.044715)
            else { continue }
            if isPower(inner, x, 2) { return x }
        }
        return nil
    }

    /// Whether an edge is a power of another.
    private func isPower(_ edge: String, _ x: String, _ exponent: Int) -> Bool {
        guard let (_, node) = editor.source(edge), node.inputs.count == 2 else { return false }
        if node.operation == "Pow" {
            return node.inputs[0] == x
                && editor.constant(node.inputs[1])?.floatValues == [Float(exponent)]
        }
        guard node.operation == "Mul" else { return false }
        if exponent == 2 { return node.inputs == [x, x] }
        return (node.inputs[0] == x && isPower(node.inputs[1], x, exponent - 1))
            || (node.inputs[1] == x && isPower(node.inputs[0], x, exponent - 1))
    }
}
