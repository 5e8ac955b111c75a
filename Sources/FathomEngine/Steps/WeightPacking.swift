import CKernels
import FathomCore
import FathomGraph

/// Weights in the order in which a kernel reads them; see `network.h`.
struct PackedWeights: Sendable {
    /// The weights.
    let weights: Tensor
    /// Eight numbers a block; zeros fill up the last.
    let bias: Tensor

    /// Weights and bias that are in order already.
    init(weights: Tensor, bias: Tensor) {
        self.weights = weights
        self.bias = bias
    }

    /// Those of a convolution whose channels are each by themselves, or all see each other.
    init(_ source: ConstantConvolution, _ kernels: Kernels) {
        let sizes = ConvolutionSizes(source.convolution)
        let bias = source.bias?.values ?? []
        if source.isDepthwise {
            weights = Self.depthwise(source.weights, channels: sizes.outputChannels, sizes.taps)
            self.bias = Self.blocked(bias, channels: sizes.outputChannels)
        } else {
            self = source.weights.withUnsafeBuffer {
                PackedWeights(dense: $0, bias: bias, sizes, kernels)
            }
        }
    }

    /// Those of a convolution whose channels all see each other, `dense` being [output][input][tap].
    init(
        dense: UnsafeBufferPointer<Float>, bias: some Collection<Float>, _ sizes: ConvolutionSizes,
        _ kernels: Kernels
    ) {
        let (inputs, outputs, taps) = (sizes.inputChannels, sizes.outputChannels, sizes.taps)
        precondition(dense.count == inputs * outputs * taps, "weights fit their convolution")
        weights = Tensor(shape: [Kernels.blocks(outputs) * Kernels.block * taps * inputs])
        weights.withUnsafeMutableBuffer {
            kernels.table.dense_weights(
                dense.baseAddress, Int32(outputs), Int32(inputs), Int32(taps), $0.baseAddress)
        }
        self.bias = Self.blocked(bias, channels: outputs)
    }

    /// Those of a convolution by Winograd's algorithm, with tiles of so many pixels a side.
    init(_ source: ConstantConvolution, tile: Int, _ kernels: Kernels) {
        let sizes = ConvolutionSizes(source.convolution)
        var size = fathom_winograd_size(sizes, tile: tile)
        weights = Tensor(shape: [WinogradGeometry.weights(tile: tile, sizes)])
        let blocks = Int32(Kernels.blocks(sizes.outputChannels))
        weights.withUnsafeMutableBuffer { target in
            source.weights.withUnsafeBuffer {
                for group in 0...(blocks - 1) / kernels.table.group_blocks {
                    kernels.table.winograd_weights(
                        $0.baseAddress, &size, group, target.baseAddress)
                }
            }
        }
        bias = Self.blocked(source.bias?.values ?? [], channels: sizes.outputChannels)
    }

    /// Numbers of the channels, zeros behind them up to whole blocks.
    private static func blocked(_ values: some Collection<Float>, channels: Int) -> Tensor {
        let packed = Tensor(shape: [Kernels.blocks(channels) * Kernels.block])
        packed.withUnsafeMutableBuffer { target in
            for (channel, value) in values.enumerated() { target[channel] = value }
        }
        return packed
    }

    /// [block][tap][8]
    private static func depthwise(_ weights: Tensor, channels: Int, _ taps: Int) -> Tensor {
        let packed = Tensor(shape: [Kernels.blocks(channels) * taps * Kernels.block])
        packed.withUnsafeMutableBuffer { target in
            weights.withUnsafeBuffer { source in
                for channel in 0..<channels {
                    let (block, lane) = channel.quotientAndRemainder(dividingBy: Kernels.block)
                    for tap in 0..<taps {
                        target[(block * taps + tap) * Kernels.block + lane] =
                            source[channel * taps + tap]
                    }
                }
            }
        }
        return packed
    }
}
