import CKernels
import FathomCore

/// Writes depth frames as an RTSP-like byte stream to a file, a pipe or a socket.
///
/// The stream is what an RTSP server sends over an interleaved TCP connection after PLAY (RFC 2326,
/// section 10.12): a text head with SDP, then RTP with RFC 4175 lines on channel 0, RTCP sender reports on
/// channel 1, and on channel 2 the source picture as RTP JPEG. `Docs/FrameDump.md` describes every byte.
public final class FrameDumpWriter {
    /// Takes the stream's bytes, in order; the pointer holds for the call only.
    public typealias Sink = (UnsafeRawBufferPointer) throws(FathomError) -> Void

    /// How packets are cut, and where random numbers come from.
    public struct Options: Sendable {
        /// The most bytes of an RTP packet, header included.
        ///
        /// The interleaved framing allows 65,535. A sixteenth of a MiB costs a reader nothing to hold, its
        /// overhead is under 1 %, and a lost packet takes only some lines of a frame with it.
        public var packetSize = 16384
        /// Picks SSRC, first sequence number and first RTP time; nil picks at random, as RFC 3550 wants.
        public var seed: UInt64?
        /// Wall time of the first frame in seconds since 1970, where frames come without one.
        public var startWallTime: Double

        /// Makes options; `packetSize` is brought within 64…65535.
        public init(packetSize: Int = 16384, seed: UInt64? = nil, startWallTime: Double) {
            self.packetSize = min(max(packetSize, 64), 65535)
            self.seed = seed
            self.startWallTime = startWallTime
        }
    }

    /// What the dump is of.
    public let description: FrameDumpDescription
    /// Frames written.
    public private(set) var frames = 0
    /// Bytes written.
    public private(set) var bytes = 0
    /// 16-bit samples that lay outside the range and were brought to its end.
    public private(set) var clampedSamples = 0

    static let ticks = Rational(1, 90000)
    /// Half a second: with one more frame's time there is still a report in each second.
    private static let reportInterval: Int64 = 45000

    private let options: Options
    private let sink: Sink
    private var depth: RTPSender
    private var color: RTPSender
    private let firstRTPTime: UInt32
    private let sessionIdentifier: UInt32
    private var firstTicks: Int64?
    private var lastTicks: Int64 = 0
    private var lastReport: Int64?
    private var wallOffset = 0.0
    private var samples: [UInt8]
    private var packet = PacketBytes()

    /// Checks the description; nothing is written before the first frame.
    public init(
        _ description: FrameDumpDescription, options: Options, sink: @escaping Sink
    ) throws(FathomError) {
        if let problem = description.problem {
            throw FathomError(
                .usage, operation: "write", subject: "the frame dump \(description.title)",
                cause: problem)
        }
        self.description = description
        self.options = options
        self.sink = sink
        var random = SeededRandom(options.seed ?? .random(in: 0...UInt64.max))
        depth = RTPSender(
            payloadType: SessionDescription.depthPayloadType,
            source: UInt32(truncatingIfNeeded: random.next()),
            firstSequence: UInt32(truncatingIfNeeded: random.next()))
        color = RTPSender(
            payloadType: SessionDescription.colorPayloadType,
            source: UInt32(truncatingIfNeeded: random.next()),
            firstSequence: UInt32(truncatingIfNeeded: random.next()))
        firstRTPTime = UInt32(truncatingIfNeeded: random.next())
        sessionIdentifier = UInt32(truncatingIfNeeded: random.next())
        samples = [UInt8](repeating: 0, count: description.bytesPerFrame)
    }

    /// Writes one frame: `width * height` values, row by row from the top, in the description's kind and unit.
    ///
    /// With 16-bit samples a NaN becomes 0, and what lies outside the range goes to its nearer end and is
    /// counted. `wallTime` is in seconds since 1970.
    public func write(
        _ values: UnsafeBufferPointer<Float>, at timestamp: Timestamp, wallTime: Double? = nil
    ) throws(FathomError) {
        precondition(
            values.count == description.width * description.height, "a frame has all its samples")
        encode(values)
        let ticks = try begin(at: timestamp)
        try reportIfDue(at: ticks, wallTime: wallTime)

        let width = description.width
        var line = 0
        var offset = 0
        while line < description.height {
            // First the line headers of this packet, then their samples.
            var segments: [(line: Int, offset: Int, count: Int)] = []
            var room = options.packetSize - RTPSender.headerSize - 2
            while line < description.height, room >= 6 + 2, segments.count < 2048 {
                let count = min(width - offset, (room - 6) / 2)
                segments.append((line, offset, count))
                room -= 6 + 2 * count
                offset += count
                if offset == width { (line, offset) = (line + 1, 0) }
            }
            startPacket(channel: 0)
            let sequence = depth.sequence
            depth.appendHeader(
                marker: line == description.height, time: rtpTime(ticks), to: &packet)
            packet.append(UInt16(truncatingIfNeeded: sequence >> 16))
            for (index, segment) in segments.enumerated() {
                let more = index + 1 < segments.count
                packet.append(UInt16(2 * segment.count))
                packet.append(UInt16(segment.line))
                packet.append(UInt16(segment.offset) | (more ? 0x8000 : 0))
            }
            for segment in segments {
                let start = 2 * (segment.line * width + segment.offset)
                packet.append(contentsOf: samples[start..<start + 2 * segment.count])
            }
            depth.count(payload: packet.bytes.count - 4 - RTPSender.headerSize)
            try sendPacket()
        }
        frames += 1
    }

