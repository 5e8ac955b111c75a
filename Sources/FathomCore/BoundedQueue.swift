import Glibc

/// The one way items pass from thread to thread: first in, first out, at most `capacity` waiting.
///
/// Who owns an item: after `send` returned `true` the queue, then the receiver; after `false` still the sender.
/// The end travels both ways: the sender says `finish()` and the receiver gets what is left, then `nil`;
/// the receiver says `cancel()`, what waits is dropped, and every later `send` returns `false`.
/// Any number of threads may send and receive.
public final class BoundedQueue<Element: Sendable>: @unchecked Sendable {
    // Sendable: `condition`'s lock guards every variable below.

    /// How many items may wait.
    public let capacity: Int
    private let condition = Condition()
    private var items: [Element?]
    private var head = 0
    private var count = 0
    private var isFinished = false
    private var isCancelled = false
    private var fillSum = 0
    private var fillSamples = 0

    /// An empty queue of `capacity` places.
    public init(capacity: Int) {
        precondition(capacity > 0, "a queue has room for at least one item")
        self.capacity = capacity
        items = Array(repeating: nil, count: capacity)
    }

    /// Waits for a free place and puts the item there.
    /// - Returns: `false` when the receiver has gone or the queue was finished; the item stays with the caller.
    @discardableResult
    public func send(_ item: Element) -> Bool {
        condition.withLock { () -> Bool in
            while count == capacity && !isCancelled && !isFinished { condition.wait() }
            guard !isCancelled && !isFinished else { return false }
            items[(head + count) % capacity] = item
            count += 1
            condition.wakeAll()
            return true
        }
    }

    /// Waits for the next item.
    /// - Returns: `nil` once the sender has finished and everything was received, or after `cancel()`.
    public func receive() -> Element? {
        condition.withLock { () -> Element? in
            fillSum += count
            fillSamples += 1
            while count == 0 && !isFinished && !isCancelled { condition.wait() }
            guard count > 0 else { return nil }
            let item = items[head]
            items[head] = nil
            head = (head + 1) % capacity
            count -= 1
            condition.wakeAll()
            return item
        }
    }

    /// Puts the item in without ever waiting: when all places are taken, the oldest item makes room.
    ///
    /// - Returns: what did not stay: the oldest item, or `item` itself when the receiver has gone; `nil` as a rule.
    @discardableResult
    public func put(_ item: Element) -> Element? {
        condition.withLock { () -> Element? in
            guard !isCancelled && !isFinished else { return item }
            var displaced: Element?
            if count == capacity {
                displaced = items[head]
                items[head] = nil
                head = (head + 1) % capacity
                count -= 1
            }
            items[(head + count) % capacity] = item
            count += 1
            condition.wakeAll()
            return displaced
        }
    }

    /// What came of waiting for an item for a limited time.
    public enum Receipt {
        /// The next item.
        case item(Element)
        /// Nothing came in time.
        case nothing
        /// Nothing will come any more.
        case end
    }

    /// As `receive()`, for at most `seconds`.
    public func receive(seconds: Double) -> Receipt {
        let deadline = SystemClock.monotonicNanoseconds + UInt64(max(0, seconds) * 1e9)
        return condition.withLock { () -> Receipt in
            while count == 0 && !isFinished && !isCancelled {
                let now = SystemClock.monotonicNanoseconds
                guard now < deadline else { return .nothing }
                condition.wait(seconds: Double(deadline - now) / 1e9)
            }
            guard count > 0, let item = items[head] else { return .end }
            items[head] = nil
            head = (head + 1) % capacity
            count -= 1
            condition.wakeAll()
            return .item(item)
        }
    }

    /// Takes everything that waits, without waiting for more.
    public func drain() -> [Element] {
        condition.withLock { () -> [Element] in
            let waiting = (0..<count).compactMap { items[(head + $0) % capacity] }
            for index in items.indices { items[index] = nil }
            count = 0
            condition.wakeAll()
            return waiting
        }
    }

    /// The sender's last word: what waits will still be received.
    public func finish() {
        condition.withLock {
            isFinished = true
            condition.wakeAll()
        }
    }

    /// The receiver's last word: what waits is dropped, senders are let go.
    public func cancel() {
        condition.withLock {
            isCancelled = true
            for index in items.indices { items[index] = nil }
            count = 0
            condition.wakeAll()
        }
    }

    /// How many items wait at this moment.
    public var fill: Int { condition.withLock { count } }

    /// The mean number of items that waited when the receiver came for the next one.
    public var meanFill: Double {
        condition.withLock { fillSamples == 0 ? 0 : Double(fillSum) / Double(fillSamples) }
    }
}

/// A lock with a condition to wait for.
public final class Condition: @unchecked Sendable {
    // Sendable: POSIX mutexes and conditions are made to be shared.

    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    /// An open lock.
    public init() {
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// Runs `body` with the lock held.
    public func withLock<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body()
    }

    /// Gives the lock away until woken; only within `withLock`. May wake for no reason: test in a loop.
    public func wait() { pthread_cond_wait(condition, mutex) }

    /// As `wait()`, for at most `seconds`.
    public func wait(seconds: Double) {
        var deadline = timespec()
        clock_gettime(CLOCK_REALTIME, &deadline)
        let nanoseconds = deadline.tv_nsec + Int(seconds * 1e9)
        deadline.tv_sec += nanoseconds / 1_000_000_000
        deadline.tv_nsec = nanoseconds % 1_000_000_000
        pthread_cond_timedwait(condition, mutex, &deadline)
    }

    /// Wakes everything that waits.
    public func wakeAll() { pthread_cond_broadcast(condition) }
}
