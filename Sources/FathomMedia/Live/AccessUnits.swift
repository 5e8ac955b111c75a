import CFFmpeg
import FathomCore

/// Puts the pieces of H.264 and H.265 pictures together as FFmpeg gets them out of RTP: parameter sets, slices, and
/// fragments of slices, without a word on which is the last.
///
/// FFmpeg's parser knows that a picture is complete only when the next one begins: a frame's time late. This one
/// learns how many slices a camera's pictures have, and that the last fragment of a slice is smaller than those before
/// it. It guesses at each picture, and once its guesses have been right for a while, it gives pictures by them. Where a
/// guess proves wrong, what came too late is dropped, the next picture marked, and guesses are trusted less.
///
/// Sources: ITU-T H.264 §7.4.1.2, H.265 §7.4.2.4; RFC 6184, RFC 7798.
final class AccessUnits {
    /// What a piece holds.
    struct Content {
        /// Whether a unit begins in it; else it goes on with the one before.
        var beginsUnit = false
        var slices = 0
        /// Whether its first slice begins a picture.
        var beginsPicture = false
        var isKey = false
        /// Whether its last unit is a slice.
        var endsInSlice = false
        /// Bytes of its last unit behind the header; of all, where it goes on with the unit before.
        var lastBytes = 0
    }

    /// Pictures of a kind: how many slices the latest had, and how often in a row the guess was right.
    private struct Habit {
        var slices = 0
        var rightGuesses = 0
    }

    private let isHEVC: Bool
    private var pieces: [ArrivedPacket] = []
    private var slices = 0
    private var isKey = false
    private var time: Int64 = noTimestamp
    /// Pieces that there were when the picture was first guessed to be complete.
    private var guess: Int?
    /// Bytes of the latest piece of a slice that may go on; nil behind other units.
    private var openSlice: Int?
    /// Whether that piece is the slice's first one.
    private var isFirstFragment = false
    /// Pieces up to the last one of a slice.
    private var lastSlicePiece = 0
    /// The fewest bytes of a first fragment so far: what is smaller is no fragment.
    private var smallestFirstFragment = Int.max
    private var hasFragments = false
    /// The time of the picture that was given before its end was seen.
    private var givenEarly: Int64?
    private var followsDamage = false
    private var keyHabit = Habit()
    private var otherHabit = Habit()
    /// How often in a row guesses must have been right.
    private var demanded = 12

    private static let mostBytes = 1 << 25
    private static let mostPieces = 1 << 15

    init(isHEVC: Bool) { self.isHEVC = isHEVC }

    /// Takes the next piece; gives the pictures that are complete by it.
    func add(_ piece: ArrivedPacket) throws(FathomError) -> [ArrivedPacket] {
        let packet = piece.packet.pointer.pointee
        guard let data = packet.data, packet.size > 0 else { return [] }
        let found = Self.content(
            UnsafeBufferPointer(start: data, count: Int(packet.size)), isHEVC: isHEVC)
        if let early = givenEarly {
            if packet.pts == early, !found.beginsUnit || (found.slices > 0 && !found.beginsPicture)
            {
                // There was more of it than was guessed.
                if !followsDamage { distrust() }
                return []
            }
            // What else comes of it (supplements behind the picture) goes with the next one.
            if found.slices > 0 { givenEarly = nil }
        }
        var complete: [ArrivedPacket] = []
        if slices > 0, packet.pts != time || found.beginsPicture {
            learn()
            complete += try give()
        }
        if found.slices > 0 || pieces.isEmpty { time = packet.pts }
        pieces.append(piece)
        slices += found.slices
        isKey = isKey || found.isKey
        guard pieces.count < Self.mostPieces,
            pieces.count % 256 != 0
                || pieces.reduce(0, { $0 + $1.packet.size }) < Self.mostBytes
        else {
            // No picture is that large.
            clear()
            followsDamage = true
            return complete
        }
        if hasSliceEnded(behind: found), guess == nil, slices == habit.slices, slices > 0 {
            guess = pieces.count
            if isTrusted {
                givenEarly = time
                complete += try give()
            }
        }
        return complete
    }

    /// Whether no fragment of a slice is to be awaited, as far as sizes tell.
    private func hasSliceEnded(behind piece: Content) -> Bool {
        let before = openSlice
        openSlice = piece.lastBytes
        if piece.beginsUnit {
            guard piece.endsInSlice else {
                openSlice = nil
                return false
            }
            lastSlicePiece = pieces.count
            isFirstFragment = true
            return piece.lastBytes < smallestFirstFragment
        }
        guard let before else {
            openSlice = nil
            return false
        }
        lastSlicePiece = pieces.count
        hasFragments = true
        if isFirstFragment { smallestFirstFragment = min(smallestFirstFragment, before) }
        isFirstFragment = false
        return piece.lastBytes < before
    }

