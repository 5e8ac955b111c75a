import CKernels
import FathomCore
import FathomEngine
import FathomGraph
import Testing

private let shape: Shape = [1, 3, 11, 14]

/// Convolutions of several kinds, one after the other.
private func network() throws -> Graph {
    var random = SeededRandom(21)
    func numbers(_ shape: Shape) -> Value {
        let size = Float(max(shape.count / max(shape[0], 1), 1)).squareRoot()
        return .floats(
            Tensor(
                shape: shape,
                values: (0..<shape.count).map { _ in random.uniform(-1.5...1.5) / size }))
    }
    let pads = Attribute.integers([1, 1, 1, 1])
    return try Graph(
        name: "network", inputs: [ValueInfo(name: "x", dimensions: nil)],
        outputs: [ValueInfo(name: "y", dimensions: nil)],
        nodes: [
            Node(
                "Conv", inputs: ["x", "w0", "b0"], outputs: ["a"],
                attributes: ["pads": pads, "strides": .integers([2, 2])]),
            Node("Relu", inputs: ["a"], outputs: ["a1"]),
            Node("Conv", inputs: ["a1", "w1"], outputs: ["b"]),
            Node("Add", inputs: ["b", "a1"], outputs: ["b1"]),
            Node("Conv", inputs: ["b1", "w2"], outputs: ["c"], attributes: ["pads": pads]),
            Node(
                "Conv", inputs: ["c", "w3"], outputs: ["y"],
                attributes: ["pads": .integers([2, 2, 2, 2]), "dilations": .integers([2, 2])]),
        ],
        initializers: [
            "w0": numbers([9, 3, 3, 3]), "b0": numbers([9]), "w1": numbers([9, 9, 1, 1]),
            "w2": numbers([37, 9, 3, 3]), "w3": numbers([1, 37, 3, 3]),
        ])
}

@Suite("bfloat16")
struct BFloatTests {
    private func input() -> Tensor {
        var random = SeededRandom(4)
        return Tensor(shape: shape, values: (0..<shape.count).map { _ in random.uniform(-1...1) })
    }

    private func run(_ options: SessionOptions) throws -> [Float] {
        let session = try Session(network(), inputShapes: ["x": shape], options: options)
        return try #require(session.run(["x": input()])["y"]).values
    }

    @Test("convolutions in bf16 are close to fp32, and not the same")
    func meaning() throws {
        let exact = try #require(
            network().evaluate(["x": .floats(input())])["y"]
        ).floatValues
        let largest = exact.map(abs).max() ?? 0
        for instructionSet in InstructionSet.available {
            for threads in [1, 3] {
                let given = try run(
                    SessionOptions(
                        pool: WorkerPool(threads: threads), instructionSet: instructionSet,
                        precision: .bf16))
                let error = zip(exact, given).map { abs($0 - $1) }.max() ?? 0
                #expect(error < 0.02 * largest, "\(instructionSet)")
                #expect(error > 0)
            }
        }
    }

    @Test("the error that is reported is the one there is")
    func error() throws {
        let options = SessionOptions(pool: WorkerPool(threads: 1), precision: .bf16)
        let graph = try network()
        let session = try Session(graph, inputShapes: ["x": shape], options: options)
        let given = try #require(session.run(["x": input()])["y"]).values
        let exact = try run(SessionOptions(pool: WorkerPool(threads: 1)))
        let error = try PrecisionError(of: session, graph: graph, options: options)
        let largest = zip(exact, given).map { abs($0 - $1) }.max() ?? 0
        #expect(abs(error.largest - Double(largest / (exact.map(abs).max() ?? 1))) < 1e-6)
        #expect(error.mean > 0 && error.mean < error.largest * 4)
    }

    @Test("numbers are rounded to the nearest bfloat16, halves to the even one")
    func rounding() {
        let numbers: [(Float, UInt16)] = [
            (1, 0x3F80), (1 + 0x1p-8, 0x3F80), (1 + 0x1p-8 + 0x1p-20, 0x3F81),
            (1 + 0x1p-7 + 0x1p-8, 0x3F82), (-2, 0xC000), (0, 0), (.infinity, 0x7F80),
            (.greatestFiniteMagnitude, 0x7F80),
        ]
        for set in [FATHOM_ISA_SCALAR, FATHOM_ISA_AVX2, FATHOM_ISA_AVX512]
        where set.rawValue <= fathom_isa_available().rawValue {
            let kernels = fathom_bfloat_kernels_at(set).pointee
            for count in 1...numbers.count {
                var output = [UInt16](repeating: 0xABCD, count: numbers.count + 1)
                kernels.round(numbers.map(\.0), &output, count)
                #expect(Array(output.prefix(count)) == numbers.prefix(count).map(\.1))
                #expect(output[count] == 0xABCD)
            }
            var output: [UInt16] = [0]
            kernels.round([.nan], &output, 1)
            #expect(Float(bitPattern: UInt32(output[0]) << 16).isNaN)
        }
    }
}
