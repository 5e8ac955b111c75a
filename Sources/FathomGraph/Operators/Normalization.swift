import FathomCore

extension Operator {
    /// `BatchNormalization`, as it is after training and as it is in it.
    static let normalizations: [Operator] = [
        Operator(
            "BatchNormalization", inputs: 5...5, outputs: 1...5, lowering: .reference,
            infer: { operands throws(FathomError) in
                let node = operands.node
                let shape = try operands.floating(0)
                guard shape.rank >= 2 else { throw node.error("its input has no channels") }
                for index in 1...4 {
                    guard try operands.floating(index) == [shape[1]] else {
                        throw node.error("its parameters do not fit its input \(shape)")
                    }
                }
                guard try node.flag("training_mode") else { return [Fact(shape)] }
                return [Fact(shape), Fact([shape[1]]), Fact([shape[1]])]
            },
            evaluate: { operands throws(FathomError) in
                let node = operands.node
                let input = try operands.tensor(0)
                let scale = try operands.tensor(1).values
                let shift = try operands.tensor(2).values
                var mean = try operands.tensor(3).values
                var variance = try operands.tensor(4).values
                let epsilon = try node.float("epsilon", default: 1e-5)
                let isTraining = try node.flag("training_mode")
                let running = (mean, variance)
                if isTraining { (mean, variance) = input.channelMoments }
                let channels = input.shape[1]
                let plane = max(input.shape.dimensions.dropFirst(2).reduce(1, *), 1)
                let values = input.values.enumerated().map { index, x in
                    let c = index / plane % channels
                    return (x - mean[c]) / (variance[c] + epsilon).squareRoot() * scale[c]
                        + shift[c]
                }
                let result = Value.floats(Tensor(shape: input.shape, values: values))
                guard isTraining else { return [result] }
                let momentum = try node.float("momentum", default: 0.9)
                let updated = [(running.0, mean), (running.1, variance)].map { old, new in
                    zip(old, new).map { $0 * momentum + $1 * (1 - momentum) }
                }
                return [result]
                    + updated.map { .floats(Tensor(shape: [channels], values: $0)) }
            })
    ]
}

extension Tensor {
    /// Mean and variance of each channel over the batch and all positions.
    fileprivate var channelMoments: ([Float], [Float]) {
        let channels = shape[1]
        let plane = max(shape.dimensions.dropFirst(2).reduce(1, *), 1)
        var sums = [Double](repeating: 0, count: channels)
        var squares = sums
        let each = Double(max(count / max(channels, 1), 1))
        for (index, value) in values.enumerated() {
            sums[index / plane % channels] += Double(value)
        }
        let means = sums.map { $0 / each }
        for (index, value) in values.enumerated() {
            let difference = Double(value) - means[index / plane % channels]
            squares[index / plane % channels] += difference * difference
        }
        return (means.map { Float($0) }, squares.map { Float($0 / each) })
    }
}
