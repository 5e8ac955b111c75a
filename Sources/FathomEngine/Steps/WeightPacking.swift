import FathomCore
import FathomGraph

/// Weights in the order in which a kernel reads them; see `network.h`.
struct PackedWeights: Sendable {
    /// The weights.
    let weights: Tensor
    /// Eight numbers a block; zeros fill up the last.
    let bias: Tensor

    init(_ source: ConstantConvolution, groupBlocks: Int) {
        let packing = WeightPacking(convolution: source.convolution, weights: source.weights)
        weights =
            source.isDepthwise ? packing.depthwise() : packing.dense(groupBlocks: groupBlocks)
        bias = packing.bias(source.bias)
    }

    /// Those of a 3×3 convolution by Winograd's algorithm, with tiles of so many pixels a side.
    init(_ source: ConstantConvolution, tile: Int, _ kernels: Kernels) {
        let convolution = source.convolution
        weights = Tensor(shape: [WinogradGeometry.weights(tile: tile, convolution)])
        weights.withUnsafeMutableBuffer { target in
            source.weights.withUnsafeBuffer { taps in
                kernels.table.winograd_weights(
                    taps.baseAddress, Int32(convolution.outputChannels),
                    Int32(convolution.inputChannels), Int32(tile), target.baseAddress)
            }
        }
        bias = WeightPacking(convolution: convolution, weights: source.weights).bias(source.bias)
    }
}

private struct WeightPacking {
    let convolution: Convolution
    let weights: Tensor

    private var taps: Int { convolution.window.rows.kernel * convolution.window.columns.kernel }
    private var blocks: Int { Kernels.blocks(convolution.outputChannels) }

    func bias(_ bias: Tensor?) -> Tensor {
        let packed = Tensor(shape: [blocks * Kernels.block])
        packed.withUnsafeMutableBuffer { target in
            for (channel, value) in (bias?.values ?? []).enumerated() { target[channel] = value }
        }
        return packed
    }

    /// [block][tap][8]
    func depthwise() -> Tensor {
        let packed = Tensor(shape: [blocks * taps * Kernels.block])
        packed.withUnsafeMutableBuffer { target in
            weights.withUnsafeBuffer { source in
                for channel in 0..<convolution.outputChannels {
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

    /// [group of blocks][tap][input channel][output channel of the group]
    func dense(groupBlocks: Int) -> Tensor {
        let inputs = convolution.inputChannels
        let packed = Tensor(shape: [blocks * taps * inputs * Kernels.block])
        packed.withUnsafeMutableBuffer { target in
            weights.withUnsafeBuffer { source in
                for channel in 0..<convolution.outputChannels {
                    let block = channel / Kernels.block
                    let first = block / groupBlocks * groupBlocks
                    let width = min(groupBlocks, blocks - first) * Kernels.block
                    let start = first * Kernels.block * taps * inputs
                    let lane = channel - first * Kernels.block
                    for input in 0..<inputs {
                        for tap in 0..<taps {
                            target[start + (tap * inputs + input) * width + lane] =
                                source[(channel * inputs + input) * taps + tap]
                        }
                    }
                }
            }
        }
        return packed
    }
}