    private var habit: Habit { isKey ? keyHabit : otherHabit }

    /// Whether guesses have been right for long enough.
    private var isTrusted: Bool {
        // An encoder that cuts slices to the size of datagrams needs more of them for a key frame.
        guard hasFragments || keyHabit.slices == otherHabit.slices else { return false }
        // Key frames are rare, but much hangs on them: the others have to be steady, too.
        return otherHabit.rightGuesses >= demanded
            && (!isKey || keyHabit.rightGuesses >= min(2, demanded))
    }

    /// Compares the guess with the picture, whose end is known now.
    private func learn() {
        var habit = habit
        if let guess {
            habit.rightGuesses = guess == lastSlicePiece ? habit.rightGuesses + 1 : 0
        } else if slices != habit.slices {
            habit.rightGuesses = 0
        }
        habit.slices = slices
        if isKey { keyHabit = habit } else { otherHabit = habit }
    }

    private func distrust() {
        demanded = min(demanded * 8, 1 << 20)
        keyHabit = Habit()
        otherHabit = Habit()
        followsDamage = true
    }

    private func clear() {
        pieces = []
        slices = 0
        isKey = false
        guess = nil
        openSlice = nil
        lastSlicePiece = 0
    }

    /// The picture of the pieces so far.
    private func give() throws(FathomError) -> [ArrivedPacket] {
        defer { clear() }
        guard let first = pieces.first, let last = pieces.last else { return [] }
        let packet = try Packet(timeBase: first.packet.timeBase)
        let size = pieces.reduce(0) { $0 + $1.packet.size }
        guard av_new_packet(packet.pointer, Int32(size)) >= 0,
            let target = packet.pointer.pointee.data
        else { throw .outOfMemory("read") }
        var offset = 0
        for piece in pieces {
            guard let data = piece.packet.pointer.pointee.data else { continue }
            UnsafeMutableRawPointer(target + offset).copyMemory(
                from: data, byteCount: piece.packet.size)
            offset += piece.packet.size
        }
        packet.pointer.pointee.pts = time
        packet.pointer.pointee.stream_index = first.packet.pointer.pointee.stream_index
        if isKey { packet.pointer.pointee.flags |= AV_PKT_FLAG_KEY }
        if followsDamage || pieces.contains(where: \.packet.isDamaged) {
            packet.pointer.pointee.flags |= AV_PKT_FLAG_CORRUPT
        }
        followsDamage = false
        // The time of the picture itself, not of parameter sets that went before it.
        let timed = pieces.last { $0.packet.pointer.pointee.pts == time } ?? last
        return [
            ArrivedPacket(
                packet: packet, arrival: last.arrival, wallTime: timed.wallTime,
                hasClock: last.hasClock)
        ]
    }

    /// Looks at the units of a piece, each behind a start code.
    static func content(_ bytes: UnsafeBufferPointer<UInt8>, isHEVC: Bool) -> Content {
        var content = Content()
        var starts: [Int] = []
        var position = 0
        while position + 3 < bytes.count {
            if bytes[position] == 0, bytes[position + 1] == 0, bytes[position + 2] == 1 {
                starts.append(position + 3)
                position += 3
            } else {
                position += 1
            }
        }
        content.beginsUnit = starts.first.map { $0 <= 4 } ?? false
        content.lastBytes = bytes.count
        for (index, start) in starts.enumerated() {
            let end = index + 1 < starts.count ? starts[index + 1] - 3 : bytes.count
            let header = isHEVC ? 2 : 1
            guard end - start > header else { continue }
            let type = isHEVC ? (bytes[start] >> 1) & 0x3f : bytes[start] & 0x1f
            let isSlice = isHEVC ? type < 32 : (1...5).contains(type)
            content.endsInSlice = isSlice
            content.lastBytes = end - start - header
            guard isSlice else {
                // A recovery point: decoding can begin here without a picture that stands alone.
                if !isHEVC, type == 6, bytes[start + 1] == 6 { content.isKey = true }
                continue
            }
            // First macroblock 0 as exp-Golomb, or the flag of the first segment: a leading 1 bit in both.
            if content.slices == 0 { content.beginsPicture = bytes[start + header] & 0x80 != 0 }
            content.slices += 1
            if isHEVC ? (16...21).contains(type) : type == 5 { content.isKey = true }
        }
        return content
    }
}
