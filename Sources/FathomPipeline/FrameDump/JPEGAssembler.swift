import FathomCore

/// Puts channel 2's packets (RFC 2435) together to JPEG files.
struct JPEGAssembler: Sendable {
    /// The longest scan: RFC 2435 has 24 bits for the offset.
    private static let longestScan = 1 << 24

    private var width = 0
    private var height = 0
    private var payloadType: UInt8 = 0
    private var clock = RTPClock()
    private var nextSequence: UInt16?
    private var picture: (time: UInt32, type: UInt8, interval: Int, tables: [UInt8])?
    private var scan: [UInt8] = []

    init() {}

    init(session: SessionDescription) {
        width = session.description.colorSize?.width ?? 0
        height = session.description.colorSize?.height ?? 0
        payloadType = session.colorPayloadType
        clock = RTPClock(time: session.firstRTPTime, ticks: session.firstTicks)
    }

    /// Takes a packet of channel 2.
    mutating func take(
        _ packet: UnsafeRawBufferPointer, events: inout [FrameDumpEvent], at offset: Int
    ) -> PacketOutcome {
        guard let header = RTPHeader(packet, payloadType: payloadType), header.payload.count > 8
        else { return .damage("a colour packet's RTP header is wrong") }
        let view = PacketView(bytes: packet)
        var at = header.payload.lowerBound
        let position = view.uint24(at + 1)
        let type = packet[at + 4]
        guard type & 63 < 2, type < 128, packet[at + 5] == 255,
            Int(packet[at + 6]) == (width + 7) / 8, Int(packet[at + 7]) == (height + 7) / 8
        else { return .damage("a colour packet's JPEG header is wrong") }
        at += 8
        var interval = 0
        if type & 64 != 0 {
            guard at + 4 <= header.payload.upperBound else {
                return .damage("a colour packet is cut short")
            }
            interval = view.uint16(at)
            at += 4
        }
        var tables: [UInt8]?
        if position == 0 {
            guard at + 132 <= header.payload.upperBound, view.uint16(at) == 0,
                view.uint16(at + 2) == 128
            else { return .damage("a colour packet's quantisation tables are wrong") }
            tables = Array(packet[at + 4..<at + 132])
            at += 132
        }
        if let expected = nextSequence, expected != header.sequence {
            let lost = Int(header.sequence &- expected)
            events.append(.gap(SequenceGap(channel: 2, packets: lost, offset: offset)))
        }
        nextSequence = header.sequence &+ 1

        if let tables {
            picture = (header.time, type & 63, interval, tables)
            scan.removeAll(keepingCapacity: true)
        }
        // After a loss the picture can't be had; its other packets are passed over.
        guard let current = picture, current.time == header.time, position == scan.count,
            scan.count + header.payload.upperBound - at <= Self.longestScan
        else {
            picture = nil
            return .taken
        }
        scan.append(contentsOf: packet[at..<header.payload.upperBound])
        if header.marker {
            let ticks = clock.ticks(at: current.time)
            events.append(
                .color(
                    DumpedPicture(
                        timestamp: Timestamp(ticks, FrameDumpWriter.ticks),
                        jpeg: file(current.type, current.interval, current.tables))))
            picture = nil
        }
        return .taken
    }

    /// A JPEG file around the scan (ITU-T T.81, annex B).
    private func file(_ type: UInt8, _ interval: Int, _ tables: [UInt8]) -> [UInt8] {
        var file = PacketBytes()
        file.append(UInt16(0xffd8))
        for table in 0..<2 {
            file.append(UInt16(0xffdb))
            file.append(UInt16(67))
            file.append(UInt8(table))
            file.append(contentsOf: tables[64 * table..<64 * table + 64])
        }
        if interval > 0 {
            file.append(UInt16(0xffdd))
            file.append(UInt16(4))
            file.append(UInt16(interval))
        }
        file.append(UInt16(0xffc0))
        file.append(UInt16(17))
        file.append(UInt8(8))
        file.append(UInt16(height))
        file.append(UInt16(width))
        file.append(contentsOf: [3, 1, type == 0 ? 0x21 : 0x22, 0, 2, 0x11, 1, 3, 0x11, 1])
        for table in JPEGTables.standard {
            file.append(UInt16(0xffc4))
            file.append(UInt16(table.count + 2))
            file.append(contentsOf: table)
        }
        file.append(UInt16(0xffda))
        file.append(UInt16(12))
        file.append(contentsOf: [3, 1, 0, 2, 0x11, 3, 0x11, 0, 63, 0])
        file.append(contentsOf: scan)
        file.append(UInt16(0xffd9))
        return file.bytes
    }
}
