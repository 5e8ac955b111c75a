/// Lets several threads use one thing in the order in which they asked: nobody waits for more than one turn of each.
public final class Turns: Sendable {
    private let condition = Condition()
    private nonisolated(unsafe) var nextTicket = 0
    private nonisolated(unsafe) var served = 0

    /// Nobody waits.
    public init() {}

    /// Waits for its turn and does the work.
    public func take<R, E: Error>(_ work: () throws(E) -> R) throws(E) -> R {
        condition.withLock {
            let ticket = nextTicket
            nextTicket &+= 1
            while served != ticket { condition.wait() }
        }
        defer {
            condition.withLock {
                served &+= 1
                condition.wakeAll()
            }
        }
        return try work()
    }
}
