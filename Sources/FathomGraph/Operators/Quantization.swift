import FathomCore

/// How whole numbers stand for real ones: real = (whole − zero) · scale, for a whole tensor, for each index of an axis,
/// or for each block of an axis.
///
/// ONNX operators `QuantizeLinear` and `DequantizeLinear` (10, 13, 19, 21).
struct QuantizationRule: Sendable {
    /// How far one scale reaches.
    private enum Spread: Sendable {
        case tensor
        case axis(inner: Int, length: Int)
        case blocks(inner: Int, length: Int, block: Int, blocks: Int)
    }

    private let spread: Spread

    /// Checks the shapes of the scale (input 1) and the zero (input 2, optional) against the tensor's (input 0).
    init(_ operands: Operands<Fact>) throws(FathomError) {
        let node = operands.node
        let shape = try operands.required(0).shape
        let scale = try operands.required(1)
        guard scale.type.isFloatingPoint else {
            throw node.error("its scale is not floating point")
        }
        if let zero = operands.optional(2) {
            guard zero.shape == scale.shape || (zero.shape.count == 1 && scale.shape.count == 1)
            else { throw node.error("its scale \(scale.shape) and zero \(zero.shape) differ") }
        }
        let block = try node.integer("block_size", default: 0)
        if scale.shape.count == 1, scale.shape.rank <= 1, block == 0 {
            spread = .tensor
            return
        }
        let axis = try node.axis(try node.integer("axis", default: 1), rank: shape.rank)
        let inner = shape.dimensions[(axis + 1)...].reduce(1, *)
        let length = shape[axis]
        if block == 0 {
            guard scale.shape == [length] else {
                throw node.error("its scale \(scale.shape) does not fit axis \(axis) of \(shape)")
            }
            spread = .axis(inner: inner, length: length)
            return
        }
        guard block > 0, scale.shape.rank == shape.rank else {
            throw node.error("its scale \(scale.shape) does not fit blocks of \(shape)")
        }
        let blocks = (length + block - 1) / block
        var wanted = shape.dimensions
        wanted[axis] = blocks
        guard scale.shape.dimensions == wanted else {
            throw node.error(
                "its scale \(scale.shape) does not fit blocks of \(block) along axis \(axis) of \(shape)"
            )
        }
        spread = .blocks(inner: inner, length: length, block: block, blocks: blocks)
    }

    /// The position of the scale and the zero that belong to an element.
    func index(_ element: Int) -> Int {
        switch spread {
        case .tensor: return 0
        case .axis(let inner, let length): return element / inner % length
        case .blocks(let inner, let length, let block, let blocks):
            let (outer, rest) = element.quotientAndRemainder(dividingBy: inner * length)
            return (outer * blocks + rest / inner / block) * inner + rest % inner
        }
    }
}

extension ElementType {
    /// The least and greatest number of the types of 8 bits; nil for others.
    package var byteRange: ClosedRange<Int>? { bits == 8 && self != .bool ? quantizedRange : nil }

    /// The least and greatest number of a type that tensors are quantized to; nil for others.
    var quantizedRange: ClosedRange<Int>? {
        switch self {
        case .uint16: 0...65535
        case .int16: -32768...32767
        case .uint8: 0...255
        case .int8: -128...127
        case .uint4: 0...15
        case .int4: -8...7
        case .uint2: 0...3
        case .int2: -2...1
        default: nil
        }
    }
}

/// round(x) to the nearest whole number, halves to the even one, plus the zero, kept within the range.
package func quantized(_ x: Float, zero: Int, within range: ClosedRange<Int>) -> Int {
    // Far beyond every range, and far from overflow when the zero is added.
    let limit = 1 << 40
    let rounded = min(
        max(Int(clampingTowardZero: x.rounded(.toNearestOrEven)), -limit), limit)
    return min(max(rounded + zero, range.lowerBound), range.upperBound)
}

extension Operator {
    /// Operators between real and whole numbers.
    static let quantizations: [Operator] = [quantize, dequantize, dynamicQuantize, fake]

    /// `QuantizeLinear` and the `DequantizeLinear` that undoes it: real numbers rounded to those that the whole ones stand
    /// for. Inputs and `axis` are theirs.
    package static let fakeQuantization = "fathom.FakeQuantize"

