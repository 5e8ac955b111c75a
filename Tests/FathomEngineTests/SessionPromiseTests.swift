import CAllocationCounter
import FathomCore
import FathomEngine
import FathomGraph
import Foundation
import Synchronization
import Testing

@Suite("promises of a session")
struct SessionPromiseTests {
    /// A network with a step of nearly every kind.
    private func network() throws -> SmallGraph {
        var random = SeededRandom(1)
        return try SmallGraph(
            [
                Node("Conv", inputs: ["x", "w"], outputs: ["a"]),
                Node("Sigmoid", inputs: ["a"], outputs: ["b"]),
                Node(
                    "MaxPool", inputs: ["b"], outputs: ["c"],
                    attributes: ["kernel_shape": .integers([2, 2]), "strides": .integers([2, 2])]),
                Node("Reshape", inputs: ["c", "tokens"], outputs: ["d"]),
                Node(
                    "Transpose", inputs: ["d"], outputs: ["e"],
                    attributes: ["perm": .integers([0, 2, 1])]),
                Node("MatMul", inputs: ["e", "m"], outputs: ["f"]),
                Node("Add", inputs: ["f", "bias"], outputs: ["g"]),
                Node("MatMul", inputs: ["g", "d"], outputs: ["h"]),
                Node("Softmax", inputs: ["h"], outputs: ["i"], attributes: ["axis": .integer(-1)]),
                Node(
                    "ReduceMean", inputs: ["i"], outputs: ["j"],
                    attributes: ["axes": .integers([2])]),
                Node("Mul", inputs: ["e", "j"], outputs: ["y"]),
            ], inputs: ["x": [1, 3, 16, 24]],
            constants: [
                "w": .floats(random.tensor([24, 3, 1, 1])), "tokens": .list([1, 24, 96]),
                "m": .floats(random.tensor([24, 24])), "bias": .floats(random.tensor([24])),
            ], operatorSet: 13)
    }

    @Test(
        "a run allocates nothing",
        .enabled(
            if: allocation_counter_works() != 0 || ProcessInfo.processInfo.environment["CI"] != nil,
            "another malloc, such as a sanitizer's, stands before the counter"),
        arguments: [1, 2])
    func allocations(threads: Int) throws {
        let small = try network()
        let session = try Session(
            small.graph, inputShapes: [:],
            options: SessionOptions(pool: WorkerPool(threads: threads)))
        _ = try session.run(small.values)
        allocation_counter_start()
        for _ in 0..<5 { try session.execute() }
        let count = allocation_counter_stop()
        #expect(count == 0)
        // The counter does count.
        allocation_counter_start()
        _ = try session.run(small.values)
        #expect(allocation_counter_stop() > 0)
    }

    @Test("several sessions at once, on one pool and from several threads, give what one gives")
    func concurrentSessions() throws {
        let small = try network()
        try small.check()
        let pool = WorkerPool(threads: 2)
        let options = SessionOptions(pool: pool)
        let expected = try Session(small.graph, inputShapes: [:], options: options)
            .run(small.values)["y"]?.values
        let wrong = Atomic<Int>(0)
        let threads = try (0..<4).map { index in
            let session = try Session(small.graph, inputShapes: [:], options: options)
            return JoinedThread(name: "session \(index)") {
                for _ in 0..<20 where (try? session.run(small.values)["y"]?.values) != expected {
                    wrong.add(1, ordering: .relaxed)
                }
            }
        }
        for thread in threads { thread.join() }
        #expect(wrong.load(ordering: .relaxed) == 0)
    }
}
