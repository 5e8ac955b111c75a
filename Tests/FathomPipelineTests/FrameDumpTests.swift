import CKernels
import FathomCore
import FathomPipeline
import Testing

@Suite struct FrameDumpTests {
    @Test("every frame, time and value comes back, within half a step of the declared range")
    func roundTripUnsigned() throws {
        let description = FrameDumpDescription(
            title: "street.mp4", width: 37, height: 11, range: -1...3,
            frameRate: Rational(30000, 1001))
        let dump = try Dump(description, frames: 25, packetSize: 200)
        let read = try dump.read()
        #expect(read.description == description)
        #expect(read.damage == nil)
        #expect(read.frames.count == 25)
        for (frame, (values, timestamp)) in zip(read.frames, dump.written) {
            #expect(frame.timestamp == timestamp.rescaled(to: Rational(1, 90000)))
            #expect(frame.missingSamples == 0)
            for (got, wanted) in zip(frame.values, values) {
                #expect(abs(Double(got) - Double(wanted)) <= description.step / 2 + 3e-7)
            }
        }
    }

    @Test("half floats come back within half precision, infinite and NaN as they are")
    func roundTripHalf() throws {
        let description = FrameDumpDescription(
            title: "-", width: 5, height: 4, encoding: .half, kind: .metres, unit: .metres,
            range: 0...80)
        let dump = try Dump(description, frames: 3, packetSize: 16384)
        let read = try dump.read()
        #expect(read.frames.count == 3)
        for (frame, (values, _)) in zip(read.frames, dump.written) {
            for (got, wanted) in zip(frame.values, values) {
                #expect(abs(got - wanted) <= max(abs(wanted) / 2048, 0x1p-25))
            }
        }
    }

    @Test("half floats are converted as Swift converts them")
    func halfKernels() {
        var bytes = (0...UInt16.max).flatMap { [UInt8($0 >> 8), UInt8($0 & 255)] }
        var floats = [Float](repeating: 0, count: 65536)
        fathom_half_to_float_be(bytes, floats.count, &floats)
        for pattern in 0...UInt16.max {
            let expected = Float(Float16(bitPattern: pattern))
            let got = floats[Int(pattern)]
            #expect(got == expected && got.sign == expected.sign || got.isNaN && expected.isNaN)
        }
        var random = SeededRandom(7)
        floats = (0..<65536).map { _ in
            Float(bitPattern: UInt32(truncatingIfNeeded: random.next()))
        }
        for index in stride(from: 0, to: 65536, by: 2) {
            floats[index] =
                Float(sign: .plus, exponent: Int(index % 45) - 28, significand: 1.5)
                * random.uniform(-1...1)
        }
        fathom_float_to_half_be(floats, floats.count, &bytes)
        for (index, value) in floats.enumerated() {
            let got = Float16(
                bitPattern: UInt16(bytes[2 * index]) << 8 | UInt16(bytes[2 * index + 1]))
            #expect(got == Float16(value) || got.isNaN && value.isNaN)
        }
    }

    @Test("values outside the range go to its ends and are counted; NaN becomes 0")
    func clamping() throws {
        let description = FrameDumpDescription(title: "-", width: 4, height: 1, range: 0...1)
        let bytes = Collected()
        let writer = try FrameDumpWriter(
            description, options: .init(seed: 1, startWallTime: 0), sink: bytes.take)
        try [Float.infinity, -5, .nan, 0.5].withUnsafeBufferPointer {
            try writer.write($0, at: Timestamp(0, Rational(1, 30)))
        }
        try writer.finish()
        #expect(writer.clampedSamples == 2)
        let frame = try #require(try Dump.read(bytes.all).frames.first)
        #expect(frame.values[0...2] == [1, 0, 0])
        #expect(abs(frame.values[3] - 0.5) < 1e-5)
    }

    @Test(
        "a dump that is cut at any byte gives the whole frames before the cut, and says where it ends"
    )
    func cutAnywhere() throws {
        let dump = try Dump(.small, frames: 4, packetSize: 64)
        for length in 0..<dump.bytes.count {
            let cut = Array(dump.bytes[..<length])
            guard length >= dump.headSize else {
                #expect(throws: FathomError.self) { try Dump.read(cut) }
                continue
            }
            let read = try Dump.read(cut)
            #expect(read.frames.count == dump.frameEnds.filter { $0 <= length }.count)
            let damage = try #require(read.damage)
            #expect(damage.offset <= length && damage.frames == read.frames.count)
        }
        #expect(try dump.read().damage == nil)
    }

