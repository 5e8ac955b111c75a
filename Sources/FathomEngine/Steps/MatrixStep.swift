import COpenBLAS
import FathomCore
import FathomGraph

/// Matrix products by OpenBLAS; a chunk is a band of rows of one product.
struct MatrixStep: Step, @unchecked Sendable {
    // Sendable: chunks write parts of the arena that do not overlap.
    private let product: MatrixProduct
    private let batches: [(left: Int, right: Int)]
    private let left: UnsafePointer<Float>
    private let right: UnsafePointer<Float>
    private let bias: Bias?
    private let output: UnsafeMutablePointer<Float>

    /// What is added to every row: one number each, or one for all.
    struct Bias: @unchecked Sendable {
        let values: UnsafePointer<Float>
        let rowStride: Int
        let columnStride: Int
    }

    /// Multiplications that a chunk should have.
    private static let chunkSize = 1 << 19
    private let rowsEach: Int
    private let bands: Int

    /// The pool splits the work; OpenBLAS's own threads would fight with it.
    private static let isSingleThreaded: Bool = {
        openblas_set_num_threads(1)
        return true
    }()

    init(
        _ product: MatrixProduct, left: UnsafePointer<Float>, right: UnsafePointer<Float>,
        bias: Bias?, output: UnsafeMutablePointer<Float>
    ) {
        precondition(Self.isSingleThreaded)
        self.product = product
        batches = product.batches
        self.left = left
        self.right = right
        self.bias = bias
        self.output = output
        let row = max(product.columns * product.depth, 1)
        // Transposed, the rows of A are not one behind the other.
        rowsEach =
            product.transposesLeft
            ? max(product.rows, 1) : max(1, min(product.rows, Self.chunkSize / row))
        bands = (product.rows + rowsEach - 1) / rowsEach
    }

    var chunks: Int { batches.count * bands }

    func run(_ chunk: Int) {
        let (batch, band) = (chunk / bands, chunk % bands)
        let first = band * rowsEach
        let count = min(rowsEach, product.rows - first)
        let (rows, columns, depth) = (product.rows, product.columns, product.depth)
        let target = output + (batch * rows + first) * columns
        if let bias {
            for row in 0..<count {
                for column in 0..<columns {
                    target[row * columns + column] =
                        bias.values[(first + row) * bias.rowStride + column * bias.columnStride]
                }
            }
        }
        cblas_sgemm(
            CblasRowMajor, product.transposesLeft ? CblasTrans : CblasNoTrans,
            product.transposesRight ? CblasTrans : CblasNoTrans, Int32(count), Int32(columns),
            Int32(depth), product.alpha,
            left + batches[batch].left * rows * depth + first
                * (product.transposesLeft ? 1 : depth),
            Int32(product.transposesLeft ? rows : depth),
            right + batches[batch].right * depth * columns,
            Int32(product.transposesRight ? depth : columns), bias == nil ? 0 : product.beta,
            target, Int32(columns))
    }
}

extension Planner {
    /// Plans a matrix product of at least one element.
    mutating func lowerMatrix(_ operands: Operands<Fact>) throws(FathomError) -> Bool {
        let node = operands.node
        let product = try MatrixProduct(operands)
        guard product.outputShape.count > 0, product.depth > 0 else { return false }
        let left = try operand(node.inputs[0], .planar)
        let right = try operand(node.inputs[1], .planar)
        var bias: Place?
        var strides = (row: 0, column: 0)
        if let fact = operands.optional(2) {
            let lengths = [1, 1] + fact.shape.dimensions
            let (rows, columns) = (lengths[lengths.count - 2], lengths[lengths.count - 1])
            strides = (rows == 1 ? 0 : columns, columns == 1 ? 0 : 1)
            bias = try operand(node.inputs[2], .planar)
        }
        let output = try result(node.outputs[0], .planar)
        append(
            PlannedStep(
                node: node.name, operation: node.operation,
                reads: [left, right] + (bias.map { [$0] } ?? []), writes: [output],
                worksInPlace: false
            ) { [bias, strides] memory in
                MatrixStep(
                    product, left: memory.readable(left), right: memory.readable(right),
                    bias: bias.map {
                        MatrixStep.Bias(
                            values: memory.readable($0), rowStride: strides.row,
                            columnStride: strides.column)
                    }, output: memory.writable(output))
            })
        return true
    }
}
