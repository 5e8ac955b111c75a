import CKernels
import FathomCore
import FathomGraph

extension Planner {
    /// Plans the gradient operators that have a kernel.
    mutating func lowerGradient(_ operands: Operands<Fact>) throws(FathomError) -> Bool {
        switch operands.node.operation {
        case Operator.convolutionWeightGradient: try lowerWeightGradient(operands)
        case Operator.batchNormalizationGradient: try lowerBatchNormalizationGradient(operands)
        case Operator.clipGradient: try lowerClipGradient(operands)
        case Operator.fakeQuantization: try lowerFakeQuantization(operands)
        case Operator.resizeGradient: try lowerResizeGradient(operands)
        case Operator.maxPoolGradient, Operator.averagePoolGradient:
            try lowerPoolGradient(operands)
        case Operator.movementGradient: try lowerMovementGradient(operands)
        default: false
        }
    }

    private mutating func lowerClipGradient(_ operands: Operands<Fact>) throws(FathomError) -> Bool
    {
        let node = operands.node
        let layout = layout(node.inputs[1])
        let gradient = try operand(node.inputs[0], layout)
        let bounded = try operand(node.inputs[1], layout)
        let target = try result(node.outputs[0], layout)
        let count = buffers[target].count
        let (low, high) = (node.number("minimum", -.infinity), node.number("maximum", .infinity))
        let gradients = GradientKernels(instructionSet)
        append(
            PlannedStep(
                node: node.name, operation: node.operation, reads: [gradient, bounded],
                writes: [target], worksInPlace: true
            ) { memory in
                let from = Shared((memory.readable(gradient), memory.readable(bounded)))
                let to = Shared(memory.writable(target))
                let length = ElementwiseStep.length
                return KernelStep(chunks: (count + length - 1) / length) { chunk in
                    let first = chunk * length
                    gradients.table.clip(
                        from.value.0 + first, from.value.1 + first, low, high, to.value + first,
                        min(length, count - first))
                }
            })
        return true
    }

    private mutating func lowerPoolGradient(_ operands: Operands<Fact>) throws(FathomError) -> Bool
    {
        let node = operands.node
        let isMaximum = node.operation == Operator.maxPoolGradient
        let pool: Pool
        if isMaximum {
            var forward = node
            forward.operation = "MaxPool"
            pool = try Pool(
                Operands(forward, [operands.inputs[1]], operatorSet: operands.operatorSet))
        } else {
            pool = try Pool(ForwardNode.operands(operands, default: "AveragePool"))
        }
        let shape = try shape(node.outputs[0])
        guard shape.rank == 4, shape.count > 0, let settings = PoolSettings(pool) else {
            return false
        }
        let layout = layout(node.inputs[0])
        let gradient = try operand(node.inputs[0], layout)
        let input = try isMaximum ? operand(node.inputs[1], layout) : nil
        let target = try result(node.outputs[0], layout)
        let isBlocked = layout == .blocked
        let lanes = isBlocked ? Kernels.block : 1
        let planes = shape[0] * (isBlocked ? Kernels.blocks(shape[1]) : shape[1])
        let gradients = GradientKernels(instructionSet)
        append(
            PlannedStep(
                node: node.name, operation: node.operation,
                reads: [gradient] + (input.map { [$0] } ?? []), writes: [target],
                worksInPlace: false
            ) { memory in
                var c = settings.pool
                c.lanes = Int32(lanes)
                c.input = input.map { memory.readable($0) }
                let bound = Shared((c, memory.readable(gradient), memory.writable(target)))
                let inputPlane = Int(c.input_height) * Int(c.input_width) * lanes
                let outputPlane = Int(c.output_height) * Int(c.output_width) * lanes
                return KernelStep(chunks: planes) { plane in
                    var (c, from, to) = bound.value
                    if let input = c.input { c.input = input + plane * inputPlane }
                    from += plane * outputPlane
                    to += plane * inputPlane
                    gradients.table.pool(&c, from, to)
                }
            })
        return true
    }

    /// Plans the way back of a movement as sums of what goes to each number.
    private mutating func lowerMovementGradient(
        _ operands: Operands<Fact>
    ) throws(FathomError) -> Bool {
        let node = operands.node
        let forward = try ForwardNode.operands(operands, default: "Slice")
        let count = try shape(node.outputs[0]).count
        guard let movement = Rearrangement.results(of: forward)?.first, count > 0 else {
            return false
        }
        let positions = movement.positions
        var starts = [Int32](repeating: 0, count: count + 1)
        for position in positions where position >= 0 { starts[position + 1] += 1 }
        for index in 0..<count { starts[index + 1] += starts[index] }
        var entries = [Int32](repeating: 0, count: Int(starts[count]))
        var next = starts
        for (source, position) in positions.enumerated() where position >= 0 {
            entries[Int(next[position])] = Int32(source)
            next[position] += 1
        }
        let source = try operand(node.inputs[0], .planar)
        let target = try result(node.outputs[0], .planar)
        let gradients = GradientKernels(instructionSet)
        append(
            PlannedStep(
                node: node.name, operation: node.operation, reads: [source], writes: [target],
                worksInPlace: false
            ) { [starts, entries] memory in
                let (from, to) = (
                    Shared(memory.readable(source)), Shared(memory.writable(target))
                )
                let length = ElementwiseStep.length
                return KernelStep(chunks: (count + length - 1) / length) { chunk in
                    let first = chunk * length
                    starts.withUnsafeBufferPointer { starts in
                        entries.withUnsafeBufferPointer { entries in
                            guard let start = starts.baseAddress else { return }
                            gradients.table.gather_sum(
                                from.value, start + first, entries.baseAddress, to.value + first,
                                min(length, count - first))
                        }
                    }
                }
            })
        return true
    }
}
