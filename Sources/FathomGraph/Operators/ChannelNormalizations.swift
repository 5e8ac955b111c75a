import FathomCore
import Glibc

extension Operator {
    /// Normalizations over the positions of a channel, over channels, and over chosen axes.
    static let channelNormalizations: [Operator] = [
        grouped("InstanceNormalization") { (_, shape) throws(FathomError) in shape[1] },
        grouped("GroupNormalization") { (node, shape) throws(FathomError) in
            let groups = try node.integer("num_groups", default: 0)
            guard groups > 0, shape[1] % groups == 0 else {
                throw node.error("\(groups) groups do not fit \(shape)")
            }
            return groups
        },
        localResponse, lengths, meanVariance,
    ]

    /// (x − mean) / √(variance + ε) · scale + shift, with the moments of groups of neighbouring channels.
    private static func grouped(
        _ name: String,
        _ groups: @escaping @Sendable (Node, Shape) throws(FathomError) -> Int
    ) -> Operator {
        Operator(
            name, inputs: 3...3, lowering: .reference,
            infer: { operands throws(FathomError) in
                let shape = try operands.floating(0)
                guard shape.rank >= 2 else {
                    throw operands.node.error("its input has no channels")
                }
                let groups = try groups(operands.node, shape)
                for index in 1...2 {
                    // Up to operator set 20 groups share one number.
                    let parameters = try operands.floating(index)
                    guard parameters == [shape[1]] || parameters == [groups] else {
                        throw operands.node.error("its parameters do not fit its input \(shape)")
                    }
                }
                return [Fact(shape)]
            },
            evaluate: { operands throws(FathomError) in
                let input = try operands.tensor(0)
                let scale = try operands.tensor(1).values
                let shift = try operands.tensor(2).values
                let epsilon = Double(try operands.node.float("epsilon", default: 1e-5))
                let channels = input.shape[1]
                let groups = try groups(operands.node, input.shape)
                let plane = input.shape.dimensions.dropFirst(2).reduce(1, *)
                let length = channels / max(groups, 1) * plane
                var values = input.values
                for group in 0..<(values.isEmpty ? 0 : values.count / length) {
                    let range = group * length..<(group + 1) * length
                    let (mean, variance) = moments(values[range])
                    let factor = 1 / (variance + epsilon).squareRoot()
                    for index in range {
                        let channel = index / plane % channels
                        let parameter = scale.count == channels ? channel : group % groups
                        let normal = Float((Double(values[index]) - mean) * factor)
                        values[index] = normal * scale[parameter] + shift[parameter]
                    }
                }
                return [.floats(Tensor(shape: input.shape, values: values))]
            })
    }

    /// Mean and variance of numbers, of which there is at least one.
    static func moments(_ values: some Collection<Float>) -> (mean: Double, variance: Double) {
        let count = Double(values.count)
        let mean = values.reduce(0) { $0 + Double($1) } / count
        let squares = values.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) }
        return (mean, squares / count)
    }

    /// `LRN`: x / (bias + α/size · Σ x² over neighbouring channels)^β.
    private static let localResponse = Operator(
        "LRN", inputs: 1...1, lowering: .reference,
        infer: { operands throws(FathomError) in
            let shape = try operands.floating(0)
            guard shape.rank >= 2, try operands.node.integer("size", default: 0) > 0 else {
                throw operands.node.error("its input has no channels, or its size is no size")
            }
            return [Fact(shape)]
        },
        evaluate: { operands throws(FathomError) in
            let (node, input) = (operands.node, try operands.tensor(0))
            let size = try node.integer("size", default: 1)
            let alpha = Double(try node.float("alpha", default: 1e-4)) / Double(size)
            let beta = Double(try node.float("beta", default: 0.75))
            let bias = Double(try node.float("bias", default: 1))
            let channels = input.shape[1]
            let plane = max(input.shape.dimensions.dropFirst(2).reduce(1, *), 1)
            let source = input.values
            let values = source.indices.map { index in
                let channel = index / plane % channels
                let first = max(0, channel - (size - 1) / 2)
                let last = min(channels - 1, channel + size / 2)
                var sum = 0.0
                for other in stride(from: first, through: last, by: 1) {
                    let x = Double(source[index + (other - channel) * plane])
                    sum += x * x
                }
                return Float(Double(source[index]) / pow(bias + alpha * sum, beta))
            }
            return [.floats(Tensor(shape: input.shape, values: values))]
        })

    /// `LpNormalization`: x / Σ|x| or x / √Σx² along an axis.
    private static let lengths = Operator(
        "LpNormalization", inputs: 1...1, lowering: .reference,
        infer: { operands throws(FathomError) in
            let shape = try operands.floating(0)
            _ = try operands.node.axis(
                try operands.node.integer("axis", default: -1), rank: shape.rank)
            guard [1, 2].contains(try operands.node.integer("p", default: 2)) else {
                throw operands.node.error("its p is neither 1 nor 2")
            }
            return [Fact(shape)]
        },
        evaluate: { operands throws(FathomError) in
            let (node, input) = (operands.node, try operands.tensor(0))
            let isAbsolute = try node.integer("p", default: 2) == 1
            let axis = try node.axis(
                try node.integer("axis", default: -1), rank: input.shape.rank)
            let span = AxisSpan(input.shape, axis: axis)
            var values = input.values
            for group in 0..<(values.isEmpty ? 0 : span.groups) {
                let places = (0..<span.length).map { span.start(group) + $0 * span.stride }
                let sum = places.reduce(0.0) { sum, place in
                    let x = Double(values[place])
                    return sum + (isAbsolute ? abs(x) : x * x)
                }
                let length = isAbsolute ? sum : sum.squareRoot()
                guard length != 0 else { continue }
                for place in places { values[place] = Float(Double(values[place]) / length) }
            }
            return [.floats(Tensor(shape: input.shape, values: values))]
        })

    /// `MeanVarianceNormalization` over given axes.
    private static let meanVariance = Operator(
        "MeanVarianceNormalization", inputs: 1...1, lowering: .reference,
        infer: { operands throws(FathomError) in
            let shape = try operands.floating(0)
            _ = try operands.node.axes(
                try operands.node.integers("axes") ?? [0, 2, 3], rank: shape.rank)
            return [Fact(shape)]
        },
        evaluate: { operands throws(FathomError) in
            let input = try operands.tensor(0)
            let axes = try operands.node.axes(
                try operands.node.integers("axes") ?? [0, 2, 3], rank: input.shape.rank)
            let kept = Shape(
                input.shape.dimensions.enumerated().map { axes.contains($0) ? 1 : $1 })
            let targets = input.shape.positions(
                strides: kept.strides.enumerated().map { axes.contains($0) ? 0 : $1 })
            var groups = [[Int]](repeating: [], count: kept.count)
            for (position, target) in targets.enumerated() { groups[target].append(position) }
            var values = input.values
            for group in groups where !group.isEmpty {
                let (mean, variance) = moments(group.map { values[$0] })
                for place in group {
                    values[place] = Float(
                        (Double(values[place]) - mean) / (variance.squareRoot() + 1e-9))
                }
            }
            return [.floats(Tensor(shape: input.shape, values: values))]
        })
}
