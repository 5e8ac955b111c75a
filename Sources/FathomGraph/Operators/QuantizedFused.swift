import FathomCore

extension Operator {
    /// What `fuse-quantized` makes of operators between `DequantizeLinear` and `QuantizeLinear`: the same on whole
    /// numbers of 8 bits, which stand for real ones.
    static let quantizedFused: [Operator] =
        [fusedQuantizedConvolution, quantizedAddition, quantizedMap]
        + QuantizedName.moved.map { name, operation, inputs in moved(name, operation, inputs) }

    private static let passesMakeIt = Export.absent(
        "passes make it after import; a file is written from the graph before")

    /// As `QLinearConv`, with limits of the whole numbers, and then a residual.
    ///
    /// Inputs 0 to 8 are those of `QLinearConv`; 9 to 11 what is added, its scale and zero; 12 and 13 the sum's scale and
    /// zero. Attributes `low` and `high` limit the convolution's own numbers, `sumLow` and `sumHigh` the sum's.
    private static let fusedQuantizedConvolution = Operator(
        QuantizedName.convolution, inputs: 8...14, lowering: .quantized, export: passesMakeIt,
        infer: { operands throws(FathomError) in
            let convolution = try Convolution(integers: operands, input: 0, weights: 3)
            if let residual = operands.optional(9) {
                guard residual.shape == convolution.outputShape else {
                    throw operands.node.error(
                        "what it adds, \(residual.shape), is not \(convolution.outputShape)")
                }
            }
            let zero = operands.optional(9) == nil ? 7 : 13
            return [Fact(convolution.outputShape, try operands.required(zero).type)]
        },
        evaluate: { operands throws(FathomError) in
            guard let plain = table["QLinearConv"] else { return [] }
            let node = operands.node
            let own = try plain.evaluate(
                Operands(node, Array(operands.inputs.prefix(9)), operatorSet: operands.operatorSet)
            )
            let zero = try operands.required(7)
            let limits = try QuantizedLimits(node, "low", "high", zero.type)
            let limited = own[0].integerValues.map(limits.clamp)
            guard let residual = operands.optional(9) else {
                return [limits.value(limited, own[0].shape)]
            }
            let sum = QuantizedSum(
                left: (try operands.tensor(6).values[0], zero.integerValues[0]),
                right: (
                    try operands.tensor(10).values[0],
                    try operands.required(11).integerValues[0]
                ),
                result: (
                    try operands.tensor(12).values[0],
                    try operands.required(13).integerValues[0]
                ))
            let sumLimits = try QuantizedLimits(
                node, "sumLow", "sumHigh", operands.required(13).type)
            let values = zip(limited, residual.integerValues).map { sum($0, $1) }
            return [sumLimits.value(values.map(sumLimits.clamp), own[0].shape)]
        })

    /// The sum of two tensors: each with its scale and zero, then the sum's scale and zero; limits `low` and `high`.
    private static let quantizedAddition = Operator(
        QuantizedName.addition, inputs: 8...8, lowering: .quantized, export: passesMakeIt,
        infer: { operands throws(FathomError) in
            let (a, b) = (try operands.required(0), try operands.required(3))
            guard let broadcast = Broadcast([a.shape, b.shape]) else {
                throw operands.node.error("\(a.shape) and \(b.shape) do not fit each other")
            }
            return [Fact(broadcast.shape, try operands.required(7).type)]
        },
        evaluate: { operands throws(FathomError) in
            func rule(_ scale: Int) throws(FathomError) -> (Float, Int) {
                (
                    try operands.tensor(scale).values[0],
                    try operands.required(scale + 1).integerValues[0]
                )
            }
            let (a, b) = (try operands.required(0), try operands.required(3))
            guard let broadcast = Broadcast([a.shape, b.shape]) else { return [] }
            let sum = QuantizedSum(left: try rule(1), right: try rule(4), result: try rule(6))
            let limits = try QuantizedLimits(
                operands.node, "low", "high", operands.required(7).type)
            let left = a.gathering(broadcast.positions(of: a.shape), shape: broadcast.shape)
            let right = b.gathering(broadcast.positions(of: b.shape), shape: broadcast.shape)
            let values = zip(left.integerValues, right.integerValues).map {
                limits.clamp(sum($0, $1))
            }
            return [limits.value(values, broadcast.shape)]
        })

    /// A function of one number as a table of its 256 values; entry i is that of the i-th least number.
    private static let quantizedMap = Operator(
        QuantizedName.map, inputs: 2...2, lowering: .quantized, export: passesMakeIt,
        infer: { operands throws(FathomError) in
            let (input, table) = (try operands.required(0), try operands.required(1))
            guard input.type.byteRange != nil, table.shape == [256] else {
                throw operands.node.error("its operand is not of 8 bits")
            }
            return [Fact(input.shape, table.type)]
        },
        evaluate: { operands throws(FathomError) in
            let (input, table) = (try operands.required(0), try operands.required(1))
            let values = table.integerValues
            let least = input.type.byteRange?.lowerBound ?? 0
            return [
                .integers(
                    IntegerTensor(
                        shape: input.shape,
                        values: input.integerValues.map { Int64(values[$0 - least]) },
                        type: table.type))
            ]
        })