    @Test("a damaged byte anywhere never traps, and the frames before it are intact")
    func damagedAnywhere() throws {
        let dump = try Dump(.small, frames: 3, packetSize: 64)
        let whole = try dump.read().frames.map(\.values)
        for position in dump.bytes.indices {
            for mask: UInt8 in [0xff, 0x01, 0x80, 0x40] {
                var bytes = dump.bytes
                bytes[position] ^= mask
                guard let read = try? Dump.read(bytes) else {
                    #expect(position < dump.headSize)
                    continue
                }
                if position < dump.headSize { continue }
                let intact = dump.frameEnds.filter { $0 <= position }.count
                #expect(read.frames.prefix(intact).map(\.values) == Array(whole.prefix(intact)))
            }
        }
    }

    @Test("lost framing is reported at its byte, and nothing behind it is guessed at")
    func lostFraming() throws {
        let dump = try Dump(.small, frames: 3, packetSize: 64)
        var bytes = dump.bytes
        bytes[dump.frameEnds[1]] = 0x23
        let read = try Dump.read(bytes)
        #expect(read.frames.count == 2)
        #expect(read.damage?.offset == dump.frameEnds[1])
        #expect(read.damage?.reason == "a packet should begin here with '$'")
    }

    @Test("a lost packet shows as a gap and as missing samples of its frame, the others stay whole")
    func lostPacket() throws {
        let dump = try Dump(.small, frames: 3, packetSize: 64)
        var bytes = dump.bytes
        let packet = dump.packets[dump.packets.count / 2]
        bytes.removeSubrange(packet)
        let read = try Dump.read(bytes)
        #expect(read.gaps.map(\.packets) == [1])
        #expect(read.frames.count == 3)
        #expect(read.frames.filter { $0.missingSamples > 0 }.count == 1)
        for frame in read.frames {
            #expect(frame.values.filter(\.isNaN).count == frame.missingSamples)
        }
    }

    @Test("the stream may come in pieces of any size")
    func pieces() throws {
        let dump = try Dump(.small, frames: 5, packetSize: 100)
        let whole = try dump.read()
        for size in [1, 3, 64, 1000] {
            let read = try Dump.read(dump.bytes, pieces: size)
            #expect(read.frames.map(\.values) == whole.frames.map(\.values))
            #expect(read.frames.map(\.timestamp) == whole.frames.map(\.timestamp))
            #expect(read.damage == nil)
        }
    }

    @Test("sequence numbers and RTP time may wrap around")
    func wraparound() throws {
        let description = FrameDumpDescription(title: "-", width: 1, height: 1, range: 0...1)
        let hours = try Dump(
            description, frames: 12, packetSize: 64, interval: Timestamp(6 * 3600, Rational(1, 1)))
        #expect(try hours.read().frames.map(\.timestamp) == hours.written.map(\.1))
        let many = try Dump(description, frames: 66000, packetSize: 64)
        let read = try many.read()
        #expect(read.gaps.isEmpty && read.damage == nil && read.frames.count == 66000)
    }

    @Test("there is a sender report at the start and in each second, and wall times follow from it")
    func senderReports() throws {
        let dump = try Dump(.small, frames: 100, packetSize: 1400)
        let reports = dump.packets.filter { dump.bytes[$0.lowerBound + 1] == 1 }
        #expect(reports.first?.lowerBound == dump.headSize)
        #expect(reports.count >= 4)
        for frame in try dump.read().frames {
            let wallTime = try #require(frame.wallTime)
            let expected = 1_700_000_000 + frame.timestamp.seconds - dump.written[0].1.seconds
            #expect(abs(wallTime - expected) < 1e-4)
        }
    }

    @Test("a wall time given with a frame is the one that is read")
    func givenWallTime() throws {
        let bytes = Collected()
        let writer = try FrameDumpWriter(
            .small, options: .init(seed: 3, startWallTime: 0), sink: bytes.take)
        let values = [Float](repeating: 0, count: 20)
        try values.withUnsafeBufferPointer {
            try writer.write($0, at: Timestamp(5, Rational(1, 25)), wallTime: 2_400_000_000.25)
        }
        try writer.finish()
        let frame = try #require(try Dump.read(bytes.all).frames.first)
        #expect(abs((frame.wallTime ?? 0) - 2_400_000_000.25) < 1e-6)
    }

    @Test("the same seed gives the same bytes, another one other identifiers")
    func seeds() throws {
        let first = try Dump(.small, frames: 2, packetSize: 64, seed: 5)
        #expect(try Dump(.small, frames: 2, packetSize: 64, seed: 5).bytes == first.bytes)
        #expect(try Dump(.small, frames: 2, packetSize: 64, seed: 6).bytes != first.bytes)
    }

