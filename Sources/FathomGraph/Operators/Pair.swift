import FathomCore

/// Two operands of an operator that works element by element, brought to one shape.
struct Pair {
    /// The common shape.
    let shape: Shape
    /// The first operand's elements, as many as the shape has.
    let left: Value
    /// The second operand's.
    let right: Value

    /// Repeats the elements of two values as NumPy's rule has it.
    init(_ left: Value, _ right: Value, _ node: Node) throws(FathomError) {
        shape = try Self.shape([left.shape, right.shape], node)
        self.left = left.expanded(to: shape)
        self.right = right.expanded(to: shape)
    }

    /// The common shape of several operands.
    static func shape(_ shapes: [Shape], _ node: Node) throws(FathomError) -> Shape {
        guard let broadcast = Broadcast(shapes) else {
            let words = shapes.map(\.description).joined(separator: " and ")
            throw node.error("\(words) do not fit each other")
        }
        return broadcast.shape
    }

    /// The common shape of all of a node's operands, which must be of one type.
    static func fact(_ operands: Operands<Fact>) throws(FathomError) -> Fact {
        let type = try operands.required(0).type
        var shapes: [Shape] = []
        for index in operands.inputs.indices {
            let fact = try operands.required(index)
            guard fact.type == type else {
                throw operands.node.error("its operands are of different types")
            }
            shapes.append(fact.shape)
        }
        return Fact(try shape(shapes, operands.node), type)
    }
}

extension Value {
    /// The elements repeated to fill a shape that `Broadcast` gave.
    func expanded(to shape: Shape) -> Value {
        guard self.shape != shape, let broadcast = Broadcast([self.shape, shape]) else {
            return self
        }
        return gathering(broadcast.positions(of: self.shape), shape: shape)
    }
}

extension Int64 {
    /// Whether this number comes before another one of the same type.
    func isLess(than other: Int64, _ type: ElementType) -> Bool {
        type == .uint64
            ? UInt64(bitPattern: self) < UInt64(bitPattern: other) : self < other
    }
}
