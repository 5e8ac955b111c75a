import FathomCore

/// The gradients of a convolution's weights and bias: inputs are the convolution's input, N×C×…, and the gradient of its
/// output; attributes are the convolution's, `kernel_shape` included.
///
/// dw[o,i,k] = Σ g[n,o,p] · x[n,group(o)+i,p·stride + k·dilation − before], db[o] = Σ g[n,o,p].
package struct ConvolutionWeightGradient {
    /// The weights.
    package let shape: Shape
    /// How the weights slide along rows and columns.
    package let window: Window
    /// Parts of the channels that do not see each other.
    package let groups: Int
    /// The convolution's input.
    package let input: Shape
    /// The gradient of its output.
    package let gradient: Shape
    private let volume: VolumeWindow

    package init(_ operands: Operands<Fact>) throws(FathomError) {
        let node = operands.node
        (input, gradient) = (try operands.floating(0), try operands.floating(1))
        let kernel = try node.integers("kernel_shape") ?? []
        groups = try node.integer("group", default: 1)
        volume = try VolumeWindow(node, input: input, kernel: kernel)
        window = Window(rows: volume.axes[1], columns: volume.axes[2])
        guard gradient.rank == input.rank, gradient[0] == input[0], groups > 0,
            input[1] % groups == 0, gradient[1] % groups == 0,
            gradient.dimensions.dropFirst(2).elementsEqual(volume.outputSizes)
        else { throw node.error("its gradient \(gradient) does not fit its input \(input)") }
        shape = try node.shape([gradient[1], input[1] / groups] + kernel)
    }

    func evaluate(_ operands: Operands<Value>) throws(FathomError) -> [Tensor] {
        let (x, g) = (try operands.tensor(0).values, try operands.tensor(1).values)
        let (inputs, outputs, images) = (shape[1], shape[0], input[0])
        let (plane, taps) = (volume.outputPlane, volume.taps)
        var sums = [Double](repeating: 0, count: shape.count)
        var biases = [Double](repeating: 0, count: outputs)
        for index in 0..<images * outputs {
            let (image, output) = index.quotientAndRemainder(dividingBy: outputs)
            let first = image * input[1] + output / (outputs / groups) * inputs
            for place in 0..<plane {
                let value = Double(g[index * plane + place])
                biases[output] += value
                volume.visit(place) { tap, position in
                    for i in 0..<inputs {
                        sums[(output * inputs + i) * taps + tap] +=
                            value * Double(x[(first + i) * volume.inputPlane + position])
                    }
                }
            }
        }
        return [
            Tensor(shape: shape, values: sums.map { Float($0) }),
            Tensor(shape: [outputs], values: biases.map { Float($0) }),
        ]
    }
}

extension Operator {
    /// `ConvolutionWeightGradient`; the bias's is its second output.
    package static let convolutionWeightGradient = "fathom.ConvolutionWeightGradient"
    /// The gradients of a batch norm's input, scale and shift: inputs gradient, input, scale, mean and variance of the
    /// batch; attribute `epsilon`.
    package static let batchNormalizationGradient = "fathom.BatchNormalizationGradient"

    /// The gradients of layers with weights.
    static let layerGradients: [Operator] = [
        Operator(
            convolutionWeightGradient, inputs: 2...2, outputs: 1...2, lowering: .reference,
            export: madeByGradients,
            infer: { operands throws(FathomError) in
                let shape = try ConvolutionWeightGradient(operands).shape
                return [Fact(shape), Fact([shape[0]])]
            },
            evaluate: { operands throws(FathomError) in
                try ConvolutionWeightGradient(operands.facts).evaluate(operands).map {
                    .floats($0)
                }
            }),
        Operator(
            batchNormalizationGradient, inputs: 5...5, outputs: 3...3, lowering: .reference,
            export: madeByGradients,
            infer: { operands throws(FathomError) in
                let shape = try operands.floating(0)
                guard shape.rank >= 2, try operands.floating(1) == shape else {
                    throw operands.node.error("its operands do not fit \(shape)")
                }
                for index in 2...4 {
                    guard try operands.floating(index) == [shape[1]] else {
                        throw operands.node.error("its parameters do not fit \(shape)")
                    }
                }
                return [Fact(shape), Fact([shape[1]]), Fact([shape[1]])]
            },
            evaluate: { operands throws(FathomError) in try normGradients(operands) }),
    ]

    /// Ioffe and Szegedy, "Batch Normalization", 2015, section 3.
    private static func normGradients(
        _ operands: Operands<Value>
    ) throws(FathomError) -> [Value] {
        let gradient = try operands.tensor(0)
        let (g, x) = (gradient.values, try operands.tensor(1).values)
        let scale = try operands.tensor(2).values
        let mean = try operands.tensor(3).values.map(Double.init)
        let epsilon = Double(try operands.node.float("epsilon", default: 1e-5))
        let inverse = try operands.tensor(4).values.map {
            1 / (Double($0) + epsilon).squareRoot()
        }
        let channels = gradient.shape[1]
        let plane = max(gradient.shape.dimensions.dropFirst(2).reduce(1, *), 1)
        var scales = [Double](repeating: 0, count: channels)
        var shifts = scales
        for index in g.indices {
            let c = index / plane % channels
            scales[c] += Double(g[index]) * (Double(x[index]) - mean[c]) * inverse[c]
            shifts[c] += Double(g[index])
        }
        let count = Double(max(gradient.shape.count / max(channels, 1), 1))
        let values = g.indices.map { index -> Float in
            let c = index / plane % channels
            let normalised = (Double(x[index]) - mean[c]) * inverse[c]
            let rest = Double(g[index]) - (shifts[c] + normalised * scales[c]) / count
            return Float(Double(scale[c]) * inverse[c] * rest)
        }
        return [
            .floats(Tensor(shape: gradient.shape, values: values)),
            .floats(Tensor(shape: [channels], values: scales.map { Float($0) })),
            .floats(Tensor(shape: [channels], values: shifts.map { Float($0) })),
        ]
    }
}
