import CKernels
import FathomCore
import FathomGraph

/// Interpolation along the last two axes; a chunk is a band of rows of one plane.
struct ResizeStep: Step, @unchecked Sendable {
    // Sendable: chunks write parts of the arena, scratch rows among them, that do not overlap.
    private let source: UnsafePointer<Float>
    private let target: UnsafeMutablePointer<Float>
    private let scratch: UnsafeMutablePointer<Float>
    private let resizer: RowResizer
    private let cut: Cut

    /// How the work is cut.
    struct Cut: Sendable {
        let planes: Int
        let bands: Int
        let rowsEach: Int

        /// Rows of output that a band should have: enough that the source rows two bands share weigh little.
        static let fewestRows = 16

        init(planes: Int, rows: Int) {
            self.planes = planes
            bands = max(1, min(rows / Self.fewestRows, 8))
            rowsEach = (rows + bands - 1) / bands
        }
    }

    var chunks: Int { cut.planes * cut.bands }

    fileprivate init(
        source: UnsafePointer<Float>, target: UnsafeMutablePointer<Float>,
        scratch: UnsafeMutablePointer<Float>, resizer: RowResizer, cut: Cut
    ) {
        self.source = source
        self.target = target
        self.scratch = scratch
        self.resizer = resizer
        self.cut = cut
    }

    func run(_ chunk: Int) {
        let (plane, band) = (chunk / cut.bands, chunk % cut.bands)
        let first = min(band * cut.rowsEach, resizer.rows.output)
        let last = min(first + cut.rowsEach, resizer.rows.output)
        resizer.run(
            source + plane * resizer.inputPlane,
            target + plane * resizer.rows.output * resizer.outputRow, rows: first..<last,
            scratch: scratch + chunk * resizer.scratchCount)
    }
}

extension Planner {
    /// Plans an interpolation of pictures, in whatever layout they have.
    mutating func lowerResize(_ operands: Operands<Fact>) throws(FathomError) -> Bool {
        let node = operands.node
        let resize = try Resize(operands)
        guard resize.isWeightedSum, resize.outputShape.rank == 4, resize.tables[0].isIdentity,
            resize.tables[1].isIdentity
        else { return false }
        try appendResize(node, resize.tables[2], resize.tables[3], resize.outputShape)
        return true
    }

    /// Plans the way back of an interpolation.
    mutating func lowerResizeGradient(_ operands: Operands<Fact>) throws(FathomError) -> Bool {
        let forward = try ForwardNode.operands(operands, default: "Resize")
        let resize = try Resize(forward)
        let shape = try shape(operands.node.outputs[0])
        guard resize.isWeightedSum, shape.rank == 4, resize.tables[0].isIdentity,
            resize.tables[1].isIdentity
        else { return false }
        try appendResize(
            operands.node, resize.tables[2].transposed, resize.tables[3].transposed, shape)
        return true
    }

    private mutating func appendResize(
        _ node: Node, _ rows: ResizeTable, _ columns: ResizeTable, _ shape: Shape
    ) throws(FathomError) {
        // Where most of a block would be filling, rows are shorter without it.
        let isThin = shape[1] * 2 <= Kernels.block
        let layout: Layout = isThin ? .planar : layout(node.inputs[0])
        let input = try operand(node.inputs[0], layout)
        let output = try result(node.outputs[0], layout)
        let isBlocked = layout == .blocked
        let resizer = RowResizer(
            rows: rows, columns: columns, lanes: isBlocked ? Kernels.block : 1, kernels: kernels)
        let cut = ResizeStep.Cut(
            planes: shape[0] * (isBlocked ? Kernels.blocks(shape[1]) : shape[1]), rows: shape[2])
        let scratch = newBuffer(cut.planes * cut.bands * resizer.scratchCount)
        append(
            PlannedStep(
                node: node.name, operation: node.operation, reads: [input],
                writes: [output, scratch], worksInPlace: false
            ) { memory in
                ResizeStep(
                    source: memory.readable(input), target: memory.writable(output),
                    scratch: memory.writable(scratch), resizer: resizer, cut: cut)
            })
    }
}
