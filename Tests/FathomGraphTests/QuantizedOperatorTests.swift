import FathomCore
import FathomGraph
import Testing

private func whole(_ shape: Shape, _ values: [Int64], _ type: ElementType) -> Value {
    .integers(IntegerTensor(shape: shape, values: values, type: type))
}

private func evaluate(
    _ operation: String, _ inputs: [Value?], _ attributes: [String: Attribute] = [:],
    operatorSet: Int = 21
) throws -> [Value] {
    let entry = try #require(Operator.table[operation])
    let node = Node(
        operation, inputs: inputs.indices.map { "\($0)" }, outputs: ["y"], attributes: attributes)
    let operands = Operands(node, inputs, operatorSet: operatorSet)
    let facts = try entry.infer(
        Operands(
            node, inputs.map { $0.map { Fact($0.shape, $0.type) } }, operatorSet: operatorSet))
    let results = try entry.evaluate(operands)
    for (fact, result) in zip(facts, results) {
        #expect(fact.shape == result.shape)
        #expect(fact.type == result.type)
    }
    return results
}

/// Numbers and results of ONNX's specification of each operator.
@Suite("quantized operators")
struct QuantizedOperatorTests {
    private let zero128 = whole([], [128], .uint8)

    @Test("real numbers are rounded to the even one, moved by the zero and kept within a byte")
    func quantize() throws {
        let x = Value.floats(Tensor(shape: [6], values: [0, 2, 3, 1000, -254, -1000]))
        let y = try evaluate("QuantizeLinear", [x, .scalar(2), zero128])[0]
        #expect(y.integerValues == [128, 129, 130, 255, 1, 0])
        let halves = Value.floats(Tensor(shape: [4], values: [0.5, 1.5, 2.5, -0.5]))
        let even = try evaluate("QuantizeLinear", [halves, .scalar(1), whole([], [0], .int8)])[0]
        #expect(even.integerValues == [0, 2, 2, 0])
        #expect(even.type == .int8)
    }

    @Test("each channel and each block has its own scale")
    func spread() throws {
        let x = Value.floats(Tensor(shape: [2, 4], values: [1, 2, 3, 4, 10, 20, 30, 40]))
        let scales = Value.floats(Tensor(shape: [2], values: [1, 10]))
        let byAxis = try evaluate("QuantizeLinear", [x, scales, nil], ["axis": .integer(0)])[0]
        #expect(byAxis.integerValues == [1, 2, 3, 4, 1, 2, 3, 4])
        let blocks = Value.floats(Tensor(shape: [2, 2], values: [1, 2, 10, 20]))
        let byBlock = try evaluate(
            "QuantizeLinear", [x, blocks, nil], ["axis": .integer(1), "block_size": .integer(2)])[0]
        #expect(byBlock.integerValues == [1, 2, 2, 2, 1, 2, 2, 2])
        #expect(throws: FathomError.self) {
            try evaluate("QuantizeLinear", [x, scales, nil], ["axis": .integer(1)])
        }
    }

    @Test("whole numbers become real ones again")
    func dequantize() throws {
        let x = whole([4], [0, 3, 128, 255], .uint8)
        let y = try evaluate("DequantizeLinear", [x, .scalar(2), zero128])[0]
        #expect(y.floatValues == [-256, -250, 0, 254])
    }

    @Test("a range is found so that 0 has a whole number of its own")
    func dynamic() throws {
        let x = Value.floats(Tensor(shape: [6], values: [0, 2, -3, -2.5, 1.34, 0.5]))
        let results = try evaluate("DynamicQuantizeLinear", [x])
        #expect(results[0].integerValues == [153, 255, 0, 26, 221, 179])
        #expect(abs(results[1].floatValues[0] - 0.019_607_844) < 1e-9)
        #expect(results[2].integerValues == [153])
    }

    @Test("sums of products of whole numbers are exact")
    func products() throws {
        let x = whole([1, 1, 3, 3], [2, 3, 4, 5, 6, 7, 8, 9, 10], .uint8)
        let w = whole([1, 1, 2, 2], [1, 1, 1, 1], .uint8)
        let sums = try evaluate("ConvInteger", [x, w, whole([], [1], .uint8)])[0]
        #expect(sums.integerValues == [12, 16, 24, 28])
        let a = whole([4, 3], [11, 7, 3, 10, 6, 2, 9, 5, 1, 8, 4, 0], .uint8)
        let b = whole([3, 2], [1, 4, 2, 5, 3, 6], .uint8)
        let product = try evaluate(
            "MatMulInteger", [a, b, whole([1], [12], .uint8), whole([1], [0], .uint8)])[0]
        #expect(product.integerValues == [-38, -83, -44, -98, -50, -113, -56, -128])
        #expect(product.type == .int32)
    }

    @Test("a quantized product is scaled and rounded")
    func quantizedProduct() throws {
        let a = whole([2, 4], [208, 236, 0, 238, 3, 214, 255, 29], .uint8)
        let b = whole([4, 3], [152, 51, 244, 60, 26, 255, 0, 127, 246, 127, 254, 247], .uint8)
        let y = try evaluate(
            "QLinearMatMul",
            [
                a, .scalar(0.0066), whole([], [113], .uint8), b, .scalar(0.00705),
                whole([], [114], .uint8), .scalar(0.0107), whole([], [118], .uint8),
            ])[0]
        #expect(y.integerValues == [168, 115, 255, 1, 66, 151])
    }
}
