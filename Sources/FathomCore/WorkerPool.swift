import CKernels
import Glibc
import Synchronization

/// Threads that share out the chunks of one piece of work at a time.
///
/// Chunks are taken one by one from a counter, so a thread that is held up by another program costs one
/// chunk, not its share of the whole; the thread that asks works too and finishes alone if it must. Idle
/// threads spin for some microseconds and then sleep. What a chunk computes must not depend on who runs it:
/// then results are the same for any number of threads.
public final class WorkerPool: @unchecked Sendable {
    // Sendable: `body` is written by the owner of `busy` before it publishes an epoch, and read only by
    // threads that hold a chunk of that epoch; the rest is atomic or guarded by `mutex`.

    /// One worker per core of the machine, the asking thread among them.
    public static let machine = WorkerPool(threads: max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))))

    /// Threads at work on a piece, the asking one among them.
    public let threads: Int

    private let shared = Shared()
    private var workers: [pthread_t] = []

    /// Starts `threads` − 1 threads; 1 makes a pool that only ever uses the asking thread.
    public init(threads: Int) {
        precondition(threads >= 1, "a pool has at least the asking thread")
        self.threads = threads
        for _ in 1..<max(threads, 1) {
            var thread = pthread_t()
            let argument = Unmanaged.passRetained(shared).toOpaque()
            let status = pthread_create(
                &thread, nil,
                { argument in
                    guard let argument else { return nil }
                    Unmanaged<Shared>.fromOpaque(argument).takeRetainedValue().work()
                    return nil
                }, argument)
            guard status == 0 else {
                Unmanaged<Shared>.fromOpaque(argument).release()
                break  // Fewer threads than asked for: slower, still right.
            }
            workers.append(thread)
        }
    }

    deinit {
        shared.stop()
        for worker in workers { pthread_join(worker, nil) }
    }

    /// Calls `body` once with each of 0..<`chunks`, in any order and on any thread, and returns when all are done.
    ///
    /// A second thread that asks while the pool is at work does all its chunks itself, as does a chunk that asks.
    public func run(chunks: Int, _ body: @Sendable (Int) -> Void) {
        withoutActuallyEscaping(body) { body in run(chunks: chunks, kept: body) }
    }

    /// As `run(chunks:_:)`, for a body that the caller keeps: nothing is allocated.
    package func run(chunks: Int, kept body: @escaping @Sendable (Int) -> Void) {
        guard chunks > 1, !workers.isEmpty, chunks <= Ticket.largestChunkCount,
            shared.takeOwnership()
        else {
            for chunk in 0..<max(chunks, 0) { body(chunk) }
            return
        }
        shared.run(chunks: chunks, body)
        shared.endOwnership()
    }
}

/// The next chunk to hand out: which piece of work, how many chunks it has, how many are taken.
private struct Ticket {
    static let largestChunkCount = 1 << 20 - 1
    var bits: UInt64

    init(bits: UInt64) { self.bits = bits }

    init(epoch: UInt64, chunks: Int) {
        bits = epoch << 40 | UInt64(chunks) << 20
    }

    var epoch: UInt64 { bits >> 40 }
    var chunks: Int { Int(bits >> 20 & 0xF_FFFF) }
    var taken: Int { Int(bits & 0xF_FFFF) }
    var isSpent: Bool { taken >= chunks }
}

/// What the asking thread and the workers share; outlives the pool until the last worker has left.
private final class Shared: @unchecked Sendable {
    private static let spins = 2000
    private let busy = Atomic<Bool>(false)
    private let ticket = Atomic<UInt64>(0)
    private let finished = Atomic<Int>(0)
    private let sleepers = Atomic<Int>(0)
    private let ownerSleeps = Atomic<Bool>(false)
    private let stopping = Atomic<Bool>(false)
    private var body: (@Sendable (Int) -> Void)?
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let wake = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private let done = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    init() {
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(wake, nil)
        pthread_cond_init(done, nil)
    }

