import FathomCore
import Glibc

/// How far scores (x: N×classes×…) are from the right classes (N×…): −weight · log-likelihood.
private struct ClassLoss {
    enum Reduction: String, CaseIterable { case none, sum, mean }

    let reduction: Reduction
    let ignored: Int?
    let shape: Shape

    init(_ operands: Operands<Fact>) throws(FathomError) {
        let node = operands.node
        let (scores, target) = (try operands.floating(0), try operands.required(1))
        guard scores.rank >= 2, !target.type.isFloatingPoint,
            target.shape.dimensions == [scores[0]] + scores.dimensions[2...]
        else { throw node.error("its classes \(target.shape) do not fit \(scores)") }
        if let weights = operands.optional(2)?.shape, weights != [scores[1]] {
            throw node.error("its weights \(weights) do not fit \(scores)")
        }
        let name = try node.string(
            "reduction", default: "mean", allowed: Reduction.allCases.map(\.rawValue))
        reduction = Reduction(rawValue: name) ?? .mean
        ignored =
            node.attributes["ignore_index"] == nil
            ? nil : try node.integer("ignore_index", default: 0)
        shape = reduction == .none ? target.shape : []
    }

    func evaluate(
        _ likelihoods: [Float], _ scores: Shape, _ operands: Operands<Value>
    ) throws(FathomError) -> Value {
        let target = try operands.required(1).integerValues
        let weights = operands.optional(2)?.floatValues
        let plane = max(scores.dimensions[2...].reduce(1, *), 1)
        var losses: [Double] = []
        var total = 0.0
        for (index, stated) in target.enumerated() {
            if stated == ignored {
                losses.append(0)
                continue
            }
            let kind = try operands.node.axis(stated, rank: scores[1])
            let place = (index / plane * scores[1] + kind) * plane + index % plane
            let weight = Double(weights?[kind] ?? 1)
            losses.append(-weight * Double(likelihoods[place]))
            total += weight
        }
        switch reduction {
        case .none: return .floats(Tensor(shape: shape, values: losses.map { Float($0) }))
        case .sum: return .scalar(Float(losses.reduce(0, +)))
        case .mean: return .scalar(Float(losses.reduce(0, +) / total))
        }
    }
}

extension Operator {
    /// Losses of classifiers, as exported for training.
    static let losses: [Operator] = [
        Operator(
            "NegativeLogLikelihoodLoss", inputs: 2...3, lowering: .reference,
            infer: { operands throws(FathomError) in [Fact(try ClassLoss(operands).shape)] },
            evaluate: { operands throws(FathomError) in
                let scores = try operands.tensor(0)
                let loss = try ClassLoss(operands.facts)
                return [try loss.evaluate(scores.values, scores.shape, operands)]
            }),
        Operator(
            "SoftmaxCrossEntropyLoss", inputs: 2...3, outputs: 1...2, lowering: .reference,
            infer: { operands throws(FathomError) in
                [Fact(try ClassLoss(operands).shape), Fact(try operands.floating(0))]
            },
            evaluate: { operands throws(FathomError) in
                let scores = try operands.tensor(0)
                let span = AxisSpan(scores.shape, axis: 1)
                var values = scores.values
                for group in 0..<(values.isEmpty ? 0 : span.groups) {
                    let places = (0..<span.length).map { span.start(group) + $0 * span.stride }
                    let greatest = Double(places.map { values[$0] }.max() ?? 0)
                    let sum = places.reduce(0.0) { $0 + exp(Double(values[$1]) - greatest) }
                    for place in places {
                        values[place] = Float(Double(values[place]) - greatest - log(sum))
                    }
                }
                let loss = try ClassLoss(operands.facts)
                return [
                    try loss.evaluate(values, scores.shape, operands),
                    .floats(Tensor(shape: scores.shape, values: values)),
                ]
            }),
    ]
}
