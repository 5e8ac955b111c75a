import FathomCore
import FathomEngine
import FathomGraph
import Testing

/// Builds a quantized network node by node, as exporters write them.
private struct QuantizedBuilder {
    private(set) var nodes: [Node] = []
    private(set) var initializers: [String: Value] = [:]
    private var random = SeededRandom(11)
    private var count = 0

    private mutating func name(_ stem: String) -> String {
        count += 1
        return "\(stem)\(count)"
    }

    private mutating func constant(_ value: Value) -> String {
        let name = name("constant")
        initializers[name] = value
        return name
    }

    /// Quantizes an edge and dequantizes it again.
    mutating func rounded(
        _ edge: String, scale: Float, zero: Int64, _ type: ElementType = .uint8
    ) -> String {
        let (whole, real) = (name("whole"), name("real"))
        let rule = [
            constant(.scalar(scale)),
            constant(.integers(IntegerTensor(shape: [], values: [zero], type: type))),
        ]
        nodes.append(Node("QuantizeLinear", inputs: [edge] + rule, outputs: [whole]))
        nodes.append(Node("DequantizeLinear", inputs: [whole] + rule, outputs: [real]))
        return real
    }

    mutating func add(
        _ operation: String, _ inputs: [String], _ attributes: [String: Attribute] = [:]
    ) -> String {
        let output = name("edge")
        nodes.append(Node(operation, inputs: inputs, outputs: [output], attributes: attributes))
        return output
    }

    /// A convolution with 8-bit weights, a scale for each output, and a bias in units of the sums.
    mutating func convolution(
        _ edge: String, inputScale: Float, inputs: Int, outputs: Int, kernel: Int, stride: Int = 1,
        groups: Int = 1
    ) -> String {
        let shape: Shape = [outputs, inputs / groups, kernel, kernel]
        let values = (0..<shape.count).map { _ in Int64.random(in: -127...127, using: &random) }
        let scales = (0..<outputs).map { _ in
            random.uniform(0.5...1) / Float(shape.count / outputs) / 40
        }
        let bias = (0..<outputs).map { _ in Int64.random(in: -2000...2000, using: &random) }
        let weights = name("weights")
        nodes.append(
            Node(
                "DequantizeLinear",
                inputs: [
                    constant(.integers(IntegerTensor(shape: shape, values: values, type: .int8))),
                    constant(.floats(Tensor(shape: [outputs], values: scales))),
                    constant(
                        .integers(
                            IntegerTensor(
                                shape: [outputs], values: Array(repeating: 0, count: outputs),
                                type: .int8))),
                ], outputs: [weights], attributes: ["axis": .integer(0)]))
        let offset = name("bias")
        nodes.append(
            Node(
                "DequantizeLinear",
                inputs: [
                    constant(
                        .integers(IntegerTensor(shape: [outputs], values: bias, type: .int32))),
                    constant(
                        .floats(
                            Tensor(shape: [outputs], values: scales.map { $0 * inputScale }))),
                ], outputs: [offset], attributes: ["axis": .integer(0)]))
        let pad = kernel / 2
        return add(
            "Conv", [edge, weights, offset],
            [
                "pads": .integers([pad, pad, pad, pad]), "strides": .integers([stride, stride]),
                "group": .integer(groups), "kernel_shape": .integers([kernel, kernel]),
            ])
    }

    mutating func scales(_ values: [Float]) -> String {
        constant(.floats(Tensor(shape: [values.count], values: values)))
    }

    mutating func numbers(_ values: [Int]) -> String { constant(.list(values)) }
}

/// Each kind of operator that has a kernel for 8-bit numbers.
private func network() throws -> Graph {
    var builder = QuantizedBuilder()
    let image = builder.rounded("x", scale: 1.0 / 64, zero: 128)
    let stem = builder.convolution(
        image, inputScale: 1.0 / 64, inputs: 3, outputs: 32, kernel: 3, stride: 2)
    let first = builder.rounded(builder.add("Relu", [stem]), scale: 0.02, zero: 3)
    let pooled = builder.rounded(
        builder.add(
            "MaxPool", [first],
            [
                "kernel_shape": .integers([3, 3]), "pads": .integers([1, 1, 1, 1]),
                "strides": .integers([1, 1]),
            ]), scale: 0.02, zero: 3)
    let expanded = builder.rounded(
        builder.convolution(pooled, inputScale: 0.02, inputs: 32, outputs: 48, kernel: 1),
        scale: 0.015, zero: 120)
    let spread = builder.rounded(
        builder.convolution(
            expanded, inputScale: 0.015, inputs: 48, outputs: 48, kernel: 5, groups: 48),
        scale: 0.013, zero: 110)
    let projected = builder.rounded(
        builder.convolution(spread, inputScale: 0.013, inputs: 48, outputs: 32, kernel: 1),
        scale: 0.012, zero: 131)
    let sum = builder.rounded(
        builder.add("Add", [pooled, projected]), scale: 0.025, zero: -20, .int8)
    let curved = builder.rounded(builder.add("Elu", [sum]), scale: 0.02, zero: 60)
    let joined = builder.rounded(
        builder.add("Concat", [curved, first], ["axis": .integer(1)]), scale: 0.022, zero: 50)
    let pads = builder.numbers([0, 0, 1, 1, 0, 0, 1, 1])
    let padded = builder.rounded(
        builder.add("Pad", [joined, pads], ["mode": .string("reflect")]), scale: 0.022, zero: 50)
    let factors = builder.scales([1, 1, 2, 2])
    let larger = builder.rounded(
        builder.add(
            "Resize", [padded, "", factors],
            [
                "mode": .string("linear"),
                "coordinate_transformation_mode": .string("half_pixel"),
            ]), scale: 0.022, zero: 50)
    let head = builder.rounded(
        builder.convolution(larger, inputScale: 0.022, inputs: 64, outputs: 1, kernel: 3),
        scale: 0.01, zero: 128)
    let last = builder.add("Identity", [head])
    return try Graph(
        name: "network", inputs: [ValueInfo(name: "x", dimensions: nil)],
        outputs: [ValueInfo(name: last, dimensions: nil)], nodes: builder.nodes,
        initializers: builder.initializers)
}

