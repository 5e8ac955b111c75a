import FathomCore
import Glibc

/// What a pool computes, read once from its node: a summary of the numbers under a window, channel by channel.
///
/// ONNX operators `MaxPool`, `AveragePool`, `LpPool` and their global forms; x is N×C with one to three spatial axes.
public struct Pool: Sendable {
    /// What is made of the numbers under a window.
    public enum Summary: Hashable, Sendable {
        /// The greatest.
        case maximum
        /// The mean; with padding counted as zeros where asked for.
        case mean(countsPadding: Bool)
        /// (Σ|x|ᵖ)^(1/p)
        case norm(Int)
    }

    /// What is made of the numbers under a window.
    public let summary: Summary
    /// The window along depth, rows and columns; those that the input does not have are of one element.
    public let axes: [Window.Axis]
    /// The output.
    public let outputShape: Shape
    private let volume: VolumeWindow

    /// The window along rows and columns.
    public var window: Window { Window(rows: axes[1], columns: axes[2]) }
    /// Whether it takes the greatest number.
    public var isMaximum: Bool { summary == .maximum }
    /// Whether a mean counts padding as zeros.
    public var countsPadding: Bool { summary == .mean(countsPadding: true) }
    /// Whether indices of maxima count down the columns first.
    private let countsColumns: Bool

    /// Checks a node against the facts of its input.
    public init(_ operands: Operands<Fact>) throws(FathomError) {
        let node = operands.node
        let input = try operands.required(0)
        guard input.shape.rank >= 3 else {
            throw node.error("its input \(input.shape) has no spatial axes")
        }
        let isGlobal = node.operation.hasPrefix("Global")
        let kernel =
            isGlobal
            ? Array(input.shape.dimensions.dropFirst(2))
            : try node.integers("kernel_shape") ?? []
        volume = try VolumeWindow(
            node, input: input.shape, kernel: kernel, ceiling: try node.flag("ceil_mode"))
        axes = volume.axes
        if node.operation.hasSuffix("MaxPool") {
            summary = .maximum
        } else if node.operation.hasSuffix("LpPool") {
            let power = try node.integer("p", default: 2)
            guard power > 0 else { throw node.error("its p is \(power)") }
            summary = .norm(power)
        } else {
            summary = .mean(countsPadding: try node.flag("count_include_pad"))
        }
        countsColumns = try node.flag("storage_order")
        outputShape = try node.shape(input.shape.dimensions.prefix(2) + volume.outputSizes)
    }

    /// The results, and for maxima the position of each in the whole input.
    func evaluate(_ source: [Float]) -> (values: [Float], indices: [Int]) {
        var (values, indices): ([Float], [Int]) = ([], [])
        values.reserveCapacity(outputShape.count)
        let plane = volume.inputPlane
        for channel in 0..<(outputShape[0] * outputShape[1]) {
            let start = channel * plane
            for place in 0..<volume.outputPlane {
                var (greatest, best) = (-Float.infinity, -1)
                var (sum, count) = (0.0, 0.0)
                volume.visit(place) { _, position in
                    count += 1
                    let value = source[start + position]
                    if best < 0 || value > greatest || value.isNaN {
                        (greatest, best) = (value, position)
                    }
                    if case .norm(let power) = summary {
                        sum += pow(Double(abs(value)), Double(power))
                    } else {
                        sum += Double(value)
                    }
                }
                switch summary {
                case .maximum: values.append(greatest)
                case .mean(let countsPadding):
                    let divisor = countsPadding ? volume.paddedTaps(place) : count
                    values.append(Float(sum / max(divisor, 1)))
                case .norm(let power): values.append(Float(pow(sum, 1 / Double(power))))
                }
                indices.append(start + index(max(best, 0)))
            }
        }
        return (values, indices)
    }

    /// The gradient of the operand from that of the result: to the greatest number, or in equal parts to all.
    func backward(_ gradient: [Float], operand: [Float]?, shape: Shape) -> [Float] {
        var sums = [Double](repeating: 0, count: shape.count)
        let (plane, outputs) = (volume.inputPlane, volume.outputPlane)
        let indices = operand.map { evaluate($0).indices } ?? []
        for (index, value) in gradient.enumerated() {
            if summary == .maximum {
                sums[indices[index]] += Double(value)
                continue
            }
            let start = index / outputs * plane
            var count = 0.0
            volume.visit(index % outputs) { _, _ in count += 1 }
            if countsPadding { count = volume.paddedTaps(index % outputs) }
            volume.visit(index % outputs) { _, position in
                sums[start + position] += Double(value) / max(count, 1)
            }
        }
        return sums.map { Float($0) }
    }

    /// A position within a channel as indices count it.
    private func index(_ position: Int) -> Int {
        guard countsColumns else { return position }
        let (rows, columns) = (axes[1].input, axes[2].input)
        let slice = position / (rows * columns)
        return slice * rows * columns + position % columns * rows + position / columns % rows
    }
}

extension Operator {
    /// Maxima, means and norms under windows.
    static let pools: [Operator] =
        [
            "MaxPool", "AveragePool", "LpPool", "GlobalMaxPool", "GlobalAveragePool",
            "GlobalLpPool",
        ].map { name in
            Operator(
                name, inputs: 1...1, outputs: name == "MaxPool" ? 1...2 : 1...1,
                lowering: .reference,
                infer: { operands throws(FathomError) in
                    let pool = try Pool(operands)
                    let input = try operands.required(0)
                    guard input.type.isFloatingPoint || pool.summary == .maximum else {
                        throw operands.node.error("its operand is not floating point")
                    }
                    let result = Fact(pool.outputShape, input.type)
                    return operands.node.outputs.count > 1
                        ? [result, Fact(pool.outputShape, .int64)] : [result]
                },
                evaluate: { operands throws(FathomError) in
                    let pool = try Pool(operands.facts)
                    let input = try operands.required(0)
                    let (values, indices) = pool.evaluate(input.floatValues)
                    let result = Value.floats(Tensor(shape: pool.outputShape, values: values))
                        .cast(to: input.type)
                    return operands.node.outputs.count > 1
                        ? [result, Value.list(indices).reshaped(to: pool.outputShape)] : [result]
                })
        }
}
