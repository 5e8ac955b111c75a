import CKernels
import Synchronization

/// Pieces of scratch memory that the chunks of one step take in turns, so that a thread works where its cache is warm.
final class ScratchSlots: @unchecked Sendable {
    // Sendable: a slot's memory is used by the one chunk that holds it.

    /// Chunks in work at a time; more threads than that wait for each other.
    private static let most = 8

    /// How many slots a step of so many chunks needs.
    static func count(chunks: Int) -> Int { min(max(chunks, 1), most) }

    private let memory: UnsafeMutablePointer<Float>
    private let slotCount: Int
    private let slots: Int
    private let used = Atomic<UInt64>(0)

    /// `slots` pieces of `slotCount` numbers each, one behind the other.
    init(_ memory: UnsafeMutablePointer<Float>, slots: Int, slotCount: Int) {
        self.memory = memory
        self.slots = slots
        self.slotCount = slotCount
    }

    /// Calls `body` with the lowest slot that is free, once there is one.
    func withSlot(_ body: (UnsafeMutablePointer<Float>) -> Void) {
        let slot = take()
        body(memory + slot * slotCount)
        used.bitwiseAnd(~(1 << UInt64(slot)), ordering: .releasing)
    }

    private func take() -> Int {
        while true {
            let current = used.load(ordering: .relaxed)
            let slot = (~current).trailingZeroBitCount
            if slot < slots,
                used.compareExchange(
                    expected: current, desired: current | 1 << UInt64(slot), ordering: .acquiring
                ).exchanged
            {
                return slot
            }
            fathom_spin_pause()
        }
    }
}
