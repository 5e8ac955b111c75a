import FathomCore

/// What a frame dump's reader has found, in the order of the stream.
public enum FrameDumpEvent: Sendable {
    /// The head: once, first.
    case description(FrameDumpDescription)
    /// A depth frame.
    case frame(DumpedFrame)
    /// A source picture of channel 2; it comes before the depth frame of the same time.
    case color(DumpedPicture)
    /// Packets that a sender counted and that are not here; reading goes on.
    case gap(SequenceGap)
    /// Where reading stopped before the stream's end, and why: the last event.
    case damage(FrameDumpDamage)
}

/// A depth frame out of a dump.
public struct DumpedFrame: Sendable {
    /// Position among the frames read.
    public var index: Int
    /// The source's pts in 1/90000 s.
    public var timestamp: Timestamp
    /// Seconds since 1970, by the last sender report; nil before the first one.
    public var wallTime: Double?
    /// Samples in a line.
    public var width: Int
    /// Lines.
    public var height: Int
    /// `width * height` values, row by row from the top; a sample that is not in the dump is NaN.
    public var values: [Float]
    /// How many samples are not in the dump: 0 in a whole frame.
    public var missingSamples: Int
}

/// A source picture out of a dump.
public struct DumpedPicture: Sendable {
    /// The source's pts in 1/90000 s.
    public var timestamp: Timestamp
    /// A whole JPEG file.
    public var jpeg: [UInt8]
}

/// Packets missing from a channel.
public struct SequenceGap: Hashable, Sendable {
    /// The channel.
    public var channel: UInt8
    /// How many packets, modulo the sequence number's range.
    public var packets: Int
    /// Where in the stream the packet after the gap begins, in bytes.
    public var offset: Int
}

/// Where and why reading stopped early.
public struct FrameDumpDamage: Hashable, Sendable, CustomStringConvertible {
    /// Where in the stream, in bytes: everything before it was read.
    public var offset: Int
    /// How many depth frames were read before.
    public var frames: Int
    /// Why, as half a sentence.
    public var reason: String

    /// As `stopped at byte 4711 after 3 frames: …`.
    public var description: String {
        "stopped at byte \(offset) after \(frames) frames: \(reason)"
    }
}
