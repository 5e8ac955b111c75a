import FathomCore
import FathomMedia
import Synchronization

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
    /// Pictures that wait or are worked on.
    private let pending = Atomic<Int>(0)
    private let isWorking = Atomic<Bool>(false)

    init(_ policy: LatencyPolicy, account: LiveAccount) {
        self.policy = policy
        self.account = account
        queue = BoundedQueue(capacity: policy == .latestOnly ? 1 : 4)
    }

    /// Hands a picture over; `false` when nobody takes any more.
    func offer(_ frame: WaitingFrame) -> Bool {
        pending.add(1, ordering: .sequentiallyConsistent)
        if policy == .block {
            if queue.send(frame) { return true }
            forget(1, .end)
            return false
        }
        if queue.put(frame) != nil { forget(1, .slow) }
        return true
    }

    /// Waits for the next picture; `nil` at the end. The one before counts as done.
    func next() -> WaitingFrame? {
        if isWorking.exchange(false, ordering: .sequentiallyConsistent) {
            pending.subtract(1, ordering: .sequentiallyConsistent)
        }
        let frame = queue.receive()
        isWorking.store(frame != nil, ordering: .sequentiallyConsistent)
        return frame
    }

    /// Whether no picture waits or is worked on.
    var isIdle: Bool { pending.load(ordering: .sequentiallyConsistent) == 0 }

    private func forget(_ count: Int, _ reason: LiveAccount.DropReason) {
        pending.subtract(count, ordering: .sequentiallyConsistent)
        account.dropped(reason, count)
    }

    /// Nothing comes any more; what waits is still taken.
    func finish() { queue.finish() }

    /// Nothing is taken any more; what waits counts as dropped at the end.
    func cancel() {
        forget(queue.drain().count, .end)
        queue.cancel()
    }
}
