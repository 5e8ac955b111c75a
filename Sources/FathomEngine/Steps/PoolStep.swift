import CKernels
import FathomCore
import FathomGraph

/// A pool by a kernel; a chunk is a band of rows of one block of channels.
struct PoolStep: Step, @unchecked Sendable {
    // Sendable: chunks write parts of the arena that do not overlap.
    private let pool: fathom_pool
    private let source: UnsafePointer<Float>
    private let target: UnsafeMutablePointer<Float>
    private let kernels: Kernels
    private let bands: Int
    private let rowsEach: Int
    let chunks: Int

    /// Pixels of output that a chunk should have.
    private static let pixels = 1024

    fileprivate init(
        _ pool: fathom_pool, source: UnsafePointer<Float>, target: UnsafeMutablePointer<Float>,
        planes: Int, kernels: Kernels
    ) {
        self.pool = pool
        self.source = source
        self.target = target
        self.kernels = kernels
        let (height, width) = (Int(pool.output_height), Int(pool.output_width))
        rowsEach = max(1, min(height, Self.pixels / width))
        bands = (height + rowsEach - 1) / rowsEach
        chunks = planes * bands
    }

    func run(_ chunk: Int) {
        let (plane, band) = (chunk / bands, chunk % bands)
        var pool = pool
        let first = band * rowsEach
        kernels.table.pool(
            &pool,
            source + plane * Int(pool.input_height) * Int(pool.input_width) * Kernels.block,
            target + plane * Int(pool.output_height) * Int(pool.output_width) * Kernels.block,
            Int32(first), Int32(min(first + rowsEach, Int(pool.output_height))))
    }
}

extension Planner {
    /// Plans a pool of pictures or sequences.
    mutating func lowerPool(_ operands: Operands<Fact>) throws(FathomError) -> Bool {
        let node = operands.node
        guard node.outputs.count == 1 else { return false }
        let description = try Pool(operands)
        let (rows, columns) = (description.window.rows, description.window.columns)
        guard description.window.isWithinKernelRange, description.outputShape.count > 0 else {
            return false
        }
        var pool = fathom_pool()
        pool.input_height = Int32(rows.input)
        pool.input_width = Int32(columns.input)
        pool.output_height = Int32(rows.output)
        pool.output_width = Int32(columns.output)
        pool.kernel_height = Int32(rows.kernel)
        pool.kernel_width = Int32(columns.kernel)
        pool.stride_y = Int32(rows.stride)
        pool.stride_x = Int32(columns.stride)
        pool.dilation_y = Int32(rows.dilation)
        pool.dilation_x = Int32(columns.dilation)
        pool.pad_top = Int32(rows.before)
        pool.pad_left = Int32(columns.before)
        pool.pad_bottom = Int32(rows.after)
        pool.pad_right = Int32(columns.after)
        pool.is_maximum = description.isMaximum ? 1 : 0
        pool.counts_padding = description.countsPadding ? 1 : 0
        let input = try operand(node.inputs[0], .blocked)
        let output = try result(node.outputs[0], .blocked)
        let shape = description.outputShape
        let kernels = kernels
        append(
            PlannedStep(
                node: node.name, operation: node.operation, reads: [input], writes: [output],
                worksInPlace: false
            ) { [pool] memory in
                PoolStep(
                    pool, source: memory.readable(input), target: memory.writable(output),
                    planes: shape[0] * Kernels.blocks(shape[1]), kernels: kernels)
            })
        return true
    }
}
