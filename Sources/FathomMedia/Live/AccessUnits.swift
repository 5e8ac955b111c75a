import CFFmpeg
import FathomCore

/// Puts the pieces of H.264 and H.265 pictures together as they come out of RTP, one slice or parameter set each.
///
/// FFmpeg's parser knows that a picture is complete only when the next one begins: a frame's time late. This one
/// learns how many slices a picture has, and gives it with the last of them. Cameras keep that number; where it
/// proves wrong, what came too late is dropped, the next picture marked, and the number trusted less.
///
/// Sources: ITU-T H.264 §7.4.1.2, H.265 §7.4.2.4; RFC 6184, RFC 7798.
final class AccessUnits {
    /// What a piece holds.
    struct Content {
        var slices = 0
        /// Whether its first slice begins a picture.
        var beginsPicture = false
        var isKey = false
        var largestSlice = 0
    }

    /// How many slices pictures of a kind have had, and how often in a row.
    private struct Habit {
        var slices = 0
        var streak = 0

        mutating func saw(_ count: Int) {
            streak = count == slices ? streak + 1 : 0
            slices = count
        }
    }

    private let isHEVC: Bool
    private var pieces: [ArrivedPacket] = []
    private var content = Content()
    private var time: Int64 = noTimestamp
    /// The picture that was given before its end was seen.
    private var givenEarly: Int64?
    private var followsDamage = false
    private var keyHabit = Habit()
    private var otherHabit = Habit()
    /// Whether slices are larger than datagrams: else their number may go by their size.
    private var hasLargeSlices = false
    /// How often in a row a number must have been right.
    private var demanded = 12

    private static let mostBytes = 1 << 25
    private static let mostPieces = 4096

    init(isHEVC: Bool) { self.isHEVC = isHEVC }

    /// Takes the next piece; gives the pictures that are complete by it.
    func add(_ piece: ArrivedPacket) throws(FathomError) -> [ArrivedPacket] {
        let packet = piece.packet.pointer.pointee
        guard let data = packet.data, packet.size > 0 else { return [] }
        let found = Self.content(
            UnsafeBufferPointer(start: data, count: Int(packet.size)), isHEVC: isHEVC)
        var complete: [ArrivedPacket] = []
        if let early = givenEarly {
            if packet.pts == early, found.slices > 0, !found.beginsPicture {
                // There was more of it than ever before.
                if !followsDamage { distrust() }
                return []
            }
            // What else comes of it (supplements behind the picture) goes with the next one.
            if found.slices > 0 { givenEarly = nil }
        } else if content.slices > 0, packet.pts != time || found.beginsPicture {
            learn()
            complete += try give()
        }
        if found.slices > 0 || pieces.isEmpty { time = packet.pts }
        pieces.append(piece)
        content.slices += found.slices
        content.isKey = content.isKey || found.isKey
        hasLargeSlices = hasLargeSlices || found.largestSlice > 2000
        guard pieces.count < Self.mostPieces,
            pieces.reduce(0, { $0 + $1.packet.size }) < Self.mostBytes
        else {
            // No picture is that large.
            pieces = []
            content = Content()
            followsDamage = true
            return complete
        }
        if content.slices > 0, isExpectedEnd {
            givenEarly = time
            complete += try give()
        }
        return complete
    }

    private var isExpectedEnd: Bool {
        let habit = content.isKey ? keyHabit : otherHabit
        // An encoder that cuts slices by size would need more of them for a key frame.
        let isBySize =
            !hasLargeSlices && (keyHabit.streak == 0 || keyHabit.slices != otherHabit.slices)
        // Key frames are rare, but much hangs on them: the others have to be steady, too.
        return !isBySize && otherHabit.streak >= demanded
            && habit.streak >= (content.isKey ? min(2, demanded) : demanded)
            && content.slices == habit.slices
    }

    private func learn() {
        if content.isKey {
            keyHabit.saw(content.slices)
        } else {
            otherHabit.saw(content.slices)
        }
    }

    private func distrust() {
        demanded = min(demanded * 8, 1 << 20)
        keyHabit = Habit()
        otherHabit = Habit()
        followsDamage = true
    }

    /// The picture of the pieces so far.
    private func give() throws(FathomError) -> [ArrivedPacket] {
        defer {
            pieces = []
            content = Content()
        }
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
        if content.isKey { packet.pointer.pointee.flags |= AV_PKT_FLAG_KEY }
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
        for (index, start) in starts.enumerated() {
            let end = index + 1 < starts.count ? starts[index + 1] - 3 : bytes.count
            let header = isHEVC ? 2 : 1
            guard end - start > header else { continue }
            let type = isHEVC ? (bytes[start] >> 1) & 0x3f : bytes[start] & 0x1f
            let isSlice = isHEVC ? type < 32 : (1...5).contains(type)
            guard isSlice else {
                // A recovery point: decoding can begin here without a picture that stands alone.
                if !isHEVC, type == 6, bytes[start + 1] == 6 { content.isKey = true }
                continue
            }
            // First macroblock 0 as exp-Golomb, or the flag of the first segment: a leading 1 bit in both.
            if content.slices == 0 { content.beginsPicture = bytes[start + header] & 0x80 != 0 }
            content.slices += 1
            content.largestSlice = max(content.largestSlice, end - start)
            if isHEVC ? (16...21).contains(type) : type == 5 { content.isKey = true }
        }
        return content
    }
}
