import CKernels
import FathomCore
import FathomGraph

/// Interpolates rows of planes: the columns of the source rows that are wanted, then the rows.
struct RowResizer: Sendable {
    let rows: ResizeTable
    let columns: ResizeTable
    /// Numbers of a pixel: 8 or 1.
    let lanes: Int
    let kernels: Kernels
    private let columnsStay: Bool

    init(rows: ResizeTable, columns: ResizeTable, lanes: Int, kernels: Kernels) {
        self.rows = rows
        self.columns = columns
        self.lanes = lanes
        self.kernels = kernels
        columnsStay = columns.isIdentity
    }

    /// Numbers of a row of the output.
    var outputRow: Int { columns.output * lanes }
    /// Numbers of a plane of the input.
    var inputPlane: Int { rows.input * columns.input * lanes }
    /// Numbers of scratch memory that `run` needs.
    var scratchCount: Int { rows.taps * outputRow }

    /// Writes some rows of a plane; `output` is where the plane's first row would be.
    func run(
        _ input: UnsafePointer<Float>, _ output: UnsafeMutablePointer<Float>, rows band: Range<Int>,
        scratch: UnsafeMutablePointer<Float>
    ) {
        let inputRow = columns.input * lanes
        let taps = rows.taps
        // Neighbouring taps are neighbouring rows, so row r of the source is kept in slot r mod taps.
        withUnsafeTemporaryAllocation(of: Int.self, capacity: taps) { held in
            held.initialize(repeating: -1)
            withUnsafeTemporaryAllocation(of: UnsafePointer<Float>?.self, capacity: taps) {
                pointers in
                for row in band {
                    for tap in 0..<taps {
                        let wanted = Int(rows.positions[row * taps + tap])
                        if columnsStay {
                            pointers[tap] = input + wanted * inputRow
                            continue
                        }
                        let slot = wanted % taps
                        let place = scratch + slot * outputRow
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
                    source, target, columns.output, lanes, columns.taps,
                    positions.baseAddress, weights.baseAddress)
            }
        }
    }
}