    /// An operator that keeps or interpolates numbers, done to the whole numbers and rounded, halves to the even one.
    private static func moved(
        _ name: String, _ operation: String, _ inputs: ClosedRange<Int>
    ) -> Operator {
        @Sendable func original(_ node: Node) throws(FathomError) -> Operator {
            guard let entry = table[operation] else { throw node.error("the operator is unknown") }
            return entry
        }
        @Sendable func plain(_ node: Node) -> Node {
            var node = node
            node.operation = operation
            return node
        }
        return Operator(
            name, inputs: inputs, lowering: .quantized, export: passesMakeIt,
            infer: { operands throws(FathomError) in
                let type = try operands.required(0).type
                let facts = operands.inputs.map { fact -> Fact? in
                    guard let fact, fact.type.byteRange != nil else { return fact }
                    return Fact(fact.shape)
                }
                let results = try original(operands.node).infer(
                    Operands(plain(operands.node), facts, operatorSet: operands.operatorSet))
                return [Fact(results[0].shape, type)]
            },
            evaluate: { operands throws(FathomError) in
                let type = try operands.required(0).type
                let values = operands.inputs.map { value -> Value? in
                    guard let value, value.type.byteRange != nil else { return value }
                    return .floats(Tensor(shape: value.shape, values: value.floatValues))
                }
                let results = try original(operands.node).evaluate(
                    Operands(plain(operands.node), values, operatorSet: operands.operatorSet))
                let range = type.byteRange ?? 0...255
                let whole = results[0].floatValues.map {
                    Int64(quantized($0, zero: 0, within: range))
                }
                return [
                    .integers(IntegerTensor(shape: results[0].shape, values: whole, type: type))
                ]
            })
    }
}

/// The names of the operators that `fuse-quantized` makes.
public enum QuantizedName {
    /// A convolution, perhaps with limits and a residual.
    public static let convolution = "fathom.QuantizedConv"
    /// A sum of two tensors.
    public static let addition = "fathom.QuantizedAdd"
    /// A function of one number.
    public static let map = "fathom.QuantizedMap"
    /// Interpolation.
    public static let resize = "fathom.QuantizedResize"
    /// Padding with numbers of the picture.
    public static let pad = "fathom.QuantizedPad"
    /// The greatest number under a window.
    public static let maximumPool = "fathom.QuantizedMaxPool"
    /// Tensors one behind the other.
    public static let concatenation = "fathom.QuantizedConcat"

    /// Those that are other operators done to whole numbers.
    static let moved: [(String, String, ClosedRange<Int>)] = [
        (resize, "Resize", 1...4), (pad, "Pad", 1...4), (maximumPool, "MaxPool", 1...1),
        (concatenation, "Concat", 1...1024),
    ]
}

/// round(own · (a − zero) + other · (b − zero)) + zero, halves to the even number, in single precision.
public struct QuantizedSum: Sendable {
    /// The scale of the first operand over the sum's.
    public let leftFactor: Float
    /// The scale of the second operand over the sum's.
    public let rightFactor: Float
    /// The zeros of the operands and of the sum.
    public let zeros: (left: Int, right: Int, result: Int)

    /// Takes scales and zeros of the operands and the sum.
    public init(left: (Float, Int), right: (Float, Int), result: (Float, Int)) {
        leftFactor = left.0 / result.0
        rightFactor = right.0 / result.0
        zeros = (left.1, right.1, result.1)
    }

    /// The sum of two whole numbers, not limited.
    func callAsFunction(_ a: Int, _ b: Int) -> Int {
        let left = leftFactor * Float(a - zeros.left)
        let right = rightFactor * Float(b - zeros.right)
        return quantized(left + right, zero: zeros.result, within: -(1 << 40)...(1 << 40))
    }
}

/// The least and greatest whole number of a result: its type's, or closer ones that a node states.
public struct QuantizedLimits: Sendable {
    /// The least.
    public let low: Int
    /// The greatest.
    public let high: Int
    private let type: ElementType

    /// Reads a node's attributes of the given names.
    public init(
        _ node: Node, _ lowName: String, _ highName: String, _ type: ElementType
    ) throws(FathomError) {
        guard let range = type.byteRange else {
            throw node.error("quantizing to \(type.rawValue) is not supported")
        }
        low = max(try node.integer(lowName, default: range.lowerBound), range.lowerBound)
        high = min(try node.integer(highName, default: range.upperBound), range.upperBound)
        guard low <= high else { throw node.error("its limits \(low) and \(high) are exchanged") }
        self.type = type
    }

    func clamp(_ value: Int) -> Int { min(max(value, low), high) }

    func value(_ values: [Int], _ shape: Shape) -> Value {
        .integers(IntegerTensor(shape: shape, values: values.map(Int64.init), type: type))
    }
}
