/// How long to wait before the next attempt: twice as long each time up to a bound, with a random part so that many
/// clients of a server that went away don't come back all at once.
public struct Backoff: Sendable {
    private let first: Double
    private let most: Double
    private var wait: Double

    /// Waits of `first` seconds, then longer, up to `most`.
    public init(first: Double = 0.5, most: Double = 30) {
        self.first = first
        self.most = most
        wait = first
    }

    /// Seconds to wait now: between half of what is due and all of it.
    public mutating func next() -> Double {
        defer { wait = min(wait * 2, most) }
        return wait * Double.random(in: 0.5...1)
    }

    /// It worked: the next failure begins anew.
    public mutating func reset() { wait = first }
}
