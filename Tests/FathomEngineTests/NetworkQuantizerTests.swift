import FathomCore
import FathomEngine
import FathomGraph
import Testing

@Suite("Quantizing a network on frames")
struct NetworkQuantizerTests {
    private func weights(_ outputs: Int, _ inputs: Int, _ kernel: Int) -> Value {
        let shape: Shape = [outputs, inputs, kernel, kernel]
        let values = (0..<shape.count).map { (index: Int) -> Float in
            Float((index * 37 + index / 5) % 41) / 41 - 0.45
        }
        return .floats(Tensor(shape: shape, values: values))
    }

    /// Three convolutions, the second with a sum behind it.
    private func graph() throws -> Graph {
        let padded: [String: Attribute] = ["pads": .integers([1, 1, 1, 1])]
        return try Graph(
            name: "small",
            inputs: [ValueInfo(name: "x", dimensions: [.fixed(1), .fixed(3), .unknown, .unknown])],
            outputs: [ValueInfo(name: "y", dimensions: nil)],
            nodes: [
                Node("Conv", inputs: ["x", "w0"], outputs: ["c0"], attributes: padded),
                Node("Relu", inputs: ["c0"], outputs: ["a0"]),
                Node("Conv", inputs: ["a0", "w1"], outputs: ["c1"], attributes: padded),
                Node("Add", inputs: ["c1", "a0"], outputs: ["s"]),
                Node("Conv", name: "head", inputs: ["s", "w2"], outputs: ["y"]),
            ],
            initializers: [
                "w0": weights(8, 3, 3), "w1": weights(8, 8, 3), "w2": weights(1, 8, 1),
            ])
    }

    private func frames(_ count: Int, rows: Int = 10) -> [NetworkQuantizer.Frame] {
        (0..<count).map { frame in
            let shape: Shape = [1, 3, rows, 12]
            let values = (0..<shape.count).map { (index: Int) -> Float in
                Float(index * (29 + frame) % 31) / 31 - 0.5
            }
            return ["x": Tensor(shape: shape, values: values)]
        }
    }

    @Test(
        "the error that is reported is the one there is", arguments: RangeMethod.allCases)
    func reported(_ method: RangeMethod) throws {
        var quantizer = NetworkQuantizer()
        quantizer.ranges = method
        quantizer.limit = 1
        let graph = try graph()
        let judging = frames(2)
        let result = try quantizer.quantize(graph, calibration: frames(4), judging: judging)
        #expect(result.layers == 3 && result.floatLayers.isEmpty)
        var error = OutputError()
        for frame in judging {
            let values = frame.mapValues { Value.floats($0) }
            let truth = try #require(try graph.evaluate(values)["y"]?.tensor)
            let other = try #require(try result.graph.evaluate(values)["y"]?.tensor)
            error.add(truth, other)
        }
        #expect(abs(error.mean - result.error.mean) < 0.003)
        #expect(result.error.mean < 0.1 && result.error.mean > 0)
        #expect(result.error.frames == 2)
    }

    @Test("layers stay in floating point until the error is within the limit")
    func sensitive() throws {
        var quantizer = NetworkQuantizer()
        quantizer.limit = 1
        let graph = try graph()
        let all = try quantizer.quantize(graph, calibration: frames(4), judging: frames(2))
        quantizer.limit = all.error.mean * 0.8
        quantizer.largestFloatShare = 0.9
        let some = try quantizer.quantize(graph, calibration: frames(4), judging: frames(2))
        #expect(some.layers + some.floatLayers.count == 3)
        #expect(!some.floatLayers.isEmpty)
        #expect(some.error.mean <= quantizer.limit)
        quantizer.limit = 1e-9
        #expect(throws: FathomError.self) {
            try quantizer.quantize(graph, calibration: frames(1), judging: frames(1))
        }
    }

    @Test("frames may differ in size; without any, or without layers, there is an error")
    func frames() throws {
        let graph = try graph()
        var quantizer = NetworkQuantizer()
        quantizer.limit = 1
        let mixed = frames(1) + frames(1, rows: 16)
        #expect(
            try quantizer.quantize(graph, calibration: mixed, judging: mixed).error.frames == 2)
        #expect(throws: FathomError.self) {
            try quantizer.quantize(graph, calibration: [], judging: [])
        }
        let plain = try Graph(
            name: "plain", inputs: graph.inputs, outputs: graph.outputs,
            nodes: [Node("Relu", inputs: ["x"], outputs: ["y"])])
        #expect(throws: FathomError.self) {
            try quantizer.quantize(plain, calibration: frames(1), judging: frames(1))
        }
    }

    @Test(
        "a few outliers do not make the steps of all others coarse", arguments: RangeMethod.allCases
    )
    func outliers(_ method: RangeMethod) {
        var histogram = EdgeHistogram()
        var values = (0..<100_000).map { (index: Int) -> Float in
            Float(index * 7919 % 10_007) / 10_007
        }
        values.withUnsafeBufferPointer { histogram.add($0) }
        values = [60, .nan, .infinity]
        values.withUnsafeBufferPointer { histogram.add($0) }
        let range = histogram.range(method)
        #expect(range.lowerBound == 0)
        #expect(range.upperBound > 0.95)
        #expect(method == .mse || range.upperBound < 30)
        #expect(histogram.high == 60)
    }

    @Test("an edge without numbers, or with 0 alone, has a range", arguments: RangeMethod.allCases)
    func empty(_ method: RangeMethod) {
        var histogram = EdgeHistogram()
        #expect(histogram.range(method) == 0...0)
        [Float](repeating: 0, count: 9).withUnsafeBufferPointer { histogram.add($0) }
        #expect(histogram.range(method) == 0...0)
    }

    @Test("an error is in parts of the first output's span")
    func outputError() {
        var error = OutputError()
        error.add(
            Tensor(shape: [4], values: [0, 1, 2, 4]), Tensor(shape: [4], values: [0, 1, 2, 2]))
        #expect(abs(error.mean - 0.125) < 1e-12)
        #expect(error.largest == 0.5)
        // By hand: 4.25 / √(8.75 · 2.75).
        #expect(abs(error.correlation - 0.866400) < 1e-6)
        error.add(Tensor(shape: [2], values: [3, 3]), Tensor(shape: [2], values: [3, 3]))
        #expect(error.frames == 2)
        #expect(abs(error.mean - 0.0625) < 1e-12)
    }
}
