import FathomCore
import Glibc

/// What scaled dot-product attention computes, read once:
/// output[b, h, t] = Σₛ softmaxₛ(scale · Q[b, h, t]·K[b, h, s] + mask[b, h, t, s]) · V[b, h, s].
///
/// Vaswani et al., "Attention is all you need", 2017. Queries, keys and values are found within their tensors by
/// strides, so that no transposition or split of them is ever written.
public struct StridedAttention: Sendable {
    /// Where the numbers of an operand are within its tensor.
    public struct View: Hashable, Sendable {
        /// The first number.
        public let offset: Int
        /// From one batch, head, token and component to the next.
        public let batch: Int, head: Int, token: Int, component: Int
    }

    /// Pictures or sequences.
    public let batches: Int
    /// Heads of each.
    public let heads: Int
    /// Tokens that ask.
    public let queries: Int
    /// Tokens that are asked.
    public let keys: Int
    /// Components of a query and of a key.
    public let depth: Int
    /// Components of a value.
    public let valueDepth: Int
    /// The factor of the products.
    public let scale: Float
    /// Where queries, keys and values are.
    public let query: View, key: View, value: View
    /// Where the mask is; nil where there is none. Its components are keys.
    public let mask: View?
    /// Where the output goes.
    public let output: View
    /// The output's shape: batches, heads, tokens, components, or with tokens before heads.
    public let outputShape: Shape

    /// Checks a node against the facts of its inputs.
    public init(_ operands: Operands<Fact>) throws(FathomError) {
        let node = operands.node
        guard let sizes = try node.integers("sizes"), sizes.count == 6,
            sizes.allSatisfy({ $0 > 0 })
        else { throw node.error("its sizes are missing") }
        (batches, heads, queries) = (sizes[0], sizes[1], sizes[2])
        (keys, depth, valueDepth) = (sizes[3], sizes[4], sizes[5])
        scale = try node.float("scale", default: 1)
        let lengths = [batches, heads, queries, keys, depth, valueDepth]
        func view(
            _ name: String, _ index: Int, tokens: Int, components: Int
        ) throws(FathomError) -> View {
            let fact = try operands.required(index)
            guard let list = try node.integers(name), list.count == 5, fact.type == .float else {
                throw node.error("its \(name) is missing")
            }
            // Every number that is read must be within the tensor.
            let spans = zip(list.dropFirst(), [lengths[0], lengths[1], tokens, components]).map {
                $0 * ($1 - 1)
            }
            let lowest = list[0] + spans.filter { $0 < 0 }.reduce(0, +)
            let highest = list[0] + spans.filter { $0 > 0 }.reduce(0, +)
            guard lowest >= 0, highest < fact.shape.count else {
                throw node.error("its \(name) is not within \(fact.shape)")
            }
            return View(
                offset: list[0], batch: list[1], head: list[2], token: list[3], component: list[4])
        }
        query = try view("query", 0, tokens: queries, components: depth)
        key = try view("key", 1, tokens: keys, components: depth)
        value = try view("value", 2, tokens: keys, components: valueDepth)
        mask =
            operands.optional(3) == nil
            ? nil : try view("mask", 3, tokens: queries, components: keys)
        guard let dimensions = try node.integers("shape") else {
            throw node.error("its shape is missing")
        }
        outputShape = try node.shape(dimensions)
        guard outputShape.count == batches * heads * queries * valueDepth else {
            throw node.error("its shape does not fit its sizes")
        }
        let image = heads * queries * valueDepth
        let tokensFirst = try node.integer("tokensFirst", default: 0) != 0
        output = View(
            offset: 0, batch: image, head: tokensFirst ? valueDepth : queries * valueDepth,
            token: tokensFirst ? heads * valueDepth : valueDepth, component: 1)
    }

    func evaluate(_ operands: Operands<Value>) throws(FathomError) -> Tensor {
        let queryValues = try operands.tensor(0).values
        let keyValues = try operands.tensor(1).values
        let valueValues = try operands.tensor(2).values
        let maskValues = try operands.optional(3) == nil ? nil : operands.tensor(3).values
        var result = [Float](repeating: 0, count: outputShape.count)
        for (batch, head) in (0..<batches).flatMap({ b in (0..<heads).map { (b, $0) } }) {
            func place(_ view: View, _ token: Int, _ component: Int) -> Int {
                view.offset + batch * view.batch + head * view.head + token * view.token
                    + component * view.component
            }
            for t in 0..<queries {
                let scores = (0..<keys).map { s in
                    var sum = 0.0
                    for i in 0..<depth {
                        sum +=
                            Double(queryValues[place(query, t, i)])
                            * Double(keyValues[place(key, s, i)])
                    }
                    guard let mask, let maskValues else { return Double(scale) * sum }
                    return Double(scale) * sum + Double(maskValues[place(mask, t, s)])
                }
                let greatest = scores.max() ?? 0
                let weights = scores.map { exp($0 - greatest) }
                let total = weights.reduce(0, +)
                for i in 0..<valueDepth {
                    var sum = 0.0
                    for s in 0..<keys {
                        sum += weights[s] * Double(valueValues[place(value, s, i)])
                    }
                    result[place(output, t, i)] = Float(sum / total)
                }
            }
        }
        return Tensor(shape: outputShape, values: result)
    }
}

extension Operator {
    /// The name of attention whose operands are found by strides: inputs Q, K, V and mask (may be absent);
    /// attributes as `StridedAttention` reads them.
    public static let fusedAttention = "fathom.Attention"

    static let fusedAttentions: [Operator] = [
        Operator(
            fusedAttention, inputs: 3...4, lowering: .reference,
            export: .absent("passes make it after import; a file is written from the graph before"),
            infer: { operands throws(FathomError) in
                [Fact(try StridedAttention(operands).outputShape)]
            },
            evaluate: { operands throws(FathomError) in
                [.floats(try StridedAttention(operands.facts).evaluate(operands))]
            })
    ]
}
