import FathomCore
import Foundation
import Synchronization
import Testing

/// One count per chunk.
private final class Counts: Sendable {
    private let counts: Mutex<[Int]>
    init(_ chunks: Int) { counts = Mutex(Array(repeating: 0, count: chunks)) }
    func add(_ chunk: Int) { counts.withLock { $0[chunk] += 1 } }
    var values: [Int] { counts.withLock { $0 } }
}

@Suite("the worker pool")
struct WorkerPoolTests {
    @Test("every chunk is done exactly once", arguments: [1, 2, 3, 8])
    func once(threads: Int) {
        let pool = WorkerPool(threads: threads)
        for chunks in [0, 1, 2, 7, 100, 1000] {
            let counts = Counts(chunks)
            pool.run(chunks: chunks) { counts.add($0) }
            #expect(counts.values == Array(repeating: 1, count: chunks))
        }
    }

    @Test("many small pieces of work one after the other lose nothing")
    func manyPieces() {
        let pool = WorkerPool(threads: 4)
        let total = Atomic<Int>(0)
        for _ in 0..<20000 {
            pool.run(chunks: 3) { _ in total.add(1, ordering: .relaxed) }
        }
        #expect(total.load(ordering: .relaxed) == 60000)
    }

    @Test("a chunk may ask the pool for work itself")
    func nested() {
        let pool = WorkerPool(threads: 3)
        let counts = Counts(16)
        pool.run(chunks: 4) { outer in
            pool.run(chunks: 4) { inner in counts.add(outer * 4 + inner) }
        }
        #expect(counts.values == Array(repeating: 1, count: 16))
    }

    @Test("several threads may ask at the same time")
    func concurrentCallers() {
        let pool = WorkerPool(threads: 3)
        let counts = Counts(6 * 50)
        DispatchQueue.concurrentPerform(iterations: 6) { caller in
            for round in 0..<50 {
                pool.run(chunks: 10) { chunk in
                    if chunk == round % 10 { counts.add(caller * 50 + round) }
                }
            }
        }
        #expect(counts.values == Array(repeating: 1, count: 300))
    }

    @Test("a pool that is let go ends its threads, also right after work")
    func release() {
        for threads in 1...6 {
            let total = Atomic<Int>(0)
            WorkerPool(threads: threads).run(chunks: 20) { _ in
                total.add(1, ordering: .relaxed)
            }
            #expect(total.load(ordering: .relaxed) == 20)
        }
    }
}
