import FathomCore
import FathomEngine
import FathomPipeline
import Foundation
import TestSupport
import Testing

@Suite("Measuring a network by itself")
struct ModelBenchTests {
    private func worker(_ folder: TemporaryFolder) throws -> ModelWorker {
        let path = try folder.write("vector.onnx", Data(TinyNetwork.ofVector))
        var bench = ModelBench(model: path)
        bench.threads = 1
        return try ModelWorker(bench)
    }

    private func object(_ line: String?) throws -> [String: Any] {
        let data = Data(try #require(line).utf8)
        return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    }

    @Test("a worker says that it is ready, what it is and what loading took")
    func ready() throws {
        let ready = try object(worker(TemporaryFolder()).ready)
        #expect(ready["ready"] as? Bool == true)
        #expect((ready["engine"] as? String)?.hasPrefix("fathom ") == true)
        #expect(try #require(ready["load_s"] as? Double) >= 0)
        #expect(try #require(ready["peak_rss_mb"] as? Double) > 1)
    }

    @Test("a worker answers each command with one line of JSON")
    func commands() throws {
        let folder = try TemporaryFolder()
        let worker = try worker(folder)
        let times = try object(worker.answer("run 3"))
        #expect((times["ms"] as? [Double])?.count == 3)
        let path = folder.path("out.npy")
        let written = try object(worker.answer("output \(path)"))
        #expect(written["output"] as? String == path)
        #expect(written["shape"] as? [Int] == [10])
        #expect(worker.answer("quit") == nil)
        for wrong in ["run", "run 0", "run -1", "run x", "sing", "", "output /nowhere/a.npy"] {
            #expect(try object(worker.answer(wrong))["error"] is String, "\(wrong)")
            #expect(worker.answer(wrong)?.contains("\n") == false)
        }
        #expect((try object(worker.answer("run 1"))["ms"] as? [Double])?.count == 1)
    }

    @Test("the fixed input is the one that other programs are given")
    func fixedInput() throws {
        let folder = try TemporaryFolder()
        let path = folder.path("out.npy")
        // The network hands its input through: no element is negative.
        _ = try worker(folder).answer("output \(path)")
        // From the formula in NumPy 2.4.
        #expect(
            try NumpyFile.read(path).values == [
                0.5733975768089294, 0.5883937478065491, 0.7041336894035339, 0.9277628660202026,
                0.3461889624595642, 0.3443174958229065, 0.47921907901763916, 0.1370641589164734,
                0.8915315270423889, 0.5995404124259949,
            ])
    }

    @Test("a network that cannot be loaded is an answer, too")
    func failure() throws {
        let error = FathomError(operation: "load", subject: "a \"model\"", cause: "it is\nbad")
        let answer = try object(ModelWorker.failure(error))
        #expect(answer["ready"] as? Bool == false)
        #expect(answer["error"] as? String == error.description)
    }

    @Test("shares of the profile make up the whole, and the arithmetic is that of the network")
    func measurement() throws {
        let folder = try TemporaryFolder()
        var bench = ModelBench()
        bench.size = "64x32"
        bench.threads = 2
        bench.traceFile = folder.path("trace.json")
        let result = try bench.measure()
        for parts in [result.operators, result.nodes] {
            #expect(abs(parts.reduce(0) { $0 + $1.share } - 1) < 1e-6)
        }
        #expect(result.operators.reduce(0) { $0 + $1.steps } == result.nodes.count)
        #expect(result.inputs == ["image": [1, 3, 32, 64]])
        #expect(result.bestMs <= result.p50Ms && result.p50Ms <= result.p95Ms)
        let operations = result.nodes.reduce(0) { $0 + ($1.gflops ?? 0) * $1.ms / 2e3 }
        #expect(abs(operations - result.gmacs) < 1e-6 * result.gmacs)
        #expect(result.peakGflops > 0)

        let data = try Data(contentsOf: URL(fileURLWithPath: folder.path("trace.json")))
        let trace = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        let events = try #require(trace["traceEvents"] as? [[String: Any]])
        #expect(events.count >= result.nodes.count)
        #expect(events.allSatisfy { $0["ph"] as? String == "X" && $0["tid"] is Int })
        #expect(Set(events.compactMap { $0["name"] as? String }).count > 1)
    }

    @Test("every chunk of a step is in the trace, whoever did it")
    func everyChunk() throws {
        let network = try Network()
        let session = try Session(
            network.graph, inputShapes: ["image": [1, 3, 64, 64]],
            options: SessionOptions(pool: WorkerPool(threads: 3)))
        let events = try session.trace()
        let again = try session.trace()
        func chunks(_ events: [StepEvent]) -> [Int: Int] {
            Dictionary(grouping: events, by: \.step).mapValues { $0.reduce(0) { $0 + $1.chunks } }
        }
        #expect(chunks(events) == chunks(again))
        #expect(events.map(\.step) == events.map(\.step).sorted())
        #expect(events.allSatisfy { $0.end >= $0.start && (0..<3).contains($0.thread) })
    }

    @Test("a size that is none is refused", arguments: ["64", "64x", "0x32", "9999x32", "axb"])
    func wrongSize(_ size: String) {
        var bench = ModelBench()
        bench.size = size
        #expect(throws: FathomError.self) { try bench.measure() }
    }
}
