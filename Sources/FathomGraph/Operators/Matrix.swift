import FathomCore

/// What a matrix product computes, read once: C = α·A·B + β·bias for each of a batch.
///
/// ONNX operators `MatMul` (NumPy's rules for batches and vectors) and `Gemm`.
public struct MatrixProduct: Sendable {
    /// Rows of A and C.
    public let rows: Int
    /// Columns of B and C.
    public let columns: Int
    /// Columns of A and rows of B.
    public let depth: Int
    /// Whether A is stored columns first.
    public let transposesLeft: Bool
    /// Whether B is stored columns first.
    public let transposesRight: Bool
    /// Factor of the product.
    public let alpha: Float
    /// Factor of the bias.
    public let beta: Float
    private let batch: Broadcast
    private let batchShapes: [Shape]
    /// The output.
    public let outputShape: Shape

    /// Checks a node against the facts of its inputs.
    public init(_ operands: Operands<Fact>) throws(FathomError) {
        let node = operands.node
        let (left, right) = (try operands.required(0), try operands.required(1))
        guard left.type == .float, right.type == .float, left.shape.rank > 0, right.shape.rank > 0
        else { throw node.error("its operands are no matrices of numbers") }
        let isGemm = node.operation == "Gemm"
        let isFused = node.operation == Operator.fusedProduct
        let isTransposed = (
            left: try node.integer("transA", default: 0) != 0,
            right: try node.integer("transB", default: 0) != 0
        )
        transposesLeft = isGemm && isTransposed.left
        transposesRight = (isGemm || isFused) && isTransposed.right
        alpha = isGemm ? try node.float("alpha", default: 1) : 1
        beta = isGemm ? try node.float("beta", default: 1) : 0
        var a = left.shape.dimensions
        var b = right.shape.dimensions
        if a.count == 1 { a.insert(1, at: 0) }
        if b.count == 1 { b.append(1) }
        let (aRows, aColumns) = (a[a.count - 2], a[a.count - 1])
        let (bRows, bColumns) = (b[b.count - 2], b[b.count - 1])
        rows = transposesLeft ? aColumns : aRows
        depth = transposesLeft ? aRows : aColumns
        columns = transposesRight ? bRows : bColumns
        let batches = [Shape(Array(a.dropLast(2))), Shape(Array(b.dropLast(2)))]
        guard depth == (transposesRight ? bColumns : bRows), let batch = Broadcast(batches),
            !isGemm || (left.shape.rank == 2 && right.shape.rank == 2)
        else {
            throw node.error("\(left.shape) and \(right.shape) do not fit each other")
        }
        self.batch = batch
        batchShapes = batches
        outputShape = try node.shape(
            batch.shape.dimensions + (left.shape.rank > 1 ? [rows] : [])
                + (right.shape.rank > 1 ? [columns] : []))
        if isGemm, let bias = operands.optional(2) {
            guard bias.type == .float,
                Broadcast([bias.shape, outputShape])?.shape == outputShape
            else { throw node.error("its bias \(bias.shape) does not fit \(outputShape)") }
        }
    }

    /// Which matrices of A and of B each product takes.
    public var batches: [(left: Int, right: Int)] {
        zip(batch.positions(of: batchShapes[0]), batch.positions(of: batchShapes[1]))
            .map { (left: $0, right: $1) }
    }

    func evaluate(_ operands: Operands<Value>) throws(FathomError) -> Tensor {
        let left = try operands.tensor(0).values
        let right = try operands.tensor(1).values
        var output: [Float] = []
        output.reserveCapacity(outputShape.count)
        for (a, b) in outputShape.count > 0 ? batches : [] {
            let (aStart, bStart) = (a * rows * depth, b * depth * columns)
            for row in 0..<rows {
                for column in 0..<columns {
                    var sum = 0.0
                    for k in 0..<depth {
                        let x = left[aStart + (transposesLeft ? k * rows + row : row * depth + k)]
                        let y = right[
                            bStart + (transposesRight ? column * depth + k : k * columns + column)]
                        sum += Double(x) * Double(y)
                    }
                    output.append(alpha * Float(sum))
                }
            }
        }
        if operands.node.operation == "Gemm", let bias = operands.optional(2),
            let broadcast = Broadcast([bias.shape, outputShape])
        {
            let values = bias.floatValues
            for (index, position) in broadcast.positions(of: bias.shape).enumerated() {
                output[index] += beta * values[position]
            }
        }
        return Tensor(shape: outputShape, values: output)
    }
}

extension Operator {
    /// Matrix products.
    static let matrices: [Operator] = [("MatMul", 2...2), ("Gemm", 2...3)].map { name, inputs in
        Operator(
            name, inputs: inputs, lowering: .matrix,
            infer: { operands throws(FathomError) in
                [Fact(try MatrixProduct(operands).outputShape)]
            },
            evaluate: { operands throws(FathomError) in
                [.floats(try MatrixProduct(operands.facts).evaluate(operands))]
            })
    }
}