@Suite("quantized networks")
struct QuantizedNetworkTests {
    private let shape: Shape = [1, 3, 13, 18]

    private func input() -> Tensor {
        var random = SeededRandom(3)
        return Tensor(shape: shape, values: (0..<shape.count).map { _ in random.uniform(-2...2) })
    }

    private func run(_ options: SessionOptions) throws -> [Float] {
        let graph = try network()
        let session = try Session(graph, inputShapes: ["x": shape], options: options)
        return try #require(session.run(["x": input()])[graph.outputs[0].name]).values
    }

    @Test("a quantized network is computed as its definition says, to a step of its output")
    func meaning() throws {
        let graph = try network()
        let results = try graph.evaluate(["x": .floats(input())])
        let wanted = try #require(results[graph.outputs[0].name]).floatValues
        let given = try run(SessionOptions(pool: WorkerPool(threads: 1)))
        #expect(Set(wanted).count > 3)
        // Halves may be rounded the other way in between; the output's step is 0.01.
        let differences = zip(wanted, given).map { abs($0 - $1) }
        #expect(differences.allSatisfy { $0 < 0.031 })
        #expect(differences.filter { $0 < 0.001 }.count * 10 > differences.count * 8)
    }

    @Test("the results are the same at every instruction set and for any number of threads")
    func sameEverywhere() throws {
        let wanted = try run(
            SessionOptions(pool: WorkerPool(threads: 1), instructionSet: .scalar))
        for instructionSet in InstructionSet.available {
            for threads in [1, 3] {
                let given = try run(
                    SessionOptions(
                        pool: WorkerPool(threads: threads), instructionSet: instructionSet))
                #expect(given == wanted, "\(instructionSet), \(threads) threads")
            }
        }
    }

    @Test("nothing but the ends of the network is left in floating point")
    func fused() throws {
        let graph = try GraphPass.apply(to: network(), inputShapes: ["x": shape])
        let real = graph.nodes.filter { !$0.operation.hasPrefix("fathom.Quantized") }
        #expect(
            real.map(\.operation) == ["QuantizeLinear", "DequantizeLinear", "Identity"]
                || real.map(\.operation) == ["QuantizeLinear", "DequantizeLinear"])
        let result = try graph.evaluate(["x": .floats(input())])
        let given = try run(SessionOptions(pool: WorkerPool(threads: 1)))
        #expect(try #require(result[graph.outputs[0].name]).floatValues == given)
    }

    @Test("only a quantized file can be computed in int8, and the error names how to make one")
    func precision() throws {
        #expect(try network().isQuantized)
        let plain = try Graph(
            name: "plain", inputs: [ValueInfo(name: "x", dimensions: nil)],
            outputs: [ValueInfo(name: "y", dimensions: nil)],
            nodes: [Node("Relu", inputs: ["x"], outputs: ["y"])])
        let error = #expect(throws: FathomError.self) {
            try Session(
                plain, inputShapes: ["x": shape], options: SessionOptions(precision: .int8))
        }
        #expect(error?.remedy.contains("fathom model quantize") == true)
    }

    @Test("the error against fp32 is small but not nothing")
    func error() throws {
        let graph = try network()
        let options = SessionOptions(pool: WorkerPool(threads: 1), precision: .int8)
        let session = try Session(graph, inputShapes: ["x": shape], options: options)
        _ = try session.run(["x": input()])
        let error = try PrecisionError(of: session, graph: graph, options: options)
        #expect(error.mean > 0 && error.mean < 0.2)
        #expect(error.largest >= error.mean / 4)
        #expect(error.description.contains("fp32"))
    }
}
