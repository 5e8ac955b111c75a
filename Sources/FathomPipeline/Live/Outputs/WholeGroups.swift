import FathomCore
import FathomMedia

/// Lets video packets through from a key frame on, and after a loss from the next key frame on: what lies between
/// can't be decoded. One for each stream that is read.
struct WholeGroups {
    private var isWaiting = true
    private var seen = 0
    private var stream: ObjectIdentifier?

    /// Whether the packet can be used.
    ///
    /// `dropped` is how many packets the reader's queue has lost so far.
    mutating func admits(_ packet: LivePacket, dropped: Int) -> Bool {
        if dropped != seen || stream != ObjectIdentifier(packet.stream) {
            seen = dropped
            stream = ObjectIdentifier(packet.stream)
            isWaiting = true
        }
        if packet.packet.isKey { isWaiting = false }
        return !isWaiting
    }

    /// Begins anew, with a key frame.
    mutating func restart() { isWaiting = true }
}
