import FathomCore
import Glibc

/// What a reduction makes of the elements that it takes together.
private enum Reducer: String, CaseIterable {
    case sum = "ReduceSum"
    case mean = "ReduceMean"
    case product = "ReduceProd"
    case maximum = "ReduceMax"
    case minimum = "ReduceMin"
    case absoluteSum = "ReduceL1"
    case norm = "ReduceL2"
    case logarithmOfSum = "ReduceLogSum"
    case logarithmOfExponentials = "ReduceLogSumExp"
    case squareSum = "ReduceSumSquare"
}

/// Which axes a reduction takes together.
private struct Reduction {
    let shape: Shape
    /// For each element of the input, the element of the output that it goes into.
    let targets: () -> [Int]

    init(_ operands: Operands<Fact>) throws(FathomError) {
        let node = operands.node
        let input = try operands.required(0)
        var stated = try Operator.axes(operands) ?? []
        if stated.isEmpty, try !node.flag("noop_with_empty_axes") {
            stated = Array(0..<input.shape.rank)
        }
        var axes: Set<Int> = []
        for axis in stated { axes.insert(try node.axis(axis, rank: input.shape.rank)) }
        let keeps = try node.flag("keepdims", default: true)
        let kept = try node.shape(
            input.shape.dimensions.enumerated().map { axes.contains($0) ? 1 : $1 })
        let dimensions = kept.dimensions.indices.filter { keeps || !axes.contains($0) }
        shape = try node.shape(dimensions.map { kept[$0] })
        let strides = kept.strides.enumerated().map { axes.contains($0) ? 0 : $1 }
        targets = { input.shape.positions(strides: strides) }
    }
}

extension Reducer {
    fileprivate func apply(_ values: [Float], _ targets: [Int], _ count: Int) -> [Float] {
        var results = [Double](repeating: start, count: count)
        var greatest: [Double] = []
        if self == .logarithmOfExponentials {
            greatest = [Double](repeating: -.infinity, count: count)
            for (value, target) in zip(values, targets) {
                greatest[target] = max(greatest[target], Double(value))
            }
        }
        for (value, target) in zip(values, targets) {
            let x = Double(value)
            switch self {
            case .maximum: results[target] = x.isNaN ? x : max(results[target], x)
            case .minimum: results[target] = x.isNaN ? x : min(results[target], x)
            case .product: results[target] *= x
            case .absoluteSum: results[target] += abs(x)
            case .norm, .squareSum: results[target] += x * x
            case .logarithmOfExponentials:
                results[target] += x == greatest[target] ? 1 : exp(x - greatest[target])
            case .sum, .mean, .logarithmOfSum: results[target] += x
            }
        }
        let each = Double(values.count) / Double(max(count, 1))
        return results.enumerated().map { index, result in
            switch self {
            case .mean: Float(result / each)
            case .norm: Float(result.squareRoot())
            case .logarithmOfSum: Float(log(result))
            case .logarithmOfExponentials:
                Float(result == 0 ? -.infinity : log(result) + greatest[index])
            default: Float(result)
            }
        }
    }

    private var start: Double {
        switch self {
        case .maximum: -.infinity
        case .minimum: .infinity
        case .product: 1
        default: 0
        }
    }

    fileprivate func apply(
        _ input: IntegerTensor, _ targets: [Int], _ count: Int
    ) -> [Int64] {
        let type = input.type
        let start: Int64 =
            switch self {
            case .maximum: type.isUnsigned ? 0 : -1 << (type.bits - 1)
            case .minimum: type.isUnsigned ? type.wrapping(-1) : ~(-1 << (type.bits - 1))
            case .product: 1
            default: 0
            }
        var results = [Int64](repeating: start, count: count)
        for (x, target) in zip(input.values, targets) {
            let result = results[target]
            switch self {
            case .maximum: results[target] = result.isLess(than: x, type) ? x : result
            case .minimum: results[target] = x.isLess(than: result, type) ? x : result
            case .product: results[target] = result &* x
            case .absoluteSum: results[target] = result &+ (x < 0 && !type.isUnsigned ? 0 &- x : x)
            case .squareSum: results[target] = result &+ x &* x
            default: results[target] = result &+ x
            }
        }
        guard self == .mean else { return results }
        let each = Int64(max(input.values.count / max(count, 1), 1))
        return results.map { $0 / each }
    }
}

extension Operator {
    /// Sums, products, means, extremes and norms along axes.
    static let reductions: [Operator] = Reducer.allCases.map { reducer in
        Operator(
            reducer.rawValue, inputs: 1...2, lowering: .reference,
            infer: { operands throws(FathomError) in
                [Fact(try Reduction(operands).shape, try operands.required(0).type)]
            },
            evaluate: { operands throws(FathomError) in
                let reduction = try Reduction(operands.facts)
                let (input, shape) = (try operands.required(0), reduction.shape)
                let isExact =
                    switch reducer {
                    case .norm, .logarithmOfSum, .logarithmOfExponentials: false
                    default: true
                    }
                if isExact, let whole = input.whole {
                    let values = reducer.apply(whole, reduction.targets(), shape.count)
                    return [
                        .integers(IntegerTensor(shape: shape, values: values, type: input.type))
                    ]
                }
                let values = reducer.apply(input.floatValues, reduction.targets(), shape.count)
                let result = Value.floats(Tensor(shape: shape, values: values))
                return [input.type.isFloatingPoint ? result : result.cast(to: input.type)]
            })
    }
}
