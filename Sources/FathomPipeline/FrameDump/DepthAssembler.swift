import CKernels
import FathomCore

/// The fixed part of an RTP packet, checked.
struct RTPHeader {
    var marker: Bool
    var sequence: UInt16
    var time: UInt32
    var source: UInt32

    /// Where the payload lies within the packet.
    var payload: Range<Int>

    /// Reads a header with its contributing sources, extension and padding; nil when it can't be right.
    init?(_ packet: UnsafeRawBufferPointer, payloadType: UInt8) {
        let view = PacketView(bytes: packet)
        guard packet.count >= RTPSender.headerSize, packet[0] >> 6 == 2,
            packet[1] & 0x7f == payloadType
        else { return nil }
        marker = packet[1] & 0x80 != 0
        sequence = UInt16(view.uint16(2))
        time = view.uint32(4)
        source = view.uint32(8)
        var start = RTPSender.headerSize + 4 * Int(packet[0] & 15)
        if packet[0] & 0x10 != 0 {
            guard start + 4 <= packet.count else { return nil }
            start += 4 + 4 * view.uint16(start + 2)
        }
        let padding = packet[0] & 0x20 != 0 ? Int(packet[packet.count - 1]) : 0
        guard start <= packet.count - padding else { return nil }
        payload = start..<packet.count - padding
    }
}

/// A 32-bit RTP time as ticks that don't wrap.
struct RTPClock: Sendable {
    private var lastTime: UInt32
    private var lastTicks: Int64

    /// A clock at which `time` stands for `ticks`.
    init(time: UInt32 = 0, ticks: Int64 = 0) {
        lastTime = time
        lastTicks = ticks
    }

    /// The ticks of a time that lies within 6.6 hours of the one before.
    mutating func ticks(at time: UInt32) -> Int64 {
        lastTicks = peek(at: time)
        lastTime = time
        return lastTicks
    }

    /// The same, without moving on.
    func peek(at time: UInt32) -> Int64 {
        lastTicks &+ Int64(Int32(bitPattern: time &- lastTime))
    }
}

/// Puts channel 0's packets (RFC 4175) together to frames, with channel 1's clock.
struct DepthAssembler: Sendable {
    private var description = FrameDumpDescription(title: "", width: 1, height: 1, range: 0...1)
    private var payloadType: UInt8 = 0
    private var clock = RTPClock()
    private var source: UInt32?
    private var nextSequence: UInt32?
    private var wallClock: (ticks: Int64, wallTime: Double)?
    private var frame: (time: UInt32, values: [Float], next: Int, filled: Int)?

    init() {}

    init(session: SessionDescription) {
        description = session.description
        payloadType = session.depthPayloadType
        clock = RTPClock(time: session.firstRTPTime, ticks: session.firstTicks)
    }

    /// Whether a frame has begun that hasn't ended.
    var isWithinFrame: Bool { frame != nil }

    /// Takes a packet of channel 0.
    mutating func take(
        _ packet: UnsafeRawBufferPointer, index: inout Int, events: inout [FrameDumpEvent],
        at offset: Int
    ) -> PacketOutcome {
        guard let header = RTPHeader(packet, payloadType: payloadType), header.payload.count >= 2
        else { return .damage("a depth packet's RTP header is wrong") }
        guard source == nil || source == header.source else {
            return .damage("a depth packet comes from another sender")
        }
        // All headers are checked before anything is taken, so that a damaged packet leaves no trace.
        let view = PacketView(bytes: packet)
        guard let segments = segments(view, header.payload) else {
            return .damage("a depth packet's line headers are wrong")
        }
        let isNew = frame == nil || frame?.time != header.time
        guard isNew || segments[0].start >= frame?.next ?? 0 else {
            return .damage("a depth packet's lines come twice")
        }
        source = header.source
        let extended = UInt32(view.uint16(header.payload.lowerBound)) << 16
        let sequence = extended | UInt32(header.sequence)
        if let expected = nextSequence, expected != sequence {
            let gap = SequenceGap(
                channel: 0, packets: Int(sequence &- expected), offset: offset)
            events.append(.gap(gap))
        }
        nextSequence = sequence &+ 1

        if isNew {
            finishFrame(index: &index, events: &events)
            let count = description.width * description.height
            frame = (header.time, [Float](repeating: .nan, count: count), 0, 0)
        }
        for segment in segments {
            decode(packet, from: segment.data, to: segment.start, count: segment.count)
        }
        if header.marker { finishFrame(index: &index, events: &events) }
        return .taken
    }

