import CKernels
import FathomCore
import FathomGraph

extension Planner {
    /// Plans a batch norm that takes the statistics of the batch and gives them as they are; a chunk is a block of
    /// channels of all pictures.
    mutating func lowerBatchNormalizationTraining(
        _ operands: Operands<Fact>
    ) throws(FathomError) -> Bool {
        let node = operands.node
        let shape = try shape(node.inputs[0])
        guard isTrainingNorm(node) else { return false }
        let limits = limitedNorms[node.outputs[0]]
        let reads = [
            try operand(node.inputs[0], .blocked), try operand(node.inputs[1], .planar),
            try operand(node.inputs[2], .planar),
        ]
        let writes = [
            try result(limits?.result ?? node.outputs[0], .blocked),
            try result(node.outputs[1], .planar), try result(node.outputs[2], .planar),
        ]
        let gradients = GradientKernels(instructionSet)
        append(
            PlannedStep(
                node: node.name, operation: node.operation, reads: reads, writes: writes,
                worksInPlace: false
            ) { [shared = Shared(batchNorm(node, shape, limits))] memory in
                var n = shared.value
                n.input = memory.readable(reads[0])
                n.scale = memory.readable(reads[1])
                n.shift = memory.readable(reads[2])
                n.output = memory.writable(writes[0])
                n.mean = memory.writable(writes[1])
                n.variance = memory.writable(writes[2])
                let bound = Shared(n)
                return KernelStep(chunks: Kernels.blocks(shape[1])) { block in
                    var n = bound.value
                    gradients.table.normalize(&n, Int32(block))
                }
            })
        return true
    }

    /// Plans the gradients of such a batch norm.
    mutating func lowerBatchNormalizationGradient(
        _ operands: Operands<Fact>
    ) throws(FathomError) -> Bool {
        let node = operands.node
        let shape = try shape(node.inputs[0])
        guard shape.rank == 4, shape.count > 0 else { return false }
        let limits = limitedNorms.values.first { $0.gradients[node.inputs[0]] != nil }
        var inputs = node.inputs
        if let limits, let gradient = limits.gradients[node.inputs[0]] {
            inputs[0] = gradient
            inputs.append(limits.shift)
        }
        var reads: [Place] = []
        for (index, name) in inputs.enumerated() {
            reads.append(try operand(name, index < 2 ? .blocked : .planar))
        }
        var writes: [Int] = []
        for (index, name) in node.outputs.enumerated() {
            writes.append(try result(name, index == 0 ? .blocked : .planar))
        }
        let gradients = GradientKernels(instructionSet)
        append(
            PlannedStep(
                node: node.name, operation: node.operation, reads: reads, writes: writes,
                worksInPlace: false
            ) { [shared = Shared(batchNorm(node, shape, limits)), reads, writes] memory in
                var n = shared.value
                n.gradient = memory.readable(reads[0])
                n.input = memory.readable(reads[1])
                n.scale = memory.readable(reads[2])
                // Only read by this kernel.
                n.mean = UnsafeMutablePointer(mutating: memory.readable(reads[3]))
                n.variance = UnsafeMutablePointer(mutating: memory.readable(reads[4]))
                if reads.count > 5 { n.shift = memory.readable(reads[5]) }
                n.output = memory.writable(writes[0])
                n.scale_gradient = memory.writable(writes[1])
                n.shift_gradient = memory.writable(writes[2])
                let bound = Shared(n)
                return KernelStep(chunks: Kernels.blocks(shape[1])) { block in
                    var n = bound.value
                    gradients.table.normalize_gradient(&n, Int32(block))
                }
            })
        return true
    }

    private func batchNorm(
        _ node: Node, _ shape: Shape, _ limits: LimitedNorm?
    ) -> fathom_batch_norm {
        var n = fathom_batch_norm()
        (n.images, n.channels) = (Int32(shape[0]), Int32(shape[1]))
        n.plane = shape[2] * shape[3]
        n.epsilon = node.number("epsilon", 1e-5)
        n.minimum = limits?.minimum ?? -.infinity
        n.maximum = limits?.maximum ?? .infinity
        return n
    }
}
