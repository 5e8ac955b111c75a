import CKernels
import FathomCore
import Synchronization

/// How much arithmetic this machine can do at most, as measured.
public enum PeakArithmetic {
    /// Seconds that one measurement lasts, roughly.
    private static let seconds = 0.03

    /// Floating-point operations a second in 32 bits, with every thread of a pool at work at the same time.
    ///
    /// A multiplication with an addition counts as two. The best of three short measurements: what else the machine
    /// does at the moment only takes away from it.
    public static func measure(
        pool: WorkerPool, instructionSet: InstructionSet = .current
    ) -> Double {
        guard let kernel = fathom_peak_at(instructionSet.code) else { return 0 }
        var rounds = 100_000
        let alone = rate(kernel, rounds, WorkerPool(threads: 1))
        rounds = max(rounds, Int(alone.rate * seconds / alone.operations * Double(rounds)))
        return (0..<3).map { _ in rate(kernel, rounds, pool).rate }.max() ?? 0
    }

    private static func rate(
        _ kernel: fathom_peak_kernel, _ rounds: Int, _ pool: WorkerPool
    ) -> (rate: Double, operations: Double) {
        let done = Mutex(0.0)
        // Many small pieces, as the network's work is cut: a thread that starts late does fewer.
        let pieces = pool.threads * 16
        let start = SystemClock.monotonicNanoseconds
        pool.run(chunks: pieces) { _ in
            var result: Float = 1
            let operations = kernel(rounds / 16 + 1, &result)
            done.withLock { $0 += operations }
        }
        let elapsed = Double(SystemClock.monotonicNanoseconds - start) / 1e9
        let operations = done.withLock { $0 }
        return (operations / max(elapsed, 1e-9), operations)
    }
}
