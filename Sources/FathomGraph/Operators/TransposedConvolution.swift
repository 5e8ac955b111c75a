import FathomCore

/// What a `ConvTranspose` node computes: each input number spreads the weights, scaled by it, over the output.
///
/// x is N×C with one to three spatial axes, w is C×O/groups×K….
public struct TransposedConvolution: Sendable {
    /// The output.
    public let shape: Shape
    /// Parts of the channels that do not see each other.
    public let groups: Int
    /// Output elements from one input element to the next, a spatial axis each.
    public let strides: [Int]
    /// Output elements from one tap to the next, a spatial axis each.
    public let dilations: [Int]
    /// Elements cut off before the first and after the last, all firsts before all lasts.
    public let pads: [Int]

    /// Checks a node against the facts of its inputs.
    public init(_ operands: Operands<Fact>) throws(FathomError) {
        let node = operands.node
        let (input, weights) = (try operands.floating(0), try operands.floating(1))
        let rank = input.rank - 2
        guard rank >= 1, rank <= 3 else {
            throw node.unsupported("its input \(input) has not one to three spatial axes")
        }
        let ones = Array(repeating: 1, count: rank)
        groups = try node.integer("group", default: 1)
        strides = try node.integers("strides") ?? ones
        dilations = try node.integers("dilations") ?? ones
        let zeros = Array(repeating: 0, count: 2 * rank)
        let stated = try node.integers("pads") ?? zeros
        let extra = try node.integers("output_padding") ?? Array(zeros.prefix(rank))
        guard weights.rank == input.rank, groups > 0, input[1] == weights[0],
            input.count > 0, weights.count > 0,
            input[1] % groups == 0, strides.count == rank, dilations.count == rank,
            stated.count == 2 * rank, extra.count == rank, strides.allSatisfy({ $0 > 0 }),
            dilations.allSatisfy({ $0 > 0 }), (stated + extra).allSatisfy({ $0 >= 0 })
        else { throw node.error("its weights \(weights) do not fit its input \(input)") }
        let automatic = try node.string(
            "auto_pad", default: "NOTSET",
            allowed: ["NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"])
        var wanted = try node.integers("output_shape").map { Array($0.suffix(rank)) }
        if automatic.hasPrefix("SAME"), wanted == nil {
            // A length and a step of 31 bits each: no overflow.
            wanted = zip(input.dimensions[2...], strides).map { $0 * $1 }
        }
        guard wanted?.count ?? rank == rank else {
            throw node.error("its output_shape does not fit \(input)")
        }
        var lengths: [Int] = []
        var pads = automatic == "NOTSET" ? stated : zeros
        for axis in 0..<rank {
            let last = (input[axis + 2] - 1).multipliedReportingOverflow(by: strides[axis])
            let span = (weights[axis + 2] - 1).multipliedReportingOverflow(by: dilations[axis])
            guard !last.overflow, !span.overflow, last.partialValue < Node.attributeLimit,
                span.partialValue < Node.attributeLimit
            else { throw node.error("it is too large") }
            let whole = last.partialValue + span.partialValue + 1 + extra[axis]
            if let length = wanted?[axis] {
                // What is missing is added after the last.
                let cut = max(0, whole - length)
                let half = cut / 2
                pads[axis] = automatic == "SAME_UPPER" ? half : cut - half
                pads[axis + rank] = cut - pads[axis]
            }
            lengths.append(wanted?[axis] ?? whole - pads[axis] - pads[axis + rank])
        }
        self.pads = pads
        shape = try node.shape([input[0], weights[1] * groups] + lengths)
        if let bias = operands.optional(2) {
            guard bias.shape == [shape[1]], bias.type.isFloatingPoint else {
                throw node.error("its bias \(bias.shape) does not fit its weights")
            }
        }
    }

    func evaluate(_ operands: Operands<Value>) throws(FathomError) -> Tensor {
        let (input, weights) = (try operands.tensor(0), try operands.tensor(1))
        let (x, w) = (input.values, weights.values)
        let bias = operands.optional(2)?.floatValues
        // Three spatial axes whatever there are.
        let rank = strides.count
        func three(_ values: ArraySlice<Int>, _ filling: Int) -> [Int] {
            Array(repeating: filling, count: 3 - rank) + values
        }
        let (from, to) = (
            three(input.shape.dimensions.suffix(rank), 1), three(shape.dimensions.suffix(rank), 1)
        )
        let kernel = three(weights.shape.dimensions.suffix(rank), 1)
        let step = three(strides[...], 1)
        let dilation = three(dilations[...], 1)
        let cut = three(pads.prefix(rank), 0)
        let (inputs, outputs) = (input.shape[1] / groups, weights.shape[1])
        let (taps, plane) = (kernel.reduce(1, *), to.reduce(1, *))
        var sums = (0..<shape.count).map { Double(bias?[$0 / plane % shape[1]] ?? 0) }
        for (index, value) in x.enumerated() {
            let column = index % from[2]
            let row = index / from[2] % from[1]
            let slice = index / (from[2] * from[1]) % from[0]
            let channel = index / (from[2] * from[1] * from[0]) % input.shape[1]
            let image = index / (from[2] * from[1] * from[0] * input.shape[1])
            for tap in 0..<taps {
                let a = slice * step[0] + tap / (kernel[2] * kernel[1]) * dilation[0] - cut[0]
                let b = row * step[1] + tap / kernel[2] % kernel[1] * dilation[1] - cut[1]
                let c = column * step[2] + tap % kernel[2] * dilation[2] - cut[2]
                guard a >= 0, a < to[0], b >= 0, b < to[1], c >= 0, c < to[2] else { continue }
                let place = (a * to[1] + b) * to[2] + c
                for output in 0..<outputs {
                    let target = image * shape[1] + channel / inputs * outputs + output
                    let weight = w[(channel * outputs + output) * taps + tap]
                    sums[target * plane + place] += Double(value) * Double(weight)
                }
            }
        }
        return Tensor(shape: shape, values: sums.map { Float($0) })
    }
}

extension Operator {
    /// `ConvTranspose`.
    static let transposedConvolutions: [Operator] = [
        Operator(
            "ConvTranspose", inputs: 2...3, lowering: .transposedConvolution,
            infer: { operands throws(FathomError) in
                [Fact(try TransposedConvolution(operands).shape)]
            },
            evaluate: { operands throws(FathomError) in
                [.floats(try TransposedConvolution(operands.facts).evaluate(operands))]
            })
    ]
}
