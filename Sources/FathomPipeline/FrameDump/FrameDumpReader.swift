import CKernels
import FathomCore

/// Reads a frame dump piece by piece, as it comes from a file, a pipe or a socket.
///
/// Everything in the stream is taken as hostile. Reading goes up to the first byte that makes no sense and
/// stops there with `.damage`; nothing after it is guessed at. Memory is bounded by one frame and one packet.
public struct FrameDumpReader: Sendable {
    /// The longest head that is read.
    static let longestHead = 1 << 16

    /// What the head said; nil before it has been read.
    public var description: FrameDumpDescription? { session?.description }
    /// Depth frames given so far.
    public private(set) var frames = 0

    private enum State { case head, packets, ended, stopped }
    private var state = State.head
    private let subject: String
    private var buffer: [UInt8] = []
    private var start = 0
    private var consumed = 0
    private var inputEnded = false
    private var session: SessionDescription?
    private var depth = DepthAssembler()
    private var color = JPEGAssembler()
    private var events: [FrameDumpEvent] = []

    /// A reader at the start of a stream; `name` is what errors call it.
    public init(name: String = "the frame dump") {
        subject = name
    }

    /// Takes the stream's next bytes.
    public mutating func append(_ bytes: UnsafeRawBufferPointer) {
        if start > 1 << 16 {
            buffer.removeFirst(start)
            start = 0
        }
        if state == .head || state == .packets { buffer.append(contentsOf: bytes) }
    }

    /// Says that no more bytes will come.
    public mutating func finish() { inputEnded = true }

    /// The next event; nil when more bytes are needed, or all has been said after `finish`.
    ///
    /// Throws when the stream isn't a frame dump at all or its head can't be right.
    public mutating func next() throws(FathomError) -> FrameDumpEvent? {
        while events.isEmpty {
            switch state {
            case .head:
                guard try readHead() else { return nil }
            case .packets:
                guard readPacket() else { return nil }
            case .ended, .stopped:
                return nil
            }
        }
        return events.removeFirst()
    }

    private mutating func readHead() throws(FathomError) -> Bool {
        func fail(_ cause: String) -> FathomError {
            FathomError(
                operation: "read", subject: subject, cause: cause,
                remedy: "Give a file that fathom run --dump wrote")
        }
        let opening = Array("FATHOM/1.0 ANNOUNCE\r\n".utf8)
        guard buffer.prefix(opening.count).elementsEqual(opening.prefix(buffer.count)) else {
            throw fail("it is not a frame dump")
        }
        guard let end = Self.endOfHead(buffer) else {
            guard buffer.count < Self.longestHead else { throw fail("its head has no end") }
            guard !inputEnded else {
                throw fail(buffer.isEmpty ? "it is empty" : "it ends within its head")
            }
            return false
        }
        let head = String(decoding: buffer[..<end], as: UTF8.self)
        let field = head.split(whereSeparator: \.isNewline).first {
            $0.lowercased().hasPrefix("content-length:")
        }
        guard let digits = field?.dropFirst("content-length:".count).drop(while: { $0 == " " }),
            let length = Int(digits), (1...Self.longestHead).contains(length)
        else { throw fail("its head has no sensible Content-Length") }
        guard buffer.count - end >= length else {
            guard !inputEnded else { throw fail("it ends within its head") }
            return false
        }
        let text = String(decoding: buffer[end..<end + length], as: UTF8.self)
        let session = try SessionDescription(sdp: text, subject: subject)
        self.session = session
        depth = DepthAssembler(session: session)
        color = JPEGAssembler(session: session)
        advance(end + length)
        state = .packets
        events.append(.description(session.description))
        return true
    }

    /// The place after the empty line, within the longest head.
    private static func endOfHead(_ bytes: [UInt8]) -> Int? {
        let limit = min(bytes.count, longestHead)
        var index = 3
        while index < limit {
            if bytes[index] == 10, bytes[index - 1] == 13, bytes[index - 2] == 10,
                bytes[index - 3] == 13
            {
                return index + 1
            }
            index += 1
        }
        return nil
    }

    /// Reads one interleaved packet; false when there isn't a whole one.
    private mutating func readPacket() -> Bool {
        let available = buffer.count - start
        guard available > 0 else {
            guard inputEnded else { return false }
            stop(
                depth.isWithinFrame
                    ? "the dump ends within a frame"
                    : "the dump has no goodbye: it was cut, or is still being written")
            return true
        }
        guard buffer[start] == UInt8(ascii: "$") else {
            stop("a packet should begin here with '$'")
            return true
        }
        let size = available < 4 ? 0 : Int(buffer[start + 2]) << 8 | Int(buffer[start + 3])
        guard available >= 4, available >= 4 + size else {
            guard inputEnded else { return false }
            stop("the dump ends within a packet")
            return true
        }
        let channel = buffer[start + 1]
        let outcome = buffer.withUnsafeBytes { bytes in
            let packet = UnsafeRawBufferPointer(rebasing: bytes[start + 4..<start + 4 + size])
            switch channel {
            case 0: return depth.take(packet, index: &frames, events: &events, at: consumed)
            case 1: return depth.takeControl(packet)
            case 2 where session?.description.colorSize != nil:
                return color.take(packet, events: &events, at: consumed)
            default: return .damage("channel \(channel) is not declared in the head")
            }
        }
        switch outcome {
        case .taken: advance(4 + size)
        case .goodbye:
            advance(4 + size)
            if depth.isWithinFrame {
                stop("the goodbye comes within a frame")
            } else {
                state = .ended
            }
        case .damage(let reason): stop(reason)
        }
        return true
    }

    private mutating func advance(_ count: Int) {
        start += count
        consumed += count
    }

    private mutating func stop(_ reason: String) {
        events.append(
            .damage(FrameDumpDamage(offset: consumed, frames: frames, reason: reason)))
        state = .stopped
        buffer = []
        start = 0
    }
}

/// What became of a packet.
enum PacketOutcome {
    case taken
    case goodbye
    case damage(String)
}
