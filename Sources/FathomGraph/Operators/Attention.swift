import FathomCore
import Glibc

/// What an `Attention` node computes, read once: softmax(scale · Q·Kᵀ + mask) · V, head by head.
///
/// ONNX operator `Attention` (23, 24). Q, K, V are B×heads×length×size, or B×length×(heads·size) with the numbers of
/// heads as attributes. Several heads of Q may share one of K and V. Keys and values of earlier calls come before
/// those of this one.
package struct AttentionNode: Sendable {
    /// Pictures or sequences.
    package let batch: Int
    /// Heads of Q.
    package let heads: Int
    /// Heads of K and V.
    package let sharedHeads: Int
    /// Positions of Q.
    package let queries: Int
    /// Positions of K and V, those of earlier calls among them.
    package let keys: Int
    /// Positions of earlier calls.
    package let past: Int
    /// Numbers of a position and head of Q and K.
    package let size: Int
    /// Numbers of a position and head of V.
    package let valueSize: Int
    /// Whether the heads of Q, K, V and Y lie side by side in a position.
    package let isPacked: Bool
    /// Factor of Q·Kᵀ.
    package let scale: Float
    /// Products are limited to ± this number by a tanh; 0 for no limit.
    package let softcap: Float
    /// Whether a position sees no later ones.
    package let isCausal: Bool
    /// The output.
    package let outputShape: Shape
    /// What the fourth output is: 0 products, 1 limited, 2 with the mask, 3 after the softmax.
    private let productMode: Int

    /// Checks a node against the facts of its inputs.
    package init(_ operands: Operands<Fact>) throws(FathomError) {
        let node = operands.node
        let shapes = [
            try operands.floating(0), try operands.floating(1), try operands.floating(2),
        ]
        let (q, k, v) = (shapes[0], shapes[1], shapes[2])
        isPacked = q.rank == 3
        guard q.rank == 3 || q.rank == 4, k.rank == q.rank, v.rank == q.rank, k[0] == q[0],
            v[0] == q[0]
        else { throw node.error("\(q), \(k) and \(v) do not fit each other") }
        batch = q[0]
        heads = isPacked ? try node.integer("q_num_heads", default: 0) : q[1]
        sharedHeads = isPacked ? try node.integer("kv_num_heads", default: 0) : k[1]
        let axis = isPacked ? 1 : 2
        queries = q[axis]
        guard heads > 0, sharedHeads > 0, heads % sharedHeads == 0, isPacked || v[1] == sharedHeads,
            k[axis] == v[axis], q.dimensions[q.rank - 1] % (isPacked ? heads : 1) == 0,
            k.dimensions[k.rank - 1] % (isPacked ? sharedHeads : 1) == 0,
            v.dimensions[v.rank - 1] % (isPacked ? sharedHeads : 1) == 0
        else { throw node.error("\(q), \(k) and \(v) do not fit \(heads) heads") }
        size = q[q.rank - 1] / (isPacked ? heads : 1)
        valueSize = v[v.rank - 1] / (isPacked ? sharedHeads : 1)
        guard size == k[k.rank - 1] / (isPacked ? sharedHeads : 1) else {
            throw node.error("\(q) and \(k) do not fit each other")
        }
        past = operands.optional(4)?.shape.dimensions.dropFirst(2).first ?? 0
        keys = past + k[axis]
        for (index, size) in [(4, size), (5, valueSize)] {
            guard let shape = operands.optional(index)?.shape else {
                guard past == 0 else { throw node.error("it has past keys but no past values") }
                continue
            }
            guard shape.dimensions == [batch, sharedHeads, past, size] else {
                throw node.error("its past \(shape) does not fit \(k) and \(v)")
            }
        }
        scale = try node.float("scale", default: 1 / Float(max(size, 1)).squareRoot())
        softcap = try node.float("softcap", default: 0)
        isCausal = try node.flag("is_causal")
        productMode = try node.integer("qk_matmul_output_mode", default: 0)
        outputShape = try node.shape(
            isPacked
                ? [batch, queries, heads * valueSize] : [batch, heads, queries, valueSize])
        if let mask = operands.optional(3)?.shape {
            let rows = try node.shape([batch, heads, queries])
            guard mask.rank <= 4, let length = mask.dimensions.last,
                length <= keys || length == 1,
                Broadcast([Shape(mask.dimensions.dropLast()), rows])?.shape == rows
            else { throw node.error("its mask \(mask) does not fit \(q) and \(k)") }
        }
        if let lengths = operands.optional(6)?.shape, lengths != [batch] {
            throw node.error("its lengths \(lengths) do not fit \(batch) sequences")
        }
    }

    /// The facts of the output, of the keys and values for the next call, and of the products.
    func facts(_ node: Node) throws(FathomError) -> [Fact] {
        [
            Fact(outputShape), Fact(try node.shape([batch, sharedHeads, keys, size])),
            Fact(try node.shape([batch, sharedHeads, keys, valueSize])),
            Fact(try node.shape([batch, heads, queries, keys])),
        ]
    }

    func evaluate(_ operands: Operands<Value>) throws(FathomError) -> [Value] {
        let node = operands.node
        let q = try operands.tensor(0).values
        let k = joined(try operands.required(1), operands.optional(4), size)
        let v = joined(try operands.required(2), operands.optional(5), valueSize)
        let mask = try mask(operands)
        let lengths = operands.optional(6)?.integerValues
        var (output, products): ([Float], [Float]) = ([], [])
        output = [Float](repeating: 0, count: outputShape.count)
        products.reserveCapacity(batch * heads * queries * keys)
        for index in 0..<(batch * heads * queries) {
            let query = index % queries
            let head = index / queries % heads
            let sequence = index / (queries * heads)
            let shared = sequence * sharedHeads + head / (heads / sharedHeads)
            let from = position(sequence, head, query, heads, queries, size)
            var row = [Double](repeating: 0, count: keys)
            var stages = row
            for key in 0..<keys {
                var sum = 0.0
                for i in 0..<size {
                    sum += Double(q[from + i]) * Double(k[(shared * keys + key) * size + i])
                }
                sum *= Double(scale)
                if productMode == 0 { stages[key] = sum }
                if softcap > 0 { sum = tanh(sum / Double(softcap)) * Double(softcap) }
                if productMode == 1 { stages[key] = sum }
                sum += Double(mask?[index * keys + key] ?? 0)
                if isCausal, key - past > query { sum = -.infinity }
                if let lengths, key >= lengths[sequence] { sum = -.infinity }
                row[key] = sum
            }
            if productMode == 2 { stages = row }
            let greatest = row.max() ?? 0
            row = row.map { exp($0 - greatest) }
            let total = row.reduce(0, +)
            row = row.map { $0 / total }
            if productMode == 3 { stages = row }
            products += stages.map { Float($0) }
            let to = position(sequence, head, query, heads, queries, valueSize)
            for i in 0..<valueSize {
                var sum = 0.0
                for key in 0..<keys {
                    sum += row[key] * Double(v[(shared * keys + key) * valueSize + i])
                }
                output[to + i] = Float(sum)
            }
        }
        let shapes = try facts(node).map(\.shape)
        return zip(shapes, [output, k, v, products]).map { .floats(Tensor(shape: $0, values: $1)) }
    }

    /// Where the numbers of a position and head lie.
    private func position(
        _ sequence: Int, _ head: Int, _ place: Int, _ heads: Int, _ length: Int, _ size: Int
    ) -> Int {
        isPacked
            ? ((sequence * length + place) * heads + head) * size
            : ((sequence * heads + head) * length + place) * size
    }

    /// Keys or values of earlier calls and of this one, B×heads×length×size.
    private func joined(_ value: Value, _ earlier: Value?, _ size: Int) -> [Float] {
        let (own, old) = (value.floatValues, earlier?.floatValues ?? [])
        let length = keys - past
        var result: [Float] = []
        result.reserveCapacity(batch * sharedHeads * keys * size)
        for group in 0..<(batch * sharedHeads) {
            result += old[group * past * size..<(group + 1) * past * size]
            for place in 0..<length {
                let start = position(
                    group / sharedHeads, group % sharedHeads, place, sharedHeads, length, size)
                result += own[start..<start + size]
            }
        }
        return result
    }

    /// What is added to every product, −∞ for those beyond the end of a short mask.
    private func mask(_ operands: Operands<Value>) throws(FathomError) -> [Float]? {
        guard var mask = operands.optional(3) else { return nil }
        if mask.type == .bool {
            let values = mask.integerValues.map { $0 == 0 ? -Float.infinity : 0 }
            mask = .floats(Tensor(shape: mask.shape, values: values))
        }
        let length = mask.shape.dimensions.last ?? 1
        let whole = try operands.node.shape([batch, heads, queries, keys])
        if length == keys || length == 1 { return mask.expanded(to: whole).floatValues }
        let short = try operands.node.shape([batch, heads, queries, length])
        let values = mask.expanded(to: short).floatValues
        return (0..<whole.count).map { index in
            let key = index % keys
            return key < length ? values[index / keys * length + key] : -.infinity
        }
    }
}

extension Operator {
    /// Attention, and the rotation of its operands by their positions.
    static let attentions: [Operator] = [
        Operator(
            "Attention", inputs: 3...7, outputs: 1...4, lowering: .reference,
            infer: { operands throws(FathomError) in
                try AttentionNode(operands).facts(operands.node)
            },
            evaluate: { operands throws(FathomError) in
                try AttentionNode(operands.facts).evaluate(operands)
            }),
        Operator(
            "RotaryEmbedding", inputs: 3...4, lowering: .reference,
            infer: { operands throws(FathomError) in
                [Fact(try RotaryEmbedding(operands).shape)]
            },
            evaluate: { operands throws(FathomError) in
                let rotation = try RotaryEmbedding(operands.facts)
                return [.floats(try rotation.evaluate(operands))]
            }),
    ]
}
