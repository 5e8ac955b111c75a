import CKernels
import FathomCore
import FathomGraph

extension Planner {
    /// Plans a `BatchNormalization` that no convolution has taken in: a factor and a shift for each channel.
    mutating func lowerBatchNormalization(
        _ operands: Operands<Fact>
    ) throws(FathomError) -> Bool {
        let node = operands.node
        let shape = try shape(node.inputs[0])
        let parameters = operands.inputs.dropFirst().compactMap { $0?.constant?.floatValues }
        guard node.outputs.count == 1, shape.count > 0, shape.rank >= 2, parameters.count == 4,
            parameters.allSatisfy({ $0.count == shape[1] })
        else { return false }
        let epsilon = node.number("epsilon", 1e-5)
        let factors = zip(parameters[0], parameters[3]).map { $0 / ($1 + epsilon).squareRoot() }
        let shifts = (0..<shape[1]).map { parameters[1][$0] - parameters[2][$0] * factors[$0] }
        let layout: Layout = shape.rank == 4 ? layout(node.inputs[0]) : .planar
        let plane = shape.count / (shape[0] * shape[1])
        let blocks = Kernels.blocks(shape[1])
        let rows =
            layout == .blocked
            ? BroadcastRows(blocks: blocks, images: shape[0], plane: plane, rightImage: 0)
            : BroadcastRows(
                [shape[0], shape[1], plane], left: [shape[1] * plane, plane, 1],
                right: [0, 1, 0])
        let input = try operand(node.inputs[0], layout)
        let output = try result(node.outputs[0], layout)
        let kernels = kernels
        let parts: [(fathom_binary, Place, [Float])] = [
            (FATHOM_MULTIPLY, input, factors), (FATHOM_ADD, .buffer(output), shifts),
        ]
        for (function, left, values) in parts {
            // Filled up to whole blocks.
            let filled = values + Array(repeating: 0, count: blocks * Kernels.block - shape[1])
            let right = Place.constant(Tensor(shape: [filled.count], values: filled))
            append(
                PlannedStep(
                    node: node.name, operation: node.operation, reads: [left, right],
                    writes: [output], worksInPlace: true
                ) { memory in
                    BroadcastStep(
                        function, rows, kernels, left: memory.readable(left),
                        right: memory.readable(right), output: memory.writable(output))
                })
        }
        return true
    }
}