    /// Reads the line headers; nil when one lies outside the frame or the packet, or goes backwards.
    private func segments(
        _ view: PacketView, _ payload: Range<Int>
    ) -> [(start: Int, count: Int, data: Int)]? {
        var segments: [(start: Int, count: Int, data: Int)] = []
        var at = payload.lowerBound + 2
        var next = 0
        var more = true
        while more {
            guard at + 6 <= payload.upperBound else { return nil }
            let bytes = view.uint16(at)
            let line = view.uint16(at + 2) & 0x7fff
            let offset = view.uint16(at + 4) & 0x7fff
            more = view.uint16(at + 4) & 0x8000 != 0
            at += 6
            let start = line * description.width + offset
            guard bytes > 0, bytes % 2 == 0, line < description.height,
                offset + bytes / 2 <= description.width, start >= next
            else { return nil }
            segments.append((start, bytes / 2, 0))
            next = start + bytes / 2
        }
        for index in segments.indices {
            segments[index].data = at
            at += 2 * segments[index].count
        }
        return at == payload.upperBound ? segments : nil
    }

    private mutating func decode(
        _ packet: UnsafeRawBufferPointer, from data: Int, to start: Int, count: Int
    ) {
        frame?.next = start + count
        frame?.filled += count
        frame?.values.withUnsafeMutableBufferPointer { values in
            guard let source = packet.baseAddress, let target = values.baseAddress else { return }
            let bytes = (source + data).assumingMemoryBound(to: UInt8.self)
            switch description.encoding {
            case .unsigned16:
                fathom_dequantize_be16(
                    bytes, count, Double(description.range.lowerBound), description.step,
                    target + start)
            case .half:
                fathom_half_to_float_be(bytes, count, target + start)
            }
        }
    }

    private mutating func finishFrame(index: inout Int, events: inout [FrameDumpEvent]) {
        guard let done = frame else { return }
        frame = nil
        let ticks = clock.ticks(at: done.time)
        let wallTime = wallClock.map { $0.wallTime + Double(ticks &- $0.ticks) / 90000 }
        events.append(
            .frame(
                DumpedFrame(
                    index: index, timestamp: Timestamp(ticks, FrameDumpWriter.ticks),
                    wallTime: wallTime, width: description.width, height: description.height,
                    values: done.values, missingSamples: done.values.count - done.filled)))
        index += 1
    }

    /// Takes a compound packet of channel 1.
    mutating func takeControl(_ packet: UnsafeRawBufferPointer) -> PacketOutcome {
        let view = PacketView(bytes: packet)
        var outcome = PacketOutcome.taken
        var at = 0
        while at < packet.count {
            guard at + 8 <= packet.count, packet[at] >> 6 == 2, packet[at + 1] >= 192 else {
                return .damage("a control packet is wrong")
            }
            let size = 4 * (view.uint16(at + 2) + 1)
            guard size >= 8, at + size <= packet.count else {
                return .damage("a control packet is cut short")
            }
            switch packet[at + 1] {
            case RTCP.senderReport:
                guard size >= 28 else { return .damage("a sender report is cut short") }
                let ntp = UInt64(view.uint32(at + 8)) << 32 | UInt64(view.uint32(at + 12))
                wallClock = (clock.peek(at: view.uint32(at + 16)), RTCP.wallTime(ntp: ntp))
            case RTCP.goodbye: outcome = .goodbye
            default: break
            }
            at += size
        }
        return outcome
    }
}
