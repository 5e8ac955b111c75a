import FathomCore

/// What a node of a gradient is told of the node that it differentiates: the operands but the first, whose place the
/// gradient has taken, the settings, and the shape of the first.
package enum ForwardNode {
    static let shapeKey = "operandShape"
    static let operationKey = "operation"

    /// The operands of the node that was differentiated.
    package static func operands(
        _ operands: Operands<Fact>, default operation: String
    ) throws(FathomError) -> Operands<Fact> {
        let node = operands.node
        guard case .integers(let lengths)? = node.attributes[shapeKey] else {
            throw node.error("it is not told of which shape the operand was")
        }
        var forward = node
        forward.operation = operation
        if case .string(let stated)? = node.attributes[operationKey] { forward.operation = stated }
        guard Operator.table[forward.operation] != nil else {
            throw node.error("the operator '\(forward.operation)' is unknown")
        }
        forward.attributes[shapeKey] = nil
        forward.attributes[operationKey] = nil
        return Operands<Fact>(
            forward, [Fact(try node.shape(lengths))] + operands.inputs.dropFirst(),
            operatorSet: operands.operatorSet)
    }
}
