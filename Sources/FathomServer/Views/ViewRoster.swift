import FathomCore
import FathomPipeline
import Logging
import Synchronization

/// The views that are looked at; each exists once, and there are only so many.
final class ViewRoster: Sendable {
    private struct State {
        var views: [ViewOptions: LiveView] = [:]
        var ended: [LiveView] = []
        var isStopped = false
    }

    private let limit: Int
    private let defaults: RunConfiguration
    private let logger: Logger
    private let published: @Sendable () -> Void
    private let state = Mutex(State())

    /// At most `limit` different views.
    init(
        limit: Int, defaults: RunConfiguration, logger: Logger,
        published: @escaping @Sendable () -> Void
    ) {
        self.limit = limit
        self.defaults = defaults
        self.logger = logger
        self.published = published
    }

    /// A viewer's place at a view, which is made if need be.
    func subscribe(
        _ options: ViewOptions, feed: LiveFeed
    ) throws(HTTPRefusal) -> (first: [UInt8]?, pieces: Subscription<[UInt8]>) {
        buryEnded()
        return try state.withLock { (state) throws(HTTPRefusal) in
            if let view = state.views[options] { return view.subscribe() }
            guard !state.isStopped else { throw HTTPRefusal(503, "The server ends.") }
            // One that nobody looks at any more makes room.
            if state.views.count >= limit,
                let idle = state.views.first(where: { $0.value.viewers == 0 })
            {
                idle.value.cancel()
                state.views[idle.key] = nil
                state.ended.append(idle.value)
            }
            guard state.views.count < limit else {
                throw HTTPRefusal(
                    503,
                    "\(limit) different views are shown already: ask for one of those, or close one."
                )
            }
            let view = LiveView(
                options, feed: feed, defaults: defaults, logger: logger, published: published)
            state.views[options] = view
            let place = view.subscribe()
            view.start { [weak self] view, always in self?.retire(view, always) ?? true }
            return place
        }
    }

    /// How many views there are, and viewers by source.
    var counts: (views: Int, viewers: [Int: Int]) {
        state.withLock { state in
            var viewers: [Int: Int] = [:]
            for (options, view) in state.views {
                viewers[options.source, default: 0] += view.viewers
            }
            return (state.views.count, viewers)
        }
    }

    /// Ends all; returns when nothing is drawn any more.
    func stop() {
        state.withLock { state in
            state.isStopped = true
            for view in state.views.values { view.cancel() }
            state.ended += state.views.values
            state.views = [:]
        }
        while !buryEnded(seconds: 1) {}
    }

    /// Whether a view may end because nobody looks; from then on it can't be found.
    private func retire(_ view: LiveView, _ always: Bool) -> Bool {
        state.withLock { state in
            guard state.views[view.options] === view else { return true }
            guard always || view.viewers == 0 else { return false }
            state.views[view.options] = nil
            state.ended.append(view)
            return true
        }
    }

    /// Lets go of the views that have ended; `false` when one of them takes longer than `seconds`.
    @discardableResult
    private func buryEnded(seconds: Double = 0) -> Bool {
        let ended = state.withLock { state in
            defer { state.ended = [] }
            return state.ended
        }
        let alive = ended.filter { !$0.join(seconds: seconds) }
        state.withLock { $0.ended += alive }
        return alive.isEmpty
    }
}
