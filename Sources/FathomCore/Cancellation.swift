import Synchronization

/// One word that ends a piece of work: asked by everything that may wait, set by whoever wants the end.
public final class Cancellation: Sendable {
    private let flag = Atomic<Bool>(false)
    private let parent: Cancellation?

    /// Work that nobody has cancelled yet; the end of `parent` is its end, too.
    public init(parent: Cancellation? = nil) { self.parent = parent }

    /// Asks the work to end.
    public func cancel() { flag.store(true, ordering: .releasing) }

    /// Whether the work was asked to end.
    public var isCancelled: Bool {
        flag.load(ordering: .acquiring) || (parent?.isCancelled ?? false)
    }
}
