import FathomCore

/// What a pool computes, read once from its node: the greatest or the mean number under a window, channel by channel.
///
/// ONNX operators `MaxPool`, `AveragePool`, `GlobalMaxPool`, `GlobalAveragePool`; x is N×C×H×W or N×C×W.
public struct Pool: Sendable {
    /// How the window slides.
    public let window: Window
    /// Whether it takes the greatest number rather than the mean.
    public let isMaximum: Bool
    /// Whether a mean counts padding as zeros.
    public let countsPadding: Bool
    /// The output.
    public let outputShape: Shape

    /// Checks a node against the facts of its input.
    public init(_ operands: Operands<Fact>) throws(FathomError) {
        let node = operands.node
        let input = try operands.required(0)
        guard input.type == .float, input.shape.rank >= 3 else {
            throw node.error("its input is no picture of numbers")
        }
        let isGlobal = node.operation.hasPrefix("Global")
        let kernel =
            isGlobal
            ? Array(input.shape.dimensions.dropFirst(2))
            : try node.integers("kernel_shape") ?? []
        window = try Window(
            node, input: input.shape, kernel: kernel,
            ceiling: try node.integer("ceil_mode", default: 0) != 0)
        isMaximum = node.operation.hasSuffix("MaxPool")
        countsPadding = try node.integer("count_include_pad", default: 0) != 0
        outputShape = try node.shape(
            input.shape.dimensions.prefix(2) + window.outputSizes(rank: input.shape.rank))
    }

    func evaluate(_ input: Tensor) -> Tensor {
        let (rows, columns) = (window.rows, window.columns)
        let source = input.values
        var output: [Float] = []
        output.reserveCapacity(outputShape.count)
        for plane in 0..<(outputShape[0] * outputShape[1]) {
            let start = plane * rows.input * columns.input
            for row in 0..<rows.output {
                for column in 0..<columns.output {
                    var greatest = -Float.infinity
                    var sum = 0.0
                    var count = 0
                    for tapRow in 0..<rows.kernel {
                        for tapColumn in 0..<columns.kernel {
                            let y = rows.position(row, tapRow)
                            let x = columns.position(column, tapColumn)
                            if rows.holds(y), columns.holds(x) {
                                let value = source[start + y * columns.input + x]
                                greatest = max(greatest, value)
                                sum += Double(value)
                                count += 1
                            } else if countsPadding, y < rows.input + rows.after,
                                x < columns.input + columns.after
                            {
                                count += 1
                            }
                        }
                    }
                    output.append(isMaximum ? greatest : Float(sum / Double(max(count, 1))))
                }
            }
        }
        return Tensor(shape: outputShape, values: output)
    }
}

extension Window.Axis {
    fileprivate func holds(_ position: Int) -> Bool { position >= 0 && position < input }
}

extension Operator {
    /// Window maxima and means.
    static let pools: [Operator] = [
        "MaxPool", "AveragePool", "GlobalMaxPool", "GlobalAveragePool",
    ].map { name in
        Operator(
            name, inputs: 1...1, lowering: .reference,
            infer: { operands throws(FathomError) in [Fact(try Pool(operands).outputShape)] },
            evaluate: { operands throws(FathomError) in
                [.floats(try Pool(operands.facts).evaluate(operands.tensor(0)))]
            })
    }
}
