import CKernels
import FathomCore
import FathomGraph

extension Planner {
    /// Output channels up to which a block of them would be mostly filling.
    static let mostNarrowChannels = 4

    /// Plans a convolution to so few channels that its input's channels make the better vectors: the head of a
    /// depth network. Its output is planar.
    mutating func lowerNarrowConvolution(_ node: Node) throws(FathomError) -> Bool {
        guard node.inputs.count <= 3, let source = try constantConvolution(node),
            source.convolution.groups == 1,
            source.convolution.outputChannels <= Self.mostNarrowChannels,
            source.convolution.inputChannels % Kernels.block == 0,
            layout(node.inputs[0]) == .blocked
        else { return false }
        let convolution = source.convolution
        let input = try operand(node.inputs[0], .blocked)
        let output = try result(node.outputs[0], .planar)
        let weights = Self.channelsLast(source)
        let bias = source.bias ?? Tensor(shape: [convolution.outputChannels])
        let geometry = ConvolutionGeometry(narrow: convolution)
        let part = ConvolutionStep.Part(
            geometry: geometry, packed: PackedWeights(weights: weights, bias: bias))
        let kernels = kernels
        append(
            PlannedStep(
                node: node.name, operation: node.operation, reads: [input], writes: [output],
                worksInPlace: false
            ) { memory in
                ConvolutionStep(
                    [part], [part.conv(memory, input: input, output: output)],
                    images: geometry.images, inputImage: geometry.inputImage,
                    outputImage: geometry.outputImage, kernel: kernels.table.narrow)
            })
        return true
    }

    /// [output channel][tap][input channel]
    private static func channelsLast(_ source: ConstantConvolution) -> Tensor {
        let (outputs, inputs) = (
            source.convolution.outputChannels, source.convolution.inputChannels
        )
        let taps = source.weights.count / (outputs * inputs)
        let result = Tensor(shape: [source.weights.count])
        result.withUnsafeMutableBuffer { target in
            source.weights.withUnsafeBuffer { weights in
                for output in 0..<outputs {
                    for input in 0..<inputs {
                        for tap in 0..<taps {
                            target[(output * taps + tap) * inputs + input] =
                                weights[(output * inputs + input) * taps + tap]
                        }
                    }
                }
            }
        }
        return result
    }
}