    @Test(
        "a head with absurd sizes, ranges or lengths is refused",
        arguments: [
            ("width=5", "width=65535"), ("height=4", "height=99999999999999999999"),
            ("width=5", "width=-5"), ("range:0.0 1.0", "range:1.0 0.0"),
            ("range:0.0 1.0", "range:0.0 nan"), ("depth=16", "depth=12"),
            ("sampling=KEY", "sampling=RGB"), ("exactframerate=30", "exactframerate=1/0"),
            ("Content-Length: ", "Content-Length: 9"), ("Content-Length: ", "Content-Length: -"),
            ("FATHOM/1.0", "FATHOM/2.0"),
        ])
    func hostileHead(wrong: (String, String)) throws {
        let dump = try Dump(.small, frames: 1, packetSize: 64)
        let head = String(decoding: dump.bytes[..<dump.headSize], as: UTF8.self)
        let parts = head.split(separator: wrong.0, maxSplits: 1, omittingEmptySubsequences: false)
        try #require(parts.count == 2)
        let changed = Array((parts[0] + wrong.1 + parts[1]).utf8) + dump.bytes[dump.headSize...]
        #expect(throws: FathomError.self) { try Dump.read(changed) }
    }

    @Test(
        "a description that no dump can carry is refused before anything is written",
        arguments: [
            FrameDumpDescription(title: "-", width: 40000, height: 2, range: 0...1),
            FrameDumpDescription(title: "-", width: 4, height: 2, range: 1...1),
            FrameDumpDescription(title: "-", width: 4, height: 2, range: 0...(.infinity)),
            FrameDumpDescription(
                title: "-", width: 4, height: 2, range: 0...1, colorSize: (3840, 2160)),
        ])
    func refused(description: FrameDumpDescription) {
        #expect(throws: FathomError.self) {
            try FrameDumpWriter(description, options: .init(startWallTime: 0)) { _ in }
        }
    }
}

extension FrameDumpDescription {
    static let small = FrameDumpDescription(title: "small", width: 5, height: 4, range: 0...1)
}

/// A sink that keeps what it takes.
final class Collected {
    private(set) var all: [UInt8] = []

    func take(_ bytes: UnsafeRawBufferPointer) { all.append(contentsOf: bytes) }
}

/// A dump in memory, and what was written to it.
struct Dump {
    let bytes: [UInt8]
    private(set) var written: [([Float], Timestamp)] = []

    init(
        _ description: FrameDumpDescription, frames: Int, packetSize: Int, seed: UInt64 = 1,
        interval: Timestamp = Timestamp(1001, Rational(1, 30000))
    ) throws {
        let collected = Collected()
        let writer = try FrameDumpWriter(
            description,
            options: .init(packetSize: packetSize, seed: seed, startWallTime: 1_700_000_000),
            sink: collected.take)
        var random = SeededRandom(42)
        for index in 0..<frames {
            let values = (0..<description.width * description.height).map { _ in
                random.uniform(description.range)
            }
            let timestamp = Timestamp(
                interval.value * Int64(index) - 100, interval.timeBase)
            try values.withUnsafeBufferPointer { try writer.write($0, at: timestamp) }
            written.append((values, timestamp))
        }
        try writer.finish()
        bytes = collected.all
    }

    struct Read {
        var description: FrameDumpDescription?
        var frames: [DumpedFrame] = []
        var pictures: [DumpedPicture] = []
        var gaps: [SequenceGap] = []
        var damage: FrameDumpDamage?
    }

    func read() throws -> Read { try Self.read(bytes) }

    static func read(_ bytes: [UInt8], pieces: Int = .max) throws -> Read {
        var read = Read()
        var reader = FrameDumpReader()
        var rest = bytes[...]
        repeat {
            let piece = Array(rest.prefix(pieces))
            rest = rest.dropFirst(piece.count)
            piece.withUnsafeBytes { reader.append($0) }
            if rest.isEmpty { reader.finish() }
            while let event = try reader.next() {
                switch event {
                case .description(let description): read.description = description
                case .frame(let frame): read.frames.append(frame)
                case .color(let picture): read.pictures.append(picture)
                case .gap(let gap): read.gaps.append(gap)
                case .damage(let damage): read.damage = damage
                }
            }
        } while !rest.isEmpty
        return read
    }

    /// Where the head ends.
    var headSize: Int {
        let empty = Array("\r\n\r\n".utf8)
        let end = bytes.indices.first { bytes[$0...].starts(with: empty) } ?? 0
        let head = String(decoding: bytes[..<end], as: UTF8.self)
        let length = head.split(separator: "Content-Length: ").last.flatMap { Int($0) } ?? 0
        return end + 4 + length
    }

    /// Where each interleaved packet lies.
    var packets: [Range<Int>] {
        var packets: [Range<Int>] = []
        var at = headSize
        while at < bytes.count {
            let end = at + 4 + 256 * Int(bytes[at + 2]) + Int(bytes[at + 3])
            packets.append(at..<end)
            at = end
        }
        return packets
    }

    /// The byte after each frame's last packet.
    var frameEnds: [Int] {
        packets.filter { bytes[$0.lowerBound + 1] == 0 && bytes[$0.lowerBound + 5] & 0x80 != 0 }
            .map(\.upperBound)
    }
}
