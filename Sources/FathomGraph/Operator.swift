import FathomCore

/// What is known of an edge before anything runs: its shape and type, and its value where that is constant.
public struct Fact: Sendable {
    /// The lengths of the axes.
    public var shape: Shape
    /// The kind of the elements.
    public var type: ElementType
    /// The elements, where they do not depend on the graph's inputs.
    public var constant: Value?

    /// An edge whose elements are computed.
    public init(_ shape: Shape, _ type: ElementType = .float) {
        self.shape = shape
        self.type = type
    }

    /// An edge whose elements are known.
    public init(constant: Value) {
        shape = constant.shape
        type = constant.type
        self.constant = constant
    }

    /// The fact as kernels and most operators see it: every floating-point type is float32.
    public var computed: Fact { typed(.float) }

    /// The fact with another floating-point type; as it is if it is about whole numbers.
    func typed(_ type: ElementType) -> Fact {
        guard self.type.isFloatingPoint, self.type != type else { return self }
        guard let tensor = constant?.tensor else { return Fact(shape, type) }
        return Fact(constant: Value.floats(tensor).cast(to: type))
    }
}

/// A node with what arrives at its inputs: facts for a shape rule, values for an evaluation.
public struct Operands<Element: Sendable>: Sendable {
    /// The node.
    public let node: Node
    /// What arrives; nil where an optional input is absent.
    public let inputs: [Element?]
    /// The version of ONNX's operators that the node follows.
    public let operatorSet: Int

    /// Puts a node and its inputs together.
    public init(_ node: Node, _ inputs: [Element?], operatorSet: Int) {
        self.node = node
        self.inputs = inputs
        self.operatorSet = operatorSet
    }

    /// An input that must be there.
    public func required(_ index: Int) throws(FathomError) -> Element {
        guard let input = optional(index) else { throw node.error("input \(index) is missing") }
        return input
    }

    /// An input that may be absent.
    public func optional(_ index: Int) -> Element? {
        index < inputs.count ? inputs[index] : nil
    }
}

extension Operands<Fact> {
    /// The same operands, every floating-point one as float32.
    var computed: Operands<Fact> {
        Operands(node, inputs.map { $0?.computed }, operatorSet: operatorSet)
    }

    /// The type of the first floating-point operand: what most operators' floating-point results have.
    var floatingType: ElementType {
        for case let fact? in inputs where fact.type.isFloatingPoint { return fact.type }
        return .float
    }

    /// The first input, which must be floating point.
    func floating(_ index: Int) throws(FathomError) -> Shape {
        let fact = try required(index)
        guard fact.type.isFloatingPoint else {
            throw node.error("input \(index) is not floating point")
        }
        return fact.shape
    }

    /// The elements of an input that decides about shapes and must be constant.
    func constant(_ index: Int, _ what: String) throws(FathomError) -> Value {
        guard let value = try required(index).constant else {
            throw node.error("its \(what) \(FathomError.dependence)")
        }
        return value
    }

    /// As `constant`, nil where the input is absent.
    func optionalConstant(_ index: Int, _ what: String) throws(FathomError) -> Value? {
        optional(index) == nil ? nil : try constant(index, what)
    }
}

extension FathomError {
    fileprivate static let dependence = "depends on the data, so it cannot be planned"

    /// Whether a network cannot be planned because shapes within it depend on the elements of its inputs.
    public var isDataDependence: Bool { cause.hasSuffix(Self.dependence) }
}

extension Operands<Value> {
    /// Floating-point elements of an input that must be there.
    func tensor(_ index: Int) throws(FathomError) -> Tensor {
        guard let tensor = try required(index).tensor else {
            throw node.error("input \(index) is not floating point")
        }
        return tensor
    }

    /// The type of the first floating-point operand: what most operators' floating-point results have.
    var floatingType: ElementType {
        for case let value? in inputs where value.type.isFloatingPoint { return value.type }
        return .float
    }

    /// The same operands, every floating-point one as float32.
    var computed: Operands<Value> {
        guard inputs.contains(where: { ($0?.type.isFloatingPoint ?? false) && $0?.type != .float })
        else { return self }
        let values = inputs.map { value in
            value?.tensor.map { Value.floats($0) } ?? value
        }
        return Operands(node, values, operatorSet: operatorSet)
    }

    /// The same operands as a shape rule sees them, all constant.
    var facts: Operands<Fact> {
        Operands<Fact>(
            node, inputs.map { $0.map(Fact.init(constant:)) }, operatorSet: operatorSet)
    }
}