    deinit {
        pthread_cond_destroy(done)
        pthread_cond_destroy(wake)
        pthread_mutex_destroy(mutex)
        done.deallocate()
        wake.deallocate()
        mutex.deallocate()
    }

    func takeOwnership() -> Bool {
        busy.compareExchange(
            expected: false, desired: true, successOrdering: .acquiring,
            failureOrdering: .relaxed
        ).exchanged
    }

    func endOwnership() { busy.store(false, ordering: .releasing) }

    /// Publishes the work, helps, and waits for the chunks that others hold.
    func run(chunks: Int, _ body: @escaping @Sendable (Int) -> Void) {
        self.body = body
        finished.store(0, ordering: .relaxed)
        let epoch = Ticket(bits: ticket.load(ordering: .relaxed)).epoch &+ 1
        ticket.store(
            Ticket(epoch: epoch & 0xFF_FFFF, chunks: chunks).bits,
            ordering: .sequentiallyConsistent)
        if sleepers.load(ordering: .sequentiallyConsistent) > 0 {
            pthread_mutex_lock(mutex)
            pthread_cond_broadcast(wake)
            pthread_mutex_unlock(mutex)
        }
        takeChunks()
        waitUntilFinished(chunks)
        self.body = nil
    }

    private func waitUntilFinished(_ chunks: Int) {
        for _ in 0..<Self.spins {
            if finished.load(ordering: .acquiring) == chunks { return }
            fathom_spin_pause()
        }
        pthread_mutex_lock(mutex)
        ownerSleeps.store(true, ordering: .sequentiallyConsistent)
        while finished.load(ordering: .sequentiallyConsistent) != chunks {
            pthread_cond_wait(done, mutex)
        }
        ownerSleeps.store(false, ordering: .relaxed)
        pthread_mutex_unlock(mutex)
    }

    /// Takes chunks until none is left. The piece of work cannot end while a chunk of it is held, so `body`
    /// read after a successful claim belongs to that chunk.
    private func takeChunks() {
        var current = Ticket(bits: ticket.load(ordering: .acquiring))
        while !current.isSpent {
            let (claimed, seen) = ticket.weakCompareExchange(
                expected: current.bits, desired: current.bits + 1,
                ordering: .acquiringAndReleasing)
            guard claimed else {
                current = Ticket(bits: seen)
                continue
            }
            body?(current.taken)
            let count = finished.add(1, ordering: .sequentiallyConsistent).newValue
            if count == current.chunks, ownerSleeps.load(ordering: .sequentiallyConsistent) {
                pthread_mutex_lock(mutex)
                pthread_cond_signal(done)
                pthread_mutex_unlock(mutex)
            }
            current = Ticket(bits: ticket.load(ordering: .acquiring))
        }
    }

    /// A worker's life: work, spin a little, sleep.
    func work() {
        while true {
            takeChunks()
            var found = false
            for _ in 0..<Self.spins where !found {
                found = !Ticket(bits: ticket.load(ordering: .relaxed)).isSpent
                fathom_spin_pause()
            }
            if found { continue }
            pthread_mutex_lock(mutex)
            sleepers.add(1, ordering: .sequentiallyConsistent)
            while Ticket(bits: ticket.load(ordering: .sequentiallyConsistent)).isSpent,
                !stopping.load(ordering: .sequentiallyConsistent)
            {
                pthread_cond_wait(wake, mutex)
            }
            sleepers.subtract(1, ordering: .relaxed)
            pthread_mutex_unlock(mutex)
            if stopping.load(ordering: .acquiring) { return }
        }
    }

    func stop() {
        pthread_mutex_lock(mutex)
        stopping.store(true, ordering: .sequentiallyConsistent)
        pthread_cond_broadcast(wake)
        pthread_mutex_unlock(mutex)
    }
}
