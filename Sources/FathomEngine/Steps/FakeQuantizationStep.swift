import CKernels
import FathomCore
import FathomGraph

extension Planner {
    /// Plans the rounding of real numbers to those that whole numbers of 8 bits stand for: with one scale in whatever layout
    /// the operand has, with a scale for each index of an axis row-major.
    mutating func lowerFakeQuantization(
        _ operands: Operands<Fact>
    ) throws(FathomError) -> Bool {
        let node = operands.node
        let shape = try shape(node.inputs[0])
        let zeros = operands.optional(2)?.constant?.integerValues ?? []
        guard let zero = zeros.first, zeros.allSatisfy({ $0 == zero }), shape.count > 0,
            let range = operands.optional(2)?.type.byteRange
        else { return false }
        let scales = try self.shape(node.inputs[1]).count
        var axis = 0
        if scales > 1, case .integer(let stated)? = node.attributes["axis"] {
            axis = stated < 0 ? stated + shape.rank : stated
        }
        guard scales == 1 || shape.dimensions.indices.contains(axis) else { return false }
        let layout: Layout = scales == 1 ? layout(node.inputs[0]) : .planar
        let input = try operand(node.inputs[0], layout)
        let scale = try operand(node.inputs[1], .planar)
        let output = try result(node.outputs[0], layout)
        // Runs of numbers with the same scale, some of them a chunk.
        let count = scales == 1 ? buffers[output].count : shape.count
        let run =
            scales == 1
            ? ElementwiseStep.length : shape.dimensions[(axis + 1)...].reduce(1, *)
        let runs = (count + run - 1) / run
        let each = max(1, ElementwiseStep.length / run)
        let (low, high) = (Float(range.lowerBound - zero), Float(range.upperBound - zero))
        let gradients = GradientKernels(instructionSet)
        append(
            PlannedStep(
                node: node.name, operation: node.operation, reads: [input, scale],
                writes: [output], worksInPlace: true
            ) { memory in
                let from = Shared((memory.readable(input), memory.readable(scale)))
                let to = Shared(memory.writable(output))
                return KernelStep(chunks: (runs + each - 1) / each) { chunk in
                    for index in chunk * each..<min((chunk + 1) * each, runs) {
                        let first = index * run
                        gradients.table.fake_quantize(
                            from.value.0 + first, from.value.1[index % scales], low, high,
                            to.value + first, min(run, count - first))
                    }
                }
            })
        return true
    }
}
