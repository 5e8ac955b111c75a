import Synchronization

/// Hands every item to all who subscribed, each with a queue of its own: a slow one loses items, the others don't.
public final class Broadcast<Element: Sendable>: Sendable {
    private struct State {
        var subscriptions: [Subscription<Element>] = []
        var isFinished = false
    }
    private let state = Mutex(State())

    /// A broadcast without subscribers.
    public init() {}

    /// Everything that is published from now on, at most `capacity` items waiting.
    ///
    /// - Parameter waits: whether `publish` waits for this subscriber rather than dropping its oldest item.
    public func subscribe(capacity: Int = 1, waits: Bool = false) -> Subscription<Element> {
        let subscription = Subscription<Element>(capacity: capacity, waits: waits)
        state.withLock { state in
            if state.isFinished {
                subscription.queue.finish()
            } else {
                state.subscriptions.append(subscription)
            }
        }
        return subscription
    }

    /// Gives the item to every subscriber.
    public func publish(_ item: Element) {
        let subscriptions = state.withLock { state in
            state.subscriptions.removeAll { $0.isCancelled }
            return state.subscriptions
        }
        for subscription in subscriptions { subscription.offer(item) }
    }

    /// Nothing comes any more: subscribers receive what waits, then the end.
    public func finish() {
        let subscriptions = state.withLock { state in
            state.isFinished = true
            defer { state.subscriptions = [] }
            return state.subscriptions
        }
        for subscription in subscriptions { subscription.queue.finish() }
    }

    /// How many listen now.
    public var subscriberCount: Int {
        state.withLock { $0.subscriptions.count { !$0.isCancelled } }
    }
}

/// One listener's place at a `Broadcast`; one thread receives.
public final class Subscription<Element: Sendable>: Sendable {
    let queue: BoundedQueue<Element>
    private let waits: Bool
    private let losses = Atomic<Int>(0)
    private let cancelled = Atomic<Bool>(false)

    init(capacity: Int, waits: Bool) {
        queue = BoundedQueue(capacity: capacity)
        self.waits = waits
    }

    fileprivate func offer(_ item: Element) {
        if waits {
            queue.send(item)
        } else if queue.put(item) != nil, !isCancelled {
            losses.add(1, ordering: .relaxed)
        }
    }

    /// Waits for the next item; `nil` at the end.
    public func next() -> Element? { queue.receive() }

    /// Waits at most `seconds`.
    public func next(seconds: Double) -> BoundedQueue<Element>.Receipt {
        queue.receive(seconds: seconds)
    }

    /// Items that were dropped because this listener was slow.
    public var dropped: Int { losses.load(ordering: .relaxed) }

    /// Listens no longer; a thread that waits gets the end.
    public func cancel() {
        cancelled.store(true, ordering: .releasing)
        queue.cancel()
    }

    /// Whether it listens no longer.
    public var isCancelled: Bool { cancelled.load(ordering: .acquiring) }

    deinit { queue.cancel() }
}
