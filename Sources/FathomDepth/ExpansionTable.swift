import CKernels

/// Where each sample of a longer row lies between two samples of a shorter one (linear, half-pixel centres).
package struct ExpansionTable: Sendable {
    /// The left neighbour of each output sample; `first + 1` is inside a row padded by one.
    package let first: [Int32]
    /// The right neighbour's share.
    package let share: [Float]
    /// Whether `first` rises by at most 1 from sample to sample.
    package let isEnlarging: Bool

    /// Values that must follow a row so that kernels may read beyond it.
    package static let padding = 17

    /// A table from `source` samples to `count`.
    package init(source: Int, count: Int) {
        precondition(source > 0 && count > 0, "a row has at least one sample")
        let scale = Double(source) / Double(count)
        var first = [Int32](repeating: 0, count: count)
        var share = [Float](repeating: 0, count: count)
        for x in 0..<count {
            let place = min(max((Double(x) + 0.5) * scale - 0.5, 0), Double(source - 1))
            first[x] = Int32(place)
            share[x] = Float(place - place.rounded(.down))
        }
        self.first = first
        self.share = share
        isEnlarging = count >= source
    }

    /// Writes `count` values from a row of `source` values and `padding` more.
    package func expand(
        _ row: UnsafePointer<Float>, into out: UnsafeMutablePointer<Float>,
        kernels: fathom_upsample_kernels
    ) {
        kernels.expand(out, row, first, share, isEnlarging ? 1 : 0, first.count)
    }
}
