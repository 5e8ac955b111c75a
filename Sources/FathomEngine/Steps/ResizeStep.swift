import CKernels
import FathomCore
import FathomGraph

/// Interpolation along the last two axes; a chunk is a band of rows of one plane.
struct ResizeStep: Step, @unchecked Sendable {
    // Sendable: chunks write parts of the arena, scratch rows among them, that do not overlap.
    private let source: UnsafePointer<Float>
    private let target: UnsafeMutablePointer<Float>
    private let scratch: UnsafeMutablePointer<Float>
    private let kernels: Kernels
    private let rows: ResizeTable
    private let columns: ResizeTable
    private let cut: Cut
    private let columnsStay: Bool

    /// How the work is cut.
    struct Cut: Sendable {
        let planes: Int
        let bands: Int
        let rowsEach: Int
        let lanes: Int

        /// Rows of output that a band should have: enough that the source rows two bands share weigh little.
        static let fewestRows = 16

        init(planes: Int, rows: Int, lanes: Int) {
            self.planes = planes
            self.lanes = lanes
            bands = max(1, min(rows / Self.fewestRows, 8))
            rowsEach = (rows + bands - 1) / bands
        }
    }

    var chunks: Int { cut.planes * cut.bands }

    fileprivate init(
        source: UnsafePointer<Float>, target: UnsafeMutablePointer<Float>,
        scratch: UnsafeMutablePointer<Float>, kernels: Kernels, rows: ResizeTable,
        columns: ResizeTable, cut: Cut
    ) {
        self.source = source
        self.target = target
        self.scratch = scratch
        self.kernels = kernels
        self.rows = rows
        self.columns = columns
        self.cut = cut
        columnsStay = columns.isIdentity
    }

    func run(_ chunk: Int) {
        let (plane, band) = (chunk / cut.bands, chunk % cut.bands)
        let inputRow = columns.input * cut.lanes
        let outputRow = columns.output * cut.lanes
        let input = source + plane * rows.input * inputRow
        let output = target + plane * rows.output * outputRow
        let taps = rows.taps
        let own = scratch + chunk * taps * outputRow
        let first = band * cut.rowsEach
        let last = min(first + cut.rowsEach, rows.output)
        // Neighbouring taps are neighbouring rows, so row r of the source is kept in slot r mod taps.
        withUnsafeTemporaryAllocation(of: Int.self, capacity: taps) { held in
            held.initialize(repeating: -1)
            withUnsafeTemporaryAllocation(of: UnsafePointer<Float>?.self, capacity: taps) {
                pointers in
                for row in first..<max(first, last) {
                    for tap in 0..<taps {
                        let wanted = Int(rows.positions[row * taps + tap])
                        if columnsStay {
                            pointers[tap] = input + wanted * inputRow
                            continue
                        }
                        let slot = wanted % taps
                        let place = own + slot * outputRow
                        if held[slot] != wanted {
                            resizeColumns(input + wanted * inputRow, place)
                            held[slot] = wanted
                        }
                        pointers[tap] = UnsafePointer(place)
                    }
                    rows.weights.withUnsafeBufferPointer { weights in
                        guard let start = weights.baseAddress else { return }
                        kernels.table.resize_rows(
                            pointers.baseAddress, start + row * taps, taps,
                            output + row * outputRow, outputRow, -.infinity, .infinity)
                    }
                }
            }
        }
    }

    private func resizeColumns(
        _ source: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>
    ) {
        columns.positions.withUnsafeBufferPointer { positions in
            columns.weights.withUnsafeBufferPointer { weights in
                kernels.table.resize_columns(
                    source, target, columns.output, cut.lanes, columns.taps,
                    positions.baseAddress, weights.baseAddress)
            }
        }
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
        // Where most of a block would be filling, rows are shorter without it.
        let isThin = resize.outputShape[1] * 2 <= Kernels.block
        let layout: Layout = isThin ? .planar : layout(node.inputs[0])
        let input = try operand(node.inputs[0], layout)
        let output = try result(node.outputs[0], layout)
        let shape = resize.outputShape
        let isBlocked = layout == .blocked
        let cut = ResizeStep.Cut(
            planes: shape[0] * (isBlocked ? Kernels.blocks(shape[1]) : shape[1]), rows: shape[2],
            lanes: isBlocked ? Kernels.block : 1)
        let (rows, columns) = (resize.tables[2], resize.tables[3])
        let scratch = newBuffer(
            cut.planes * cut.bands * rows.taps * columns.output * cut.lanes)
        let kernels = kernels
        append(
            PlannedStep(
                node: node.name, operation: node.operation, reads: [input],
                writes: [output, scratch], worksInPlace: false
            ) { memory in
                ResizeStep(
                    source: memory.readable(input), target: memory.writable(output),
                    scratch: memory.writable(scratch), kernels: kernels, rows: rows,
                    columns: columns, cut: cut)
            })
        return true
    }
}