    private static let fake = Operator(
        fakeQuantization, inputs: 3...3, lowering: .reference,
        export: .absent("passes make it after import; a file is written from the graph before"),
        infer: { operands throws(FathomError) in
            _ = try QuantizationRule(operands)
            return [Fact(try operands.floating(0))]
        },
        evaluate: { operands throws(FathomError) in
            let whole: [Value?] = try quantize.evaluate(operands)
            return try dequantize.evaluate(
                Operands(
                    operands.node, whole + operands.inputs.dropFirst(),
                    operatorSet: operands.operatorSet))
        })

    private static let quantize = Operator(
        "QuantizeLinear", inputs: 2...3, lowering: .quantized,
        infer: { operands throws(FathomError) in
            let input = try operands.required(0)
            guard input.type.isFloatingPoint || input.type == .int32 else {
                throw operands.node.error("its operand is \(input.type.rawValue)")
            }
            _ = try QuantizationRule(operands)
            let type = try quantizedType(operands)
            guard type.quantizedRange != nil else {
                throw operands.node.unsupported("quantizing to \(type.rawValue) is not supported")
            }
            return [Fact(input.shape, type)]
        },
        evaluate: { operands throws(FathomError) in
            let rule = try QuantizationRule(operands.facts)
            let type = try quantizedType(operands.facts)
            guard let range = type.quantizedRange else { return [] }
            let input = try operands.required(0)
            let source = input.floatValues
            let scale = try operands.tensor(1).values
            let zero = operands.optional(2)?.integerValues
            let values = source.indices.map { element in
                let index = rule.index(element)
                return Int64(
                    quantized(
                        source[element] / scale[index], zero: zero?[index] ?? 0, within: range))
            }
            return [.integers(IntegerTensor(shape: input.shape, values: values, type: type))]
        })

    /// The type of what `QuantizeLinear` makes: the zero's, or the one that is named.
    private static func quantizedType(_ operands: Operands<Fact>) throws(FathomError) -> ElementType
    {
        let code = try operands.node.integer("output_dtype", default: 0)
        if let zero = operands.optional(2) { return zero.type }
        if code == 0 { return .uint8 }
        guard let type = ElementType(onnxCode: code) else {
            throw operands.node.unsupported("the element type \(code) is not supported")
        }
        return type
    }

    private static let dequantize = Operator(
        "DequantizeLinear", inputs: 2...3, lowering: .quantized,
        infer: { operands throws(FathomError) in
            let input = try operands.required(0)
            guard input.type.quantizedRange != nil || input.type == .int32 else {
                throw operands.node.unsupported(
                    "its operand is \(input.type.rawValue), which is not supported")
            }
            _ = try QuantizationRule(operands)
            return [Fact(input.shape, try operands.required(1).type)]
        },
        evaluate: { operands throws(FathomError) in
            let rule = try QuantizationRule(operands.facts)
            let input = try operands.required(0)
            let scale = try operands.tensor(1).values
            let zero = operands.optional(2)?.integerValues
            let values = input.integerValues
            let output = values.indices.map { element in
                let index = rule.index(element)
                return Float(values[element] &- (zero?[index] ?? 0)) * scale[index]
            }
            return [
                .numbers(
                    Tensor(shape: input.shape, values: output),
                    type: try operands.required(1).type)
            ]
        })

    private static let dynamicQuantize = Operator(
        "DynamicQuantizeLinear", inputs: 1...1, outputs: 3...3, lowering: .reference,
        infer: { operands throws(FathomError) in
            let input = try operands.required(0)
            guard input.type == .float else {
                throw operands.node.error("its operand is not floating point")
            }
            return [Fact(input.shape, .uint8), Fact([]), Fact([], .uint8)]
        },
        evaluate: { operands throws(FathomError) in
            let input = try operands.tensor(0)
            let values = input.values
            let least = min(values.min() ?? 0, 0)
            let greatest = max(values.max() ?? 0, 0)
            let scale = least == greatest ? 1 : (greatest - least) / 255
            let zero = quantized(-least / scale, zero: 0, within: 0...255)
            let output = values.map { Int64(quantized($0 / scale, zero: zero, within: 0...255)) }
            return [
                .integers(IntegerTensor(shape: input.shape, values: output, type: .uint8)),
                .scalar(scale),
                .integers(IntegerTensor(shape: [], values: [Int64(zero)], type: .uint8)),
            ]
        })
}