/// How the planner puts an operator into steps. A kind, not a kernel: which kernel runs is the engine's choice.
public enum Lowering: Hashable, Sendable, CaseIterable {
    /// A (fused) convolution.
    case convolution
    /// A transposed convolution.
    case transposedConvolution
    /// One number in, one out, with a kernel (`UnaryFunction`).
    case unary
    /// Two operands of the same shape, or one broadcast.
    case binary
    /// Interpolation along the last two axes.
    case resize
    /// The same elements under another shape.
    case view
    /// A matrix product.
    case matrix
    /// Blocks of one tensor behind those of another.
    case concatenation
    /// Whole numbers of 8 bits that stand for real ones.
    case quantized
    /// The reference evaluation, called at run time: right, slow, and it allocates.
    case reference
}

/// How an operator is written to an ONNX file.
public enum Export: Hashable, Sendable {
    /// As the node of the same name.
    case sameName
    /// It cannot be, with the reason.
    case absent(String)
}

/// All that is known of one operator: the one entry by which importer, shape inference, reference
/// evaluation, planner, gradient and exporter know it.
public struct Operator: Sendable {
    /// The name in the default ONNX domain, or `fathom.NAME` for those that passes make.
    public let name: String
    /// How many inputs a node may list.
    public let inputCount: ClosedRange<Int>
    /// How many outputs a node may list.
    public let outputCount: ClosedRange<Int>
    /// How the planner treats it.
    public let lowering: Lowering
    /// The facts of the outputs from those of the inputs.
    public let infer: @Sendable (Operands<Fact>) throws(FathomError) -> [Fact]
    /// The outputs from the inputs: slow, plain and right; the definition that kernels are tested against.
    public let evaluate: @Sendable (Operands<Value>) throws(FathomError) -> [Value]
    /// How it is differentiated.
    public let gradient: Gradient
    /// How it is exported.
    public let export: Export

    /// `typed` says that the operator itself gives its results their floating-point types. All others see float32
    /// only, and their floating-point results get the type of the first floating-point operand.
    init(
        _ name: String, inputs: ClosedRange<Int>, outputs: ClosedRange<Int> = 1...1,
        lowering: Lowering, typed: Bool = false,
        export: Export = .sameName,
        infer: @escaping @Sendable (Operands<Fact>) throws(FathomError) -> [Fact],
        evaluate: @escaping @Sendable (Operands<Value>) throws(FathomError) -> [Value]
    ) {
        self.name = name
        inputCount = inputs
        outputCount = outputs
        self.lowering = lowering
        self.infer = typed ? infer : Self.typing(infer)
        self.evaluate = typed ? evaluate : Self.typing(evaluate)
        gradient = Gradient.of(name)
        self.export = export
    }

    /// A shape rule that sees float32 only, made to give its floating-point results the operands' type.
    private static func typing(
        _ rule: @escaping @Sendable (Operands<Fact>) throws(FathomError) -> [Fact]
    ) -> @Sendable (Operands<Fact>) throws(FathomError) -> [Fact] {
        { operands throws(FathomError) in
            let type = operands.floatingType
            return try rule(operands.computed).map { $0.typed(type) }
        }
    }

    /// An evaluation that sees float32 only, made to round its floating-point results to the operands' type.
    private static func typing(
        _ rule: @escaping @Sendable (Operands<Value>) throws(FathomError) -> [Value]
    ) -> @Sendable (Operands<Value>) throws(FathomError) -> [Value] {
        { operands throws(FathomError) in
            let type = operands.floatingType
            return try rule(operands.computed).map {
                $0.type.isFloatingPoint ? $0.cast(to: type) : $0
            }
        }
    }

    /// Every operator by name.
    public static let table: [String: Operator] = Dictionary(
        uniqueKeysWithValues: [
            convolutions, transposedConvolutions, activations, arithmetic, resizes, pools,
            normalizations, matrices,
            views, movements, paddings, constants, reductions,
            elementFunctions, parametricFunctions, comparisons, bitwise, selections, casts,
            branches, indexing, scatters, orderings, rearrangements, generators,
            softmaxes, channelNormalizations, layerNormalizations, recurrences, attentions,
            samplers, products, losses, dropouts,
            fusedProducts, fusedAttentions,
            quantizations, integerProducts, quantizedFused,
            elementGradients, layerGradients, samplerGradients,
        ].joined().map { ($0.name, $0) })

    /// The names of ONNX's own operators in the table, in alphabetical order.
    public static let onnxNames: [String] = table.values.filter { $0.export == .sameName }
        .map(\.name).sorted()
}
