import CKernels
import FathomCore
import FathomGraph

/// A pooling under a window; a chunk is some rows of a block of channels.
struct PoolStep: Step, @unchecked Sendable {
    // Sendable: chunks write parts of the arena that do not overlap.
    let pool: fathom_pool
    let planes: Int
    let kernels: TensorKernels

    private var rows: Int { Int(pool.output_height) }
    private var rowsEach: Int { max(1, 2048 / max(Int(pool.output_width), 1)) }
    private var bands: Int { (rows + rowsEach - 1) / rowsEach }
    var chunks: Int { planes * bands }

    func run(_ chunk: Int) {
        let (plane, first) = (chunk / bands, chunk % bands * rowsEach)
        var pool = pool
        pool.input += plane * Int(pool.input_height * pool.input_width * pool.lanes)
        pool.output += plane * Int(pool.output_height * pool.output_width * pool.lanes)
        kernels.table.pool(&pool, Int32(first), Int32(min(first + rowsEach, rows)))
    }
}

extension Planner {
    /// Plans the pooling of pictures, in whatever layout they have.
    mutating func lowerPool(_ operands: Operands<Fact>) throws(FathomError) -> Bool {
        let node = operands.node
        if node.operation.hasPrefix("Global") { return try lowerReduction(operands) }
        let shape = try shape(node.inputs[0])
        guard node.operation == "MaxPool" || node.operation == "AveragePool",
            node.outputs.dropFirst().allSatisfy(\.isEmpty), shape.rank == 3 || shape.rank == 4
        else { return false }
        let pool = try Pool(operands)
        let (rows, columns) = (pool.window.rows, pool.window.columns)
        guard pool.window.isWithinKernelRange, pool.outputShape.count > 0, shape.count > 0 else {
            return false
        }
        let layout: Layout = shape.rank == 4 ? layout(node.inputs[0]) : .planar
        let input = try operand(node.inputs[0], layout)
        let output = try result(node.outputs[0], layout)
        let isBlocked = layout == .blocked
        let planes = shape[0] * (isBlocked ? Kernels.blocks(shape[1]) : shape[1])
        let kernels = TensorKernels(instructionSet)
        append(
            PlannedStep(
                node: node.name, operation: node.operation, reads: [input], writes: [output],
                worksInPlace: false
            ) { memory in
                PoolStep(
                    pool: fathom_pool(
                        input: memory.readable(input), output: memory.writable(output),
                        input_height: Int32(rows.input), input_width: Int32(columns.input),
                        output_height: Int32(rows.output), output_width: Int32(columns.output),
                        kernel_height: Int32(rows.kernel), kernel_width: Int32(columns.kernel),
                        stride_y: Int32(rows.stride), stride_x: Int32(columns.stride),
                        dilation_y: Int32(rows.dilation), dilation_x: Int32(columns.dilation),
                        pad_top: Int32(rows.before), pad_left: Int32(columns.before),
                        pad_bottom: Int32(rows.after), pad_right: Int32(columns.after),
                        lanes: isBlocked ? Int32(Kernels.block) : 1,
                        averages: pool.isMaximum ? 0 : 1,
                        counts_padding: pool.countsPadding ? 1 : 0),
                    planes: planes, kernels: kernels)
            })
        return true
    }
}
