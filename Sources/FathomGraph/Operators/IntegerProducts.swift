import FathomCore

/// Sums of products of whole numbers, as convolutions and matrix products of quantized tensors are made of.
///
/// ONNX operators `ConvInteger`, `QLinearConv`, `MatMulInteger` and `QLinearMatMul` (10).
private struct IntegerOperand {
    let shape: Shape
    /// Elements less their zeros.
    let values: [Int]

    /// An operand and its zero: one for all, or one for each index of `axis`.
    init(_ value: Value, zero: Value?, axis: Int, _ node: Node) throws(FathomError) {
        shape = value.shape
        let elements = value.integerValues
        guard let zeros = zero?.integerValues, zeros != [0] else {
            values = elements
            return
        }
        if zeros.count == 1 {
            values = elements.map { $0 - zeros[0] }
            return
        }
        guard axis < shape.rank, zeros.count == shape[axis] else {
            throw node.error("its \(zeros.count) zeros do not fit \(shape)")
        }
        let inner = shape.dimensions[(axis + 1)...].reduce(1, *)
        values = elements.indices.map { elements[$0] - zeros[$0 / inner % zeros.count] }
    }
}

extension Convolution {
    /// The geometry of a convolution of whole numbers: the same node with operands of floating point.
    package init(
        integers operands: Operands<Fact>, input: Int, weights: Int
    ) throws(FathomError) {
        let (x, w) = (try operands.required(input), try operands.required(weights))
        for fact in [x, w] where fact.type.byteRange == nil {
            throw operands.node.error(
                "its operand is \(fact.type.rawValue), which is not supported")
        }
        try self.init(
            Operands(
                operands.node, [Fact(x.shape), Fact(w.shape)], operatorSet: operands.operatorSet))
    }

    /// Σ w · x for every output, exact.
    func sums(_ input: [Int], _ weights: [Int]) -> [Int] {
        let (rows, columns) = (window.rows, window.columns)
        let (groupInputs, groupOutputs) = (inputChannels / groups, outputChannels / groups)
        var output: [Int] = []
        output.reserveCapacity(outputShape.count)
        for index in 0..<(outputShape[0] * outputChannels) {
            let channel = index % outputChannels
            let firstInput =
                index / outputChannels * inputChannels + channel / groupOutputs * groupInputs
            for row in 0..<rows.output {
                for column in 0..<columns.output {
                    var sum = 0
                    for tapRow in 0..<rows.kernel {
                        let y = rows.position(row, tapRow)
                        if y < 0 || y >= rows.input { continue }
                        for tapColumn in 0..<columns.kernel {
                            let x = columns.position(column, tapColumn)
                            if x < 0 || x >= columns.input { continue }
                            for i in 0..<groupInputs {
                                let tap =
                                    ((channel * groupInputs + i) * rows.kernel + tapRow)
                                    * columns.kernel + tapColumn
                                let element =
                                    ((firstInput + i) * rows.input + y) * columns.input + x
                                sum += weights[tap] * input[element]
                            }
                        }
                    }
                    output.append(sum)
                }
            }
        }
        return output
    }
}

extension MatrixProduct {
    /// The geometry of a product of whole numbers.
    fileprivate init(
        integers operands: Operands<Fact>, left: Int, right: Int
    ) throws(FathomError) {
        let facts = [try operands.required(left), try operands.required(right)]
        for fact in facts where fact.type.byteRange == nil {
            throw operands.node.error(
                "its operand is \(fact.type.rawValue), which is not supported")
        }
        try self.init(
            Operands(
                operands.node, facts.map { Fact($0.shape) }, operatorSet: operands.operatorSet))
    }

    /// Σ a · b for every output, exact; with the column of each.
    fileprivate func sums(_ left: [Int], _ right: [Int]) -> [Int] {
        var output: [Int] = []
        output.reserveCapacity(outputShape.count)
        for (a, b) in outputShape.count > 0 ? batches : [] {
            let (aStart, bStart) = (a * rows * depth, b * depth * columns)
            for row in 0..<rows {
                for column in 0..<columns {
                    var sum = 0
                    for k in 0..<depth {
                        sum += left[aStart + row * depth + k] * right[bStart + k * columns + column]
                    }
                    output.append(sum)
                }
            }
        }
        return output
    }
}

extension Operator {
    /// Convolutions and matrix products of quantized tensors.
    static let integerProducts: [Operator] = [
        integerConvolution, quantizedConvolution, integerMatrixProduct, quantizedMatrixProduct,
    ]

    private static func wrapped(_ sums: [Int], _ shape: Shape) -> Value {
        .integers(IntegerTensor(shape: shape, values: sums.map(Int64.init), type: .int32))
    }

