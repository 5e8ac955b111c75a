/// A plane of floats whose rows may be read a little beyond their ends by kernels.
package final class PaddedPlane: @unchecked Sendable {
    // Sendable: written by one thread while no other reads (see the owners).

    /// Width of the content.
    package let width: Int
    /// Height of the content.
    package let height: Int
    /// Floats from row to row.
    package let stride: Int
    private let memory: UnsafeMutablePointer<Float>
    private let left: Int

    /// A plane of zeros with at least `left` floats before and `ExpansionTable.padding` after each row.
    package init(width: Int, height: Int, left: Int = 0) {
        self.width = width
        self.height = height
        self.left = left
        stride = left + width + max(ExpansionTable.padding, left)
        memory = .allocate(capacity: stride * height)
        memory.initialize(repeating: 0, count: stride * height)
    }

    deinit { memory.deallocate() }

    /// The first value of a row's content.
    package subscript(row: Int) -> UnsafeMutablePointer<Float> { memory + row * stride + left }

    /// Repeats the first and last value of a row over its padding.
    package func replicateEdges(_ row: Int) {
        let content = self[row]
        for x in 0..<left { content[-1 - x] = content[0] }
        for x in width..<(stride - left) { content[x] = content[width - 1] }
    }
}
