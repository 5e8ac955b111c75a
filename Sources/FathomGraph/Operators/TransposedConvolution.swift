import FathomCore

/// What a `ConvTranspose` node computes: each input number spreads the weights, scaled by it, over the output.
///
/// x is N×C×H×W, w is C×O/groups×KH×KW. Not supported: `output_shape` and automatic padding.
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
        let (input, weights) = (try operands.required(0), try operands.required(1))
        groups = try node.integer("group", default: 1)
        strides = try node.integers("strides") ?? [1, 1]
        dilations = try node.integers("dilations") ?? [1, 1]
        pads = try node.integers("pads") ?? [0, 0, 0, 0]
        let extra = try node.integers("output_padding") ?? [0, 0]
        _ = try node.string("auto_pad", default: "NOTSET", allowed: ["NOTSET", "VALID"])
        guard node.attributes["output_shape"] == nil else {
            throw node.error("output_shape is not supported")
        }
        guard input.type == .float, weights.type == .float, input.shape.rank == 4,
            weights.shape.rank == 4, groups > 0, input.shape[1] == weights.shape[0],
            input.shape[1] % groups == 0, strides.count == 2, dilations.count == 2,
            pads.count == 4, extra.count == 2, strides.allSatisfy({ $0 > 0 }),
            dilations.allSatisfy({ $0 > 0 }), (pads + extra).allSatisfy({ $0 >= 0 })
        else {
            throw node.error("its weights \(weights.shape) do not fit its input \(input.shape)")
        }
        var lengths: [Int] = []
        for axis in 0..<2 {
            let last = (input.shape[axis + 2] - 1).multipliedReportingOverflow(by: strides[axis])
            let span = (weights.shape[axis + 2] - 1).multipliedReportingOverflow(
                by: dilations[axis])
            guard !last.overflow, !span.overflow else { throw node.error("it is too large") }
            lengths.append(
                last.partialValue + span.partialValue + 1 + extra[axis] - pads[axis]
                    - pads[axis + 2])
        }
        shape = try node.shape([input.shape[0], weights.shape[1] * groups] + lengths)
        if let bias = operands.optional(2), bias.shape != [shape[1]] || bias.type != .float {
            throw node.error("its bias \(bias.shape) does not fit its weights")
        }
    }

    func evaluate(_ operands: Operands<Value>) throws(FathomError) -> Tensor {
        let (input, weights) = (try operands.tensor(0), try operands.tensor(1))
        let (x, w) = (input.values, weights.values)
        let bias = operands.optional(2)?.floatValues
        let plane = shape[2] * shape[3]
        let (inputs, outputs) = (input.shape[1] / groups, weights.shape[1])
        var sums = (0..<shape.count).map { Double(bias?[$0 / plane % shape[1]] ?? 0) }
        for (index, value) in x.enumerated() {
            let column = index % input.shape[3]
            let row = index / input.shape[3] % input.shape[2]
            let channel = index / (input.shape[2] * input.shape[3]) % input.shape[1]
            let image = index / (input.shape[1] * input.shape[2] * input.shape[3])
            for output in 0..<outputs {
                let place = (image * shape[1] + channel / inputs * outputs + output) * plane
                for tapRow in 0..<weights.shape[2] {
                    let y = row * strides[0] + tapRow * dilations[0] - pads[0]
                    if y < 0 || y >= shape[2] { continue }
                    for tap in 0..<weights.shape[3] {
                        let position = column * strides[1] + tap * dilations[1] - pads[1]
                        if position < 0 || position >= shape[3] { continue }
                        let weight =
                            ((channel * outputs + output) * weights.shape[2] + tapRow)
                            * weights.shape[3] + tap
                        sums[place + y * shape[3] + position] += Double(value) * Double(w[weight])
                    }
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
