/// Bytes of a packet in network order.
struct PacketBytes {
    private(set) var bytes: [UInt8] = []

    mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

    mutating func append<T: FixedWidthInteger>(_ value: T) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func append(contentsOf more: some Sequence<UInt8>) { bytes.append(contentsOf: more) }

    /// Appends zeros up to a multiple of four bytes from `start`.
    mutating func padToWord(from start: Int) {
        while (bytes.count - start) % 4 != 0 { bytes.append(0) }
    }

    /// Replaces two bytes that were appended as a placeholder.
    mutating func set(_ value: UInt16, at index: Int) {
        bytes[index] = UInt8(value >> 8)
        bytes[index + 1] = UInt8(truncatingIfNeeded: value)
    }
}

/// Reads network order at a place that was checked to be within the bytes.
struct PacketView {
    let bytes: UnsafeRawBufferPointer

    func uint16(_ at: Int) -> Int { Int(bytes[at]) << 8 | Int(bytes[at + 1]) }

    func uint24(_ at: Int) -> Int { Int(bytes[at]) << 16 | uint16(at + 1) }

    func uint32(_ at: Int) -> UInt32 { UInt32(uint16(at)) << 16 | UInt32(uint16(at + 2)) }
}

/// One sender's RTP packets (RFC 3550, section 5.1): counts sequence numbers, packets and bytes.
struct RTPSender {
    static let headerSize = 12
    let payloadType: UInt8
    let source: UInt32
    /// The next packet's sequence number; its upper half is RFC 4175's extended part.
    private(set) var sequence: UInt32
    private(set) var packets: UInt32 = 0
    private(set) var payloadBytes: UInt32 = 0

    init(payloadType: UInt8, source: UInt32, firstSequence: UInt32) {
        self.payloadType = payloadType
        self.source = source
        sequence = firstSequence
    }

    /// Appends the header of the next packet.
    mutating func appendHeader(marker: Bool, time: UInt32, to packet: inout PacketBytes) {
        packet.append(UInt8(0x80))
        packet.append(payloadType | (marker ? 0x80 : 0))
        packet.append(UInt16(truncatingIfNeeded: sequence))
        packet.append(time)
        packet.append(source)
        sequence &+= 1
    }

    /// Counts a packet for the sender reports.
    mutating func count(payload: Int) {
        packets &+= 1
        payloadBytes &+= UInt32(truncatingIfNeeded: payload)
    }
}

/// RTCP compound packets (RFC 3550, section 6).
enum RTCP {
    static let senderReport: UInt8 = 200
    static let sourceDescription: UInt8 = 202
    static let goodbye: UInt8 = 203
    /// Seconds from 1900, where NTP time begins, to 1970.
    static let ntpEpoch = 2_208_988_800.0

    /// Appends a sender report that maps `time` to the wall clock, and the source's name.
    static func appendReport(
        of sender: RTPSender, time: UInt32, wallTime: Double, to packet: inout PacketBytes
    ) {
        let ntp = ntpTime(wallTime)
        packet.append(UInt8(0x80))
        packet.append(senderReport)
        packet.append(UInt16(6))
        packet.append(sender.source)
        packet.append(UInt32(truncatingIfNeeded: ntp >> 32))
        packet.append(UInt32(truncatingIfNeeded: ntp))
        packet.append(time)
        packet.append(sender.packets)
        packet.append(sender.payloadBytes)

        let start = packet.bytes.count
        packet.append(UInt8(0x81))
        packet.append(sourceDescription)
        packet.append(UInt16(0))
        packet.append(sender.source)
        let name = Array("fathom".utf8)
        packet.append(UInt8(1))
        packet.append(UInt8(name.count))
        packet.append(contentsOf: name)
        packet.append(UInt8(0))
        packet.padToWord(from: start)
        packet.set(UInt16((packet.bytes.count - start) / 4 - 1), at: start + 2)
    }

    /// Appends the goodbye that ends a stream.
    static func appendGoodbye(of sender: RTPSender, to packet: inout PacketBytes) {
        packet.append(UInt8(0x81))
        packet.append(goodbye)
        packet.append(UInt16(1))
        packet.append(sender.source)
    }

    /// Seconds since 1970 as NTP's 32.32 fixed point since 1900; it wraps in 2036 as NTP does.
    static func ntpTime(_ wallTime: Double) -> UInt64 {
        let seconds = wallTime + ntpEpoch
        guard seconds.isFinite, abs(seconds) < 1e15 else { return 0 }
        let whole = seconds.rounded(.down)
        let fraction = UInt64((seconds - whole) * 4_294_967_296)
        return UInt64(truncatingIfNeeded: Int64(whole)) << 32 | min(fraction, 0xffff_ffff)
    }

    /// Seconds since 1970; a value below the year 1968 belongs to the era after 2036 (RFC 4330).
    static func wallTime(ntp: UInt64) -> Double {
        let era = ntp >> 63 == 0 ? 4_294_967_296.0 : 0
        return Double(ntp >> 32) + era - ntpEpoch + Double(ntp & 0xffff_ffff) / 4_294_967_296
    }
}
