import FathomCore

/// What a `RotaryEmbedding` node computes (ONNX operator set 23): pairs of numbers of a head, rotated by an angle that
/// belongs to the position.
struct RotaryEmbedding {
    let shape: Shape
    private let isPacked: Bool
    private let heads: Int
    private let length: Int
    private let size: Int
    /// Pairs of a head that are rotated.
    private let pairs: Int
    private let isInterleaved: Bool

    init(_ operands: Operands<Fact>) throws(FathomError) {
        let node = operands.node
        shape = try operands.floating(0)
        isPacked = shape.rank == 3
        heads =
            isPacked
            ? try node.integer("num_heads", default: 0) : shape.dimensions.dropFirst().first ?? 0
        guard shape.rank == 3 || shape.rank == 4, heads > 0,
            !isPacked || shape[2] % heads == 0
        else {
            throw node.error("\(shape) has no heads")
        }
        length = isPacked ? shape[1] : shape[2]
        size = shape[shape.rank - 1] / (isPacked ? heads : 1)
        let stated = try node.integer("rotary_embedding_dim", default: 0)
        let rotated = stated == 0 ? size : stated
        pairs = rotated / 2
        isInterleaved = try node.flag("interleaved")
        let (cosines, sines) = (try operands.floating(1), try operands.floating(2))
        let hasPositions = operands.optional(3) != nil
        guard rotated >= 0, rotated <= size, cosines == sines,
            cosines.rank == (hasPositions ? 2 : 3), cosines.dimensions.last == pairs,
            hasPositions || cosines.dimensions.prefix(2) == [shape[0], length]
        else { throw node.error("its cosines \(cosines) do not fit \(shape)") }
        if let positions = operands.optional(3)?.shape, positions != [shape[0], length] {
            throw node.error("its positions \(positions) do not fit \(shape)")
        }
    }

    func evaluate(_ operands: Operands<Value>) throws(FathomError) -> Tensor {
        let cosines = try operands.tensor(1)
        let (cosine, sine) = (cosines.values, try operands.tensor(2).values)
        let positions = operands.optional(3)?.integerValues
        var values = try operands.tensor(0).values
        for index in 0..<(shape.count > 0 ? shape[0] * heads * length : 0) {
            let place = isPacked ? index / heads % length : index % length
            let row = index / (heads * length) * length + place
            var angle = row
            if let positions {
                angle = try operands.node.axis(positions[row], rank: cosines.shape[0])
            }
            for pair in 0..<pairs {
                let first = index * size + (isInterleaved ? 2 * pair : pair)
                let second = isInterleaved ? first + 1 : first + pairs
                let (c, s) = (cosine[angle * pairs + pair], sine[angle * pairs + pair])
                let (x, y) = (values[first], values[second])
                values[first] = c * x - s * y
                values[second] = s * x + c * y
            }
        }
        return Tensor(shape: shape, values: values)
    }
}