    /// Writes the source picture of a frame on channel 2: a baseline JPEG file of the declared size, 4:2:2 or
    /// 4:2:0, with the standard Huffman tables (RFC 2435). Give it the time of its depth frame, before that
    /// frame.
    public func writeColor(
        jpeg: UnsafeRawBufferPointer, at timestamp: Timestamp
    ) throws(FathomError) {
        let payload = try JPEGPayload(jpeg: jpeg, subject: description.title)
        guard let size = description.colorSize, size == (payload.width, payload.height) else {
            throw FathomError(
                operation: "write", subject: "the frame dump \(description.title)",
                cause: "a colour picture of \(payload.width)x\(payload.height) is not what its head"
                    + " declares")
        }
        let ticks = try begin(at: timestamp)
        var offset = 0
        while offset < payload.scan.count {
            startPacket(channel: 2)
            let header = payload.header(at: offset)
            let room = options.packetSize - RTPSender.headerSize - header.count
            let count = min(payload.scan.count - offset, max(room, 8))
            color.appendHeader(
                marker: offset + count == payload.scan.count, time: rtpTime(ticks), to: &packet)
            packet.append(contentsOf: header)
            packet.append(contentsOf: payload.scan[offset..<offset + count])
            color.count(payload: header.count + count)
            offset += count
            try sendPacket()
        }
    }

    /// Ends the stream with a last report and a goodbye, by which a reader knows that nothing was cut off.
    public func finish() throws(FathomError) {
        if firstTicks == nil { _ = try begin(at: Timestamp(0, Self.ticks)) }
        startPacket(channel: 1)
        RTCP.appendReport(
            of: depth, time: rtpTime(lastTicks), wallTime: wallTime(lastTicks), to: &packet)
        RTCP.appendGoodbye(of: depth, to: &packet)
        try sendPacket()
    }

    /// Writes the head before the first packet; gives the time in ticks of the RTP clock.
    private func begin(at timestamp: Timestamp) throws(FathomError) -> Int64 {
        let ticks = timestamp.rescaled(to: Self.ticks).value
        lastTicks = ticks
        if firstTicks == nil {
            firstTicks = ticks
            wallOffset = options.startWallTime - Double(ticks) / 90000
            let session = SessionDescription(
                description: description, firstRTPTime: firstRTPTime, firstTicks: ticks,
                sessionIdentifier: sessionIdentifier)
            try send(session.head)
        }
        return ticks
    }

    private func reportIfDue(at ticks: Int64, wallTime known: Double?) throws(FathomError) {
        if let known { wallOffset = known - Double(ticks) / 90000 }
        if let lastReport, (0..<Self.reportInterval).contains(ticks &- lastReport) { return }
        lastReport = ticks
        startPacket(channel: 1)
        RTCP.appendReport(
            of: depth, time: rtpTime(ticks), wallTime: wallTime(ticks), to: &packet)
        try sendPacket()
    }

    private func rtpTime(_ ticks: Int64) -> UInt32 {
        firstRTPTime &+ UInt32(truncatingIfNeeded: ticks &- (firstTicks ?? ticks))
    }

    private func wallTime(_ ticks: Int64) -> Double { wallOffset + Double(ticks) / 90000 }

    private func encode(_ values: UnsafeBufferPointer<Float>) {
        guard let source = values.baseAddress else { return }
        samples.withUnsafeMutableBufferPointer { target in
            guard let bytes = target.baseAddress else { return }
            switch description.encoding {
            case .unsigned16:
                clampedSamples += fathom_quantize_be16(
                    source, values.count, description.range.lowerBound, 1 / description.step, 0,
                    bytes)
            case .half:
                fathom_float_to_half_be(source, values.count, bytes)
            }
        }
    }

    private func startPacket(channel: UInt8) {
        packet.removeAll()
        packet.append(UInt8(ascii: "$"))
        packet.append(channel)
        packet.append(UInt16(0))
    }

    private func sendPacket() throws(FathomError) {
        packet.set(UInt16(packet.bytes.count - 4), at: 2)
        try send(packet.bytes)
    }

    private func send(_ data: [UInt8]) throws(FathomError) {
        try data.withUnsafeBufferPointer { (buffer) throws(FathomError) in
            try sink(UnsafeRawBufferPointer(buffer))
        }
        bytes += data.count
    }
}
