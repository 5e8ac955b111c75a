import FathomCore
import FathomMedia

/// A decoded picture on its way to the network.
struct WaitingFrame: Sendable {
    let frame: DecodedFrame
    /// What it is converted by; another one after the source was connected anew.
    let stream: StreamInfo
    let connection: Int
    let arrival: UInt64
    let wallTime: WallTime
    let followsGap: Bool
    /// Whether something before it is missing, so that it may be wrong up to the next key frame.
    let isDamaged: Bool
}

/// Where pictures wait for the network: what happens when it is too slow for them is the policy's choice.
final class FramePolicy: Sendable {
    private let policy: LatencyPolicy
    private let queue: BoundedQueue<WaitingFrame>
    private let account: LiveAccount

    init(_ policy: LatencyPolicy, account: LiveAccount) {
        self.policy = policy
        self.account = account
        queue = BoundedQueue(capacity: policy == .latestOnly ? 1 : 4)
    }

    /// Hands a picture over; `false` when nobody takes any more.
    func offer(_ frame: WaitingFrame) -> Bool {
        if policy == .block {
            if queue.send(frame) { return true }
            account.dropped(.end)
            return false
        }
        if queue.put(frame) != nil { account.dropped(.slow) }
        return true
    }

    /// Waits for the next picture; `nil` at the end.
    func next() -> WaitingFrame? { queue.receive() }

    /// Nothing comes any more; what waits is still taken.
    func finish() { queue.finish() }

    /// Nothing is taken any more; what waits counts as dropped at the end.
    func cancel() {
        account.dropped(.end, queue.drain().count)
        queue.cancel()
    }
}