    private static let integerConvolution = Operator(
        "ConvInteger", inputs: 2...4, lowering: .reference,
        infer: { operands throws(FathomError) in
            let convolution = try Convolution(integers: operands, input: 0, weights: 1)
            return [Fact(convolution.outputShape, .int32)]
        },
        evaluate: { operands throws(FathomError) in
            let convolution = try Convolution(integers: operands.facts, input: 0, weights: 1)
            let x = try IntegerOperand(
                operands.required(0), zero: operands.optional(2), axis: 1, operands.node)
            let w = try IntegerOperand(
                operands.required(1), zero: operands.optional(3), axis: 0, operands.node)
            return [wrapped(convolution.sums(x.values, w.values), convolution.outputShape)]
        })

    private static let integerMatrixProduct = Operator(
        "MatMulInteger", inputs: 2...4, lowering: .reference,
        infer: { operands throws(FathomError) in
            let product = try MatrixProduct(integers: operands, left: 0, right: 1)
            return [Fact(product.outputShape, .int32)]
        },
        evaluate: { operands throws(FathomError) in
            let product = try MatrixProduct(integers: operands.facts, left: 0, right: 1)
            let a = try operands.required(0)
            let b = try operands.required(1)
            let left = try IntegerOperand(
                a, zero: operands.optional(2), axis: max(a.shape.rank - 2, 0), operands.node)
            let right = try IntegerOperand(
                b, zero: operands.optional(3), axis: max(b.shape.rank - 1, 0), operands.node)
            return [wrapped(product.sums(left.values, right.values), product.outputShape)]
        })

    /// Inputs x, its scale and zero, w, its scale and zero, the output's scale and zero, and for a convolution the
    /// bias in units of both scales.
    private static func requantize(
        _ sums: [Int], _ operands: Operands<Value>, channels: Int, inner: Int, shape: Shape
    ) throws(FathomError) -> Value {
        let node = operands.node
        let (x, w, y) = (
            try operands.tensor(1).values, try operands.tensor(4).values,
            try operands.tensor(6).values
        )
        let zero = try operands.required(7)
        guard x.count == 1, y.count == 1, w.count == 1 || w.count == channels,
            zero.shape.count == 1, let range = zero.type.byteRange
        else { throw node.error("its scales do not fit its operands") }
        let bias = operands.optional(8)?.integerValues
        guard bias == nil || bias?.count == channels else {
            throw node.error("its bias does not fit its weights")
        }
        let factors = w.map { x[0] * $0 / y[0] }
        let offset = zero.integerValues[0]
        let values = sums.indices.map { index in
            let channel = index / inner % channels
            let sum = Float(sums[index] + (bias?[channel] ?? 0))
            return Int64(
                quantized(
                    sum * factors[factors.count == 1 ? 0 : channel], zero: offset, within: range))
        }
        return .integers(IntegerTensor(shape: shape, values: values, type: zero.type))
    }

    private static func outputType(_ operands: Operands<Fact>) throws(FathomError) -> ElementType {
        let type = try operands.required(7).type
        guard type.byteRange != nil else {
            throw operands.node.error("quantizing to \(type.rawValue) is not supported")
        }
        return type
    }

    private static let quantizedConvolution = Operator(
        "QLinearConv", inputs: 8...9, lowering: .quantized,
        infer: { operands throws(FathomError) in
            let convolution = try Convolution(integers: operands, input: 0, weights: 3)
            return [Fact(convolution.outputShape, try outputType(operands))]
        },
        evaluate: { operands throws(FathomError) in
            let convolution = try Convolution(integers: operands.facts, input: 0, weights: 3)
            let x = try IntegerOperand(
                operands.required(0), zero: operands.required(2), axis: 1, operands.node)
            let w = try IntegerOperand(
                operands.required(3), zero: operands.required(5), axis: 0, operands.node)
            let shape = convolution.outputShape
            return [
                try requantize(
                    convolution.sums(x.values, w.values), operands,
                    channels: convolution.outputChannels,
                    inner: shape.dimensions[2...].reduce(1, *), shape: shape)
            ]
        })

    private static let quantizedMatrixProduct = Operator(
        "QLinearMatMul", inputs: 8...8, lowering: .reference,
        infer: { operands throws(FathomError) in
            let product = try MatrixProduct(integers: operands, left: 0, right: 3)
            return [Fact(product.outputShape, try outputType(operands))]
        },
        evaluate: { operands throws(FathomError) in
            let product = try MatrixProduct(integers: operands.facts, left: 0, right: 3)
            let a = try operands.required(0)
            let b = try operands.required(3)
            let left = try IntegerOperand(
                a, zero: operands.required(2), axis: max(a.shape.rank - 2, 0), operands.node)
            let right = try IntegerOperand(
                b, zero: operands.required(5), axis: max(b.shape.rank - 1, 0), operands.node)
            return [
                try requantize(
                    product.sums(left.values, right.values), operands,
                    channels: product.columns, inner: 1, shape: product.outputShape)
            ]
        })
}
