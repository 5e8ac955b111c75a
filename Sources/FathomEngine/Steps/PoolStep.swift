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

/// A pool's kernel settings before it has addresses.
struct PoolSettings: @unchecked Sendable {
    // Sendable: its pointers are not set here.
    var pool: fathom_pool

    init(pool: fathom_pool) { self.pool = pool }

    /// Those of a node; nil where no kernel knows its kind or size.
    init?(_ pool: Pool) {
        let (rows, columns) = (pool.axes[1], pool.axes[2])
        guard pool.outputShape.count > 0,
            pool.axes.allSatisfy({ $0.input + $0.before + $0.after < 1 << 30 })
        else { return nil }
        var c = fathom_pool()
        switch pool.summary {
        case .maximum: c.averages = 0
        case .mean(let countsPadding): (c.averages, c.counts_padding) = (1, countsPadding ? 1 : 0)
        case .norm: return nil
        }
        (c.input_height, c.input_width) = (Int32(rows.input), Int32(columns.input))
        (c.output_height, c.output_width) = (Int32(rows.output), Int32(columns.output))
        (c.kernel_height, c.kernel_width) = (Int32(rows.kernel), Int32(columns.kernel))
        (c.stride_y, c.stride_x) = (Int32(rows.stride), Int32(columns.stride))
        (c.dilation_y, c.dilation_x) = (Int32(rows.dilation), Int32(columns.dilation))
        (c.pad_top, c.pad_left) = (Int32(rows.before), Int32(columns.before))
        (c.pad_bottom, c.pad_right) = (Int32(rows.after), Int32(columns.after))
        self.pool = c
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
        guard let settings = PoolSettings(try Pool(operands)), shape.count > 0 else {
            return false
        }
        var c = settings.pool
        let layout: Layout = shape.rank == 4 ? layout(node.inputs[0]) : .planar
        let input = try operand(node.inputs[0], layout)
        let output = try result(node.outputs[0], layout)
        let isBlocked = layout == .blocked
        let planes = shape[0] * (isBlocked ? Kernels.blocks(shape[1]) : shape[1])
        let kernels = TensorKernels(instructionSet)
        c.lanes = isBlocked ? Int32(Kernels.block) : 1
        append(
            PlannedStep(
                node: node.name, operation: node.operation, reads: [input], writes: [output],
                worksInPlace: false
            ) { [settings = PoolSettings(pool: c)] memory in
                var c = settings.pool
                c.input = memory.readable(input)
                c.output = memory.writable(output)
                return PoolStep(pool: c, planes: planes, kernels: kernels)
            })
        return true
    }
}
