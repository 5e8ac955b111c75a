import CKernels
import FathomCore
import FathomGraph

extension Planner {
    /// The convolutions of 8-bit numbers that a kernel can do, by their output.
    func findQuantizedConvolutions() throws(FathomError) -> [String: QuantizedConvolution] {
        var result: [String: QuantizedConvolution] = [:]
        for node in graph.nodes
        where node.operation == "QLinearConv" || node.operation == QuantizedName.convolution {
            let operands = Operands(
                node, node.inputs.map { facts[$0] }, operatorSet: graph.operatorSet)
            result[node.outputs[0]] = try QuantizedConvolution(operands)
        }
        return result
    }

    /// The edges of 8-bit numbers that lie in the arena as bytes: those whose writer and readers all have kernels.
    func findQuantizedEdges() throws(FathomError) -> Set<String> {
        var isNative: [Bool] = []
        for node in graph.nodes { isNative.append(try hasQuantizedKernel(node)) }
        guard isNative.contains(true) else { return [] }
        var writers: [String: Int] = [:]
        var readers: [String: [Int]] = [:]
        for (index, node) in graph.nodes.enumerated() {
            for output in node.outputs { writers[output] = index }
            for input in node.inputs { readers[input, default: []].append(index) }
        }
        let kept = Set(graph.outputs.map(\.name))
        func isPicture(_ name: String) -> Bool {
            guard let fact = facts[name], fact.constant == nil else { return false }
            return fact.type.byteRange != nil
        }
        var edges = Set(
            graph.nodes.flatMap(\.outputs).filter { isPicture($0) && !kept.contains($0) })
        // A node without kernels makes its edges ordinary ones, and those may take kernels from other nodes.
        var changed = true
        while changed {
            changed = false
            for (index, node) in graph.nodes.enumerated() where isNative[index] {
                let own = (node.inputs + node.outputs).filter(isPicture)
                if !own.allSatisfy(edges.contains) {
                    isNative[index] = false
                    changed = true
                }
            }
            let left = edges.filter { edge in
                guard facts[edge]?.shape.rank == 4, let writer = writers[edge] else { return false }
                return isNative[writer] && (readers[edge] ?? []).allSatisfy { isNative[$0] }
            }
            if left.count < edges.count {
                edges = left
                changed = true
            }
        }
        return edges
    }

    /// Whether a node has a kernel for 8-bit numbers, if all its tensors of them lie in the arena.
    private func hasQuantizedKernel(_ node: Node) throws(FathomError) -> Bool {
        let operands = Operands(
            node, node.inputs.map { facts[$0] }, operatorSet: graph.operatorSet)
        guard let input = operands.inputs.first ?? nil, input.shape.rank == 4,
            input.shape.count > 0, input.constant == nil
        else { return false }
        switch node.operation {
        case "QLinearConv", QuantizedName.convolution:
            return quantizedConvolutions[node.outputs[0]] != nil
        case "QuantizeLinear", "DequantizeLinear":
            return QuantizedScale(operands, scale: 1, zero: 2) != nil
                && node.attributes["block_size"] == nil
        case QuantizedName.addition:
            return input.shape == operands.inputs[3]?.shape
                && operands.inputs[3]?.constant == nil
                && [1, 4, 6].allSatisfy {
                    QuantizedScale(operands, scale: $0, zero: $0 + 1) != nil
                }
        case QuantizedName.map: return operands.optional(1)?.constant != nil
        case QuantizedName.resize: return try quantizedResize(operands) != nil
        case QuantizedName.pad: return try quantizedPad(operands) != nil
        case QuantizedName.maximumPool: return try quantizedPool(operands) != nil
        case QuantizedName.concatenation:
            let axis = if case .integer(let axis)? = node.attributes["axis"] { axis } else { 1 }
            let pictures = operands.inputs.compactMap { $0.map { QuantizedPicture($0.shape) } }
            return (axis == 1 || axis == -3) && pictures.allSatisfy { $0.lanes == 16 }
                && pictures.dropLast().allSatisfy { $0.channels % 16 == 0 }
        default: return false
        }
    }

    /// Plans a node whose 8-bit tensors lie in the arena.
    mutating func lowerQuantized(_ operands: Operands<Fact>) throws(FathomError) -> Bool {
        let node = operands.node
        let edge = node.operation == "DequantizeLinear" ? node.inputs[0] : node.outputs[0]
        guard quantizedEdges.contains(edge) else { return false }
        switch node.operation {
        case "QLinearConv", QuantizedName.convolution:
            return try lowerQuantizedConvolution(operands)
        case "QuantizeLinear": return try lowerQuantize(operands)
        case "DequantizeLinear": return try lowerDequantize(operands)
        case QuantizedName.addition: return try lowerQuantizedAddition(operands)
        case QuantizedName.map: return try lowerQuantizedMap(operands)
        case QuantizedName.resize: return try lowerQuantizedResize(operands)
        case QuantizedName.pad: return try lowerQuantizedPad(operands)
        case QuantizedName.maximumPool: return try lowerQuantizedMaximumPool(operands)
        case QuantizedName.concatenation: return try lowerQuantizedConcatenation(operands)
        default: return false
        }
    }
}
