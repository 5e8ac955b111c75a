import FathomCore

/// A result whose elements are elements of one operand: its shape, and where each comes from.
package struct Rearrangement: Sendable {
    /// How positions follow from indices.
    package enum Rule: Sendable {
        /// The sum of an offset and each index times its axis's stride.
        case strided(offset: Int, strides: [Int])
        /// One by one; −1 where the element is `fill`.
        case listed([Int32])
    }

    /// The result's shape.
    package let shape: Shape
    /// Where its elements come from.
    package let rule: Rule
    /// What stands where no element of the operand does.
    package let fill: Float

    /// Operators whose first input is moved about, the others being constant.
    package static let operators: Set<String> = [
        "Transpose", "Slice", "Split", "Gather", "GatherElements", "GatherND", "Expand", "Tile",
        "DepthToSpace", "SpaceToDepth", "Pad", "Trilu", "ReverseSequence", "CenterCropPad",
    ]
    /// Operators that show the same elements under another shape.
    package static let views: Set<String> = [
        "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity",
    ]

    /// The rearrangements that a node's results are, nil where it does not only rearrange its first input.
    ///
    /// Found by evaluating the operator on the elements' own numbers: whatever it does to them, it does to data.
    package static func results(of operands: Operands<Fact>) -> [Rearrangement]? {
        let node = operands.node
        guard operators.contains(node.operation) || views.contains(node.operation),
            let source = operands.optional(0)?.shape, source.count > 0
        else { return nil }
        var fill: Float = 0
        var others = operands.inputs.dropFirst().map { $0?.constant }
        guard zip(operands.inputs.dropFirst(), others).allSatisfy({ ($0 == nil) == ($1 == nil) })
        else { return nil }
        var renamed = node
        if node.operation == "Pad" {
            // Numbers begin with 1, so 0 is what is filled in.
            if others.count > 1, let value = others[1] {
                guard value.shape.count == 1 else { return nil }
                fill = value.floatValues[0]
                others[1] = .integers(IntegerTensor(shape: value.shape, values: [0]))
            }
            if case .float(let value)? = node.attributes["value"] {
                fill = value
                renamed.attributes["value"] = .float(0)
            }
        }
        let numbers = Value.integers(
            IntegerTensor(shape: source, values: (1...source.count).map(Int64.init)))
        let values = Operands<Value>(
            renamed, [numbers] + others, operatorSet: operands.operatorSet)
        guard let results = try? Operator.table[node.operation]?.evaluate(values) else {
            return nil
        }
        return results.map { Rearrangement($0.shape, $0.integerValues, fill: fill) }
    }

    /// Finds strides in a list of positions.
    package init(_ shape: Shape, positions: [Int]) {
        self.init(shape, positions.map { $0 + 1 }, fill: 0)
    }

    /// Finds strides in a list of positions that begin with 1, 0 being the fill.
    private init(_ shape: Shape, _ numbers: [Int], fill: Float) {
        self.shape = shape
        self.fill = fill
        let dimensions = shape.dimensions
        let steps = shape.strides
        let first = numbers.first ?? 1
        let strides = dimensions.indices.map { axis in
            dimensions[axis] > 1 && !numbers.isEmpty ? numbers[steps[axis]] - first : 0
        }
        var isStrided = first > 0
        var expected = first
        var index = [Int](repeating: 0, count: dimensions.count)
        for number in numbers where isStrided {
            isStrided = number == expected
            for axis in dimensions.indices.reversed() {
                index[axis] += 1
                expected += strides[axis]
                if index[axis] < dimensions[axis] { break }
                expected -= strides[axis] * dimensions[axis]
                index[axis] = 0
            }
        }
        rule =
            isStrided
            ? .strided(offset: first - 1, strides: strides)
            : .listed(numbers.map { Int32(clamping: $0 - 1) })
    }

    /// A result found by other means.
    package init(_ shape: Shape, offset: Int, strides: [Int]) {
        self.shape = shape
        rule = .strided(offset: offset, strides: strides)
        fill = 0
    }

    /// The first number of the operand where the result is one run of its numbers in their order.
    package var contiguousOffset: Int? {
        guard case .strided(let offset, let strides) = rule else { return nil }
        let isRun = zip(zip(strides, shape.strides), shape.dimensions).allSatisfy { pair, length in
            length == 1 || pair.0 == pair.1
        }
        return isRun ? offset : nil
    }
}
