import FathomCore

/// NumPy's rule for operands of different shapes: axes are aligned at the end, and one of length 1 is repeated.
public struct Broadcast: Sendable {
    /// The shape of the result.
    public let shape: Shape

    /// Finds the common shape, nil where there is none.
    public init?(_ shapes: [Shape]) {
        let rank = shapes.map(\.rank).max() ?? 0
        var dimensions = [Int](repeating: 1, count: rank)
        for shape in shapes {
            for axis in 0..<shape.rank {
                let position = rank - shape.rank + axis
                if shape[axis] == 1 { continue }
                guard dimensions[position] == 1 || dimensions[position] == shape[axis] else {
                    return nil
                }
                dimensions[position] = shape[axis]
            }
        }
        guard let shape = Shape(checking: dimensions) else { return nil }
        self.shape = shape
    }

    /// For each element of the result, the position of the operand's element that it reads.
    func positions(of operand: Shape) -> [Int] {
        if operand == shape { return Array(0..<shape.count) }
        var strides = [Int](repeating: 0, count: shape.rank)
        for (axis, stride) in operand.strides.enumerated() where operand[axis] != 1 {
            strides[shape.rank - operand.rank + axis] = stride
        }
        return shape.positions(strides: strides)
    }
}

extension Shape {
    /// offset + Σ index · stride for every index of the shape, in row-major order.
    func positions(offset: Int = 0, strides: [Int]) -> [Int] {
        guard count > 0 else { return [] }
        var positions: [Int] = []
        positions.reserveCapacity(count)
        var index = [Int](repeating: 0, count: rank)
        var position = offset
        for _ in 0..<count {
            positions.append(position)
            var axis = rank - 1
            while axis >= 0 {
                index[axis] += 1
                position += strides[axis]
                if index[axis] < dimensions[axis] { break }
                position -= strides[axis] * dimensions[axis]
                index[axis] = 0
                axis -= 1
            }
        }
        return positions
    }
}
