import FathomCore

/// Places buffers in one piece of memory so that those needed at the same time do not overlap.
struct ArenaLayout: Sendable {
    /// A buffer's size and the steps from which to which it is needed.
    struct Buffer: Sendable {
        /// Numbers it holds.
        let count: Int
        /// The first step that writes it; −1 for an input.
        var first: Int
        /// The last step that uses it.
        var last: Int
        /// The buffer that this one is a piece of, and the number at which it begins there.
        var home: (buffer: Int, offset: Int)?
    }

    /// Numbers from the start to each buffer.
    let offsets: [Int]
    /// Numbers in all.
    let count: Int

    /// Numbers of a cache line: buffers begin on one.
    private static let alignment = Tensor.alignment / MemoryLayout<Float>.stride
    /// Numbers between buffers: kernels may read a whole panel's columns at a buffer's end.
    private static let margin = 32

    /// Largest first, each at the lowest place that is free for its whole life.
    ///
    /// `shared[b]` is the buffer whose place `b` takes, or `b` itself.
    init(_ buffers: [Buffer], shared: [Int]) {
        var lives = buffers
        let owner = buffers.indices.map { buffers[$0].home?.buffer ?? shared[$0] }
        for index in buffers.indices where owner[index] != index {
            let owner = owner[index]
            lives[owner].first = min(lives[owner].first, buffers[index].first)
            lives[owner].last = max(lives[owner].last, buffers[index].last)
        }
        var offsets = [Int](repeating: 0, count: buffers.count)
        var placed: [(range: Range<Int>, life: ClosedRange<Int>)] = []
        let owners = buffers.indices.filter { owner[$0] == $0 }
        for index in owners.sorted(by: {
            (buffers[$0].count, $1) > (buffers[$1].count, $0)
        }) {
            let life = lives[index].first...max(lives[index].first, lives[index].last)
            let size =
                (buffers[index].count + Self.margin + Self.alignment - 1) / Self.alignment
                * Self.alignment
            var offset = 0
            for other in placed where other.life.overlaps(life) {
                if other.range.lowerBound >= offset + size { break }
                offset = max(offset, other.range.upperBound)
            }
            offsets[index] = offset
            let position =
                placed.firstIndex { $0.range.lowerBound > offset } ?? placed.endIndex
            placed.insert((offset..<offset + size, life), at: position)
        }
        for index in buffers.indices {
            offsets[index] = offsets[owner[index]] + (buffers[index].home?.offset ?? 0)
        }
        self.offsets = offsets
        count = placed.map(\.range.upperBound).max() ?? 0
    }
}
