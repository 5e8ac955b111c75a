import CKernels
import FathomCore

/// Takes a tensor of N×C×… from one layout to the other; a chunk is a block of channels of one picture.
struct ReorderStep: Step, @unchecked Sendable {
    // Sendable: chunks write parts of the arena that do not overlap.
    private let source: UnsafePointer<Float>
    private let target: UnsafeMutablePointer<Float>
    private let kernels: Kernels
    private let channels: Int
    private let plane: Int
    private let toBlocked: Bool
    let chunks: Int

    static func planned(
        _ edge: String, _ shape: Shape, from source: Place, to target: Int, _ layout: Layout,
        _ kernels: Kernels
    ) -> PlannedStep {
        PlannedStep(
            node: edge, operation: "reorder", reads: [source], writes: [target],
            worksInPlace: false
        ) { memory in
            ReorderStep(
                source: memory.readable(source), target: memory.writable(target),
                kernels: kernels, channels: shape[1],
                plane: shape.count / max(1, shape[0] * shape[1]), toBlocked: layout == .blocked,
                chunks: shape[0] * Kernels.blocks(shape[1]))
        }
    }

    func run(_ chunk: Int) {
        let blocks = Kernels.blocks(channels)
        let (image, block) = (chunk / blocks, chunk % blocks)
        let first = block * Kernels.block
        let planar = (image * channels + first) * plane
        let blocked = chunk * Kernels.block * plane
        let count = min(Kernels.block, channels - first)
        if toBlocked {
            kernels.table.block(source + planar, plane, count, target + blocked, plane)
        } else {
            kernels.table.unblock(source + blocked, target + planar, plane, count, plane)
        }
    }
}
