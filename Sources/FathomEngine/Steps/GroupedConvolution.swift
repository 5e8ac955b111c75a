import CKernels
import FathomCore
import FathomGraph

/// Groups of a convolution joined so that each join begins and ends on whole blocks of channels; the weights from one
/// group of a join to another are zeros.
struct JoinedGroups {
    let joins: Int
    /// Channels of a join.
    let inputs: Int
    let outputs: Int
    private let groupInputs: Int
    private let groupOutputs: Int

    init(groups: Int, inputChannels: Int, outputChannels: Int) {
        groupInputs = inputChannels / groups
        groupOutputs = outputChannels / groups
        var each = 1
        while each < groups,
            !groups.isMultiple(of: each) || !(each * groupInputs).isMultiple(of: Kernels.block)
                || !(each * groupOutputs).isMultiple(of: Kernels.block)
        { each += 1 }
        joins = groups / each
        inputs = each * groupInputs
        outputs = each * groupOutputs
    }

    /// Whether the weights with their zeros are few enough to be worth it.
    func isWorthIt(taps: Int) -> Bool {
        inputs.multipliedReportingOverflow(by: outputs).overflow
            ? false : joins * max(taps, 1) <= Self.mostWeights / (inputs * outputs)
    }

    private static let mostWeights = 1 << 24

    /// Weights [output][input][tap] of a join; `weight` takes an output channel, an input of its group, and a tap.
    func weights(
        _ join: Int, taps: Int, _ weight: (_ output: Int, _ input: Int, _ tap: Int) -> Float
    ) -> [Float] {
        var result = [Float](repeating: 0, count: outputs * inputs * taps)
        for output in 0..<outputs {
            let first = output / groupOutputs * groupInputs
            for input in 0..<groupInputs {
                let start = (output * inputs + first + input) * taps
                for tap in 0..<taps {
                    result[start + tap] = weight(join * outputs + output, input, tap)
                }
            }
        }
        return result
    }

    /// The bias of a join.
    func bias(_ join: Int, _ bias: Tensor?) -> [Float] {
        guard let bias else { return [] }
        return bias.withUnsafeBuffer { Array($0[join * outputs..<(join + 1) * outputs]) }
    }
}

extension Planner {
    /// Plans a convolution of several groups of channels.
    mutating func lowerGroupedConvolution(
        _ node: Node, _ source: ConstantConvolution
    ) throws(FathomError) -> Bool {
        let convolution = source.convolution
        let groups = JoinedGroups(
            groups: convolution.groups, inputChannels: convolution.inputChannels,
            outputChannels: convolution.outputChannels)
        var sizes = ConvolutionSizes(convolution)
        sizes.inputChannels = groups.inputs
        sizes.outputChannels = groups.outputs
        let groupInputs = convolution.inputChannels / convolution.groups
        let taps = sizes.taps
        guard groups.isWorthIt(taps: taps) else { return false }
        let geometry = ConvolutionGeometry(
            sizes, isPlanar: false, isDepthwise: false, isOneRow: convolution.window.isPointwise,
            groupBlocks: Int(kernels.table.group_blocks))
        let parts = source.weights.withUnsafeBuffer { given in
            (0..<groups.joins).map { join in
                let weights = groups.weights(join, taps: taps) { output, input, tap in
                    given[(output * groupInputs + input) * taps + tap]
                }
                return ConvolutionStep.Part(
                    geometry: geometry,
                    packed: weights.withUnsafeBufferPointer {
                        PackedWeights(
                            dense: $0, bias: groups.bias(join, source.bias), sizes, kernels)
                    },
                    inputOffset: join * geometry.inputImage,
                    outputOffset: join * geometry.outputImage)
            }
        }
        try appendConvolution(
            node, parts, images: geometry.images, inputImage: groups.joins * geometry.inputImage,
            outputImage: groups.joins * geometry.outputImage, kernel: kernels.table.dense)
        return true
    }
}
