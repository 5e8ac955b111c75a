import CDefaultModel
import FathomCore
import FathomEngine
import FathomGraph
import Testing

/// What Scripts/record_onnx_outputs.py recorded of ONNX Runtime.
private struct Recording: Decodable {
    struct Case: Decodable {
        let width: Int
        let height: Int
        let step: Int
        let sum: Double
        let largest: Float
        let values: RecordedFloats
    }
    let cases: [Case]
}

/// The script's picture: slanted stripes with noise on them.
private func picture(width: Int, height: Int) -> Tensor {
    var values: [Float] = []
    for c in 0..<3 {
        for y in 0..<height {
            for x in 0..<width {
                let noise = ((values.count * 1_103_515_245 + 12345) & 0x7FFF_FFFF) >> 16
                values.append(Float((3 * x + 5 * y + 40 * c) % 256 + noise % 64) / 160 - 1)
            }
        }
    }
    return Tensor(shape: [1, 3, height, width], values: values)
}

private func starter() throws -> Graph {
    try Graph(
        onnx: UnsafeRawBufferPointer(
            start: fathom_default_model_bytes(), count: fathom_default_model_size()),
        name: "starter.onnx")
}

@Suite("the default network")
struct StarterNetworkTests {
    @Test(
        "gives ONNX Runtime's results at every size, with every instruction set",
        arguments: InstructionSet.available)
    func recordedOutputs(instructionSet: InstructionSet) throws {
        let graph = try starter()
        let recording = try recorded(Recording.self, "starter.json")
        #expect(recording.cases.count == 4)
        for entry in recording.cases {
            let input = picture(width: entry.width, height: entry.height)
            let session = try Session(
                graph, inputShapes: ["image": input.shape],
                options: SessionOptions(instructionSet: instructionSet))
            let output = try #require(try session.run(["image": input])["inverse_depth"])
            #expect(output.shape == [1, 1, entry.height, entry.width])
            let values = output.values
            let points = stride(from: 0, to: values.count, by: entry.step).map { values[$0] }
            #expect(points.count == entry.values.floats.count)
            let worst = zip(points, entry.values.floats).map { abs($0 - $1) }.max() ?? .infinity
            #expect(worst <= 1e-4 * entry.largest)
            let sum = values.reduce(0) { $0 + Double($1) }
            #expect(abs(sum - entry.sum) <= 1e-5 * abs(entry.sum))
        }
    }

    @Test("gives the same bits with one thread and with several")
    func threads() throws {
        let graph = try starter()
        let input = picture(width: 96, height: 64)
        let results = try [1, 2, 5].map { threads in
            let session = try Session(
                graph, inputShapes: ["image": input.shape],
                options: SessionOptions(pool: WorkerPool(threads: threads)))
            return try session.run(["image": input])["inverse_depth"]?.values
        }
        #expect(results[0] != nil)
        #expect(results[0] == results[1])
        #expect(results[0] == results[2])
    }

    @Test("gives the same results with each pass left out", arguments: GraphPass.all.map(\.name))
    func passes(pass: String) throws {
        let graph = try starter()
        let input = picture(width: 64, height: 32)
        let sessions = try [[], [pass]].map { disabled in
            try Session(
                graph, inputShapes: ["image": input.shape],
                options: SessionOptions(disabledPasses: Set(disabled)))
        }
        let outputs = try sessions.map { try $0.run(["image": input])["inverse_depth"]?.values }
        let (all, without) = (try #require(outputs[0]), try #require(outputs[1]))
        let worst = zip(all, without).map { abs($0 - $1) }.max() ?? .infinity
        #expect(worst <= 1e-5 * (all.max() ?? 0))
    }

    @Test("gives what its reference evaluation gives")
    func reference() throws {
        let graph = try starter()
        let input = picture(width: 64, height: 32)
        let session = try Session(graph, inputShapes: ["image": input.shape])
        let output = try #require(try session.run(["image": input])["inverse_depth"]?.values)
        let expected = try graph.evaluate(["image": .floats(input)])["inverse_depth"]?.floatValues
        let worst = zip(output, try #require(expected)).map { abs($0 - $1) }.max() ?? .infinity
        #expect(worst <= 1e-5 * (output.max() ?? 0))
    }

    @Test("runs the same picture twice to the same bits, its input kept")
    func repeated() throws {
        let input = picture(width: 64, height: 32)
        let session = try Session(try starter(), inputShapes: ["image": input.shape])
        let first = try session.run(["image": input])["inverse_depth"]?.values
        try session.execute()
        #expect(first == session.withOutput("inverse_depth") { values, _ in Array(values) })
    }

    @Test("says how long each step took")
    func profile() throws {
        let session = try Session(try starter(), inputShapes: ["image": [1, 3, 32, 64]])
        let steps = try session.profile()
        #expect(steps.filter { $0.operation.hasSuffix("Conv") }.count == 80)
        #expect(steps.allSatisfy { $0.seconds >= 0 })
    }

    @Test("refuses inputs that do not fit, by name")
    func wrongInputs() throws {
        let graph = try starter()
        #expect(throws: FathomError.self) { try Session(graph, inputShapes: [:]) }
        #expect(throws: FathomError.self) {
            try Session(graph, inputShapes: ["image": [1, 4, 32, 32]])
        }
        let error = #expect(throws: FathomError.self) {
            try Session(graph, inputShapes: ["picture": [1, 3, 32, 32]])
        }
        #expect(error?.description.contains("'picture'") == true)
        #expect(throws: FathomError.self) {
            try Session(graph, inputShapes: ["image": [1, 3, 1 << 14, 1 << 14]])
        }
    }
}
