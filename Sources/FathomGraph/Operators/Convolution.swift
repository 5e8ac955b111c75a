import FathomCore

/// What a (fused) convolution computes, read once from its node.
///
/// y[n,o] = activation(limit(b[o] + Σ w[o,i,ky,kx] · x[n, group(o)+i, …] + residual[n,o])); x is N×C×H×W, w is O×C/groups×KH×KW.
/// ONNX operator `Conv`; the residual, the limits and the activation belong to `fathom.Conv`, which passes make.
public struct Convolution: Sendable {
    /// How the weights slide along rows and columns; a third axis before them is `depth`'s.
    public let window: Window
    /// How the weights slide along the slices of a volume; a single one for pictures and sequences.
    public let depth: Window.Axis
    /// Channels of the input.
    public let inputChannels: Int
    /// Channels of the output.
    public let outputChannels: Int
    /// Parts of the channels that do not see each other.
    public let groups: Int
    /// The output.
    public let outputShape: Shape
    /// The least value of the output; −∞ where nothing limits it.
    public let minimum: Float
    /// The greatest value of the output; +∞ where nothing limits it.
    public let maximum: Float
    /// The function of one number that is applied to the limited output, if any, as a node without edges.
    public let activation: Node?
    private let volume: VolumeWindow

    /// Whether the input is a sequence or a picture, not a volume.
    public var isFlat: Bool { volume.outputSizes.count <= 2 }

    /// Checks a node against the facts of its inputs.
    public init(_ operands: Operands<Fact>) throws(FathomError) {
        let node = operands.node
        let input = try operands.required(0)
        let weights = try operands.required(1)
        guard input.type.isFloatingPoint, weights.type.isFloatingPoint else {
            throw node.error("its operands are not floating point")
        }
        groups = try node.integer("group", default: 1)
        guard weights.shape.rank == input.shape.rank, weights.shape.rank >= 3 else {
            throw node.error(
                "its weights \(weights.shape) do not fit its input \(input.shape)")
        }
        let kernel = Array(weights.shape.dimensions.dropFirst(2))
        if let stated = try node.integers("kernel_shape"), stated != kernel {
            throw node.error("kernel_shape \(stated) differs from its weights \(weights.shape)")
        }
        let volume = try VolumeWindow(node, input: input.shape, kernel: kernel)
        self.volume = volume
        depth = volume.axes[0]
        window = Window(rows: volume.axes[1], columns: volume.axes[2])
        inputChannels = input.shape[1]
        outputChannels = weights.shape[0]
        guard groups > 0, inputChannels > 0, outputChannels > 0,
            inputChannels % groups == 0, outputChannels % groups == 0,
            weights.shape[1] == inputChannels / groups
        else {
            throw node.error(
                "\(groups) groups of weights \(weights.shape) do not fit its input \(input.shape)")
        }
        if let bias = operands.optional(2) {
            guard bias.shape == [outputChannels], bias.type.isFloatingPoint else {
                throw node.error("its bias \(bias.shape) does not fit its weights")
            }
        }
        outputShape = try node.shape(
            [input.shape[0], outputChannels] + volume.outputSizes)
        if let residual = operands.optional(3) {
            guard residual.shape == outputShape, residual.type.isFloatingPoint else {
                throw node.error("what it adds, \(residual.shape), is not \(outputShape)")
            }
        }
        minimum = try node.float("minimum", default: -.infinity)
        maximum = try node.float("maximum", default: .infinity)
        activation = node.fusedActivation
    }

    func evaluate(_ operands: Operands<Value>) throws(FathomError) -> Tensor {
        let input = try operands.tensor(0).values
        let weights = try operands.tensor(1).values
        let bias = try operands.optional(2) == nil ? nil : operands.tensor(2).values
        let residual = try operands.optional(3) == nil ? nil : operands.tensor(3).values
        let (groupInputs, groupOutputs) = (inputChannels / groups, outputChannels / groups)
        let (plane, inputPlane, taps) = (volume.outputPlane, volume.inputPlane, volume.taps)
        var output = [Float](repeating: 0, count: outputShape.count)
        for index in 0..<(outputShape[0] * outputChannels) {
            let channel = index % outputChannels
            let firstInput =
                index / outputChannels * inputChannels
                + channel / groupOutputs * groupInputs
            for place in 0..<plane {
                var sum = Double(bias?[channel] ?? 0)
                volume.visit(place) { tap, position in
                    for i in 0..<groupInputs {
                        let weight = weights[(channel * groupInputs + i) * taps + tap]
                        let element = input[(firstInput + i) * inputPlane + position]
                        sum += Double(weight) * Double(element)
                    }
                }
                let position = index * plane + place
                let value = Float(sum) + (residual?[position] ?? 0)
                output[position] = min(max(value, minimum), maximum)
            }
        }
        return try activated(
            Tensor(shape: outputShape, values: output), operatorSet: operands.operatorSet)
    }

    private func activated(_ tensor: Tensor, operatorSet: Int) throws(FathomError) -> Tensor {
        guard let activation else { return tensor }
        guard let entry = Operator.table[activation.operation] else {
            throw activation.error("the operator is unknown")
        }
        let operands = Operands(activation, [Value.floats(tensor)], operatorSet: operatorSet)
        return try entry.evaluate(operands).first?.tensor ?? tensor
    }
}

extension Node {
    /// The function of one number that a pass has made part of this node, as a node of its own.
    var fusedActivation: Node? {
        guard case .string(let operation)? = attributes[Self.activationKey] else { return nil }
        return Node(operation, inputs: [], outputs: [], attributes: attributes)
    }

    /// Makes a function of one number, whose attributes it takes over, part of this node.
    mutating func fuse(activation operation: String, _ settings: [String: Attribute]) {
        attributes.merge(settings) { _, setting in setting }
        attributes[Self.activationKey] = .string(operation)
    }

    private static let activationKey = "activation"
}

extension Operator {
    /// `Conv`, and the fused form that passes make of it and what follows it.
    static let convolutions: [Operator] = [
        convolution("Conv", inputs: 2...3, export: .sameName),
        convolution(
            fusedConvolution, inputs: 2...4,
            export: .absent("passes make it after import; a file is written from the graph before")),
    ]

    /// The name of the convolution that adds a residual and limits its output.
    public static let fusedConvolution = "fathom.Conv"

    private static func convolution(
        _ name: String, inputs: ClosedRange<Int>, export: Export
    ) -> Operator {
        Operator(
            name, inputs: inputs, lowering: .convolution, export: export,
            infer: { operands throws(FathomError) in
                [Fact(try Convolution(operands).outputShape)]
            },
            evaluate: { operands throws(FathomError) in
                [.floats(try Convolution(operands.facts).evaluate(operands))]
            })
    }
}
