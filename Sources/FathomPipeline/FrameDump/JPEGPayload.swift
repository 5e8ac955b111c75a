import FathomCore

/// A baseline JPEG file taken apart for RTP (RFC 2435): the receiver makes the headers anew from a few bytes.
struct JPEGPayload {
    /// Sides in pixels.
    let width: Int
    let height: Int
    /// Entropy-coded data, without the end marker.
    let scan: [UInt8]
    /// 0 for 4:2:2, 1 for 4:2:0.
    private let type: UInt8
    private let restartInterval: Int
    /// Luma's and chroma's 64 steps in zigzag order, 8 bits each.
    private let tables: [UInt8]

    /// Reads a JPEG file; refuses what RFC 2435 can't carry, with the reason.
    init(jpeg: UnsafeRawBufferPointer, subject: String) throws(FathomError) {
        func fail(_ cause: String) -> FathomError {
            FathomError(
                operation: "write", subject: "the colour picture of \(subject)", cause: cause,
                remedy: "Encode it as baseline JPEG, 4:2:0, with the standard Huffman tables")
        }
        let view = PacketView(bytes: jpeg)
        guard jpeg.count >= 4, view.uint16(0) == 0xffd8 else { throw fail("it is not a JPEG") }
        var quantization = [Int: [UInt8]]()
        var frame: (width: Int, height: Int, type: UInt8, tables: [Int])?
        var interval = 0
        var position = 2
        var scanStart: Int?
        while scanStart == nil {
            guard position + 4 <= jpeg.count, jpeg[position] == 0xff else {
                throw fail("its segments are damaged")
            }
            let marker = jpeg[position + 1]
            let length = view.uint16(position + 2)
            let start = position + 4
            let end = position + 2 + length
            guard length >= 2, end <= jpeg.count else { throw fail("a segment is cut short") }
            let segment = UnsafeRawBufferPointer(rebasing: jpeg[start..<end])
            position = end
            switch marker {
            case 0xdb:
                var rest = segment[...]
                while rest.count >= 65, let head = rest.first {
                    guard head < 4 else { throw fail("its quantisation steps have 16 bits") }
                    quantization[Int(head)] = Array(rest.dropFirst().prefix(64))
                    rest = rest.dropFirst(65)
                }
                guard rest.isEmpty else { throw fail("a quantisation table is damaged") }
            case 0xc0:
                guard let parsed = Self.frame(segment) else {
                    throw fail("it is not 8-bit Y'CbCr in 4:2:2 or 4:2:0")
                }
                frame = parsed
            case 0xc4:
                guard JPEGTables.areStandard(segment) else {
                    throw fail("it has Huffman tables of its own")
                }
            case 0xdd:
                guard segment.count == 2 else { throw fail("a segment is damaged") }
                interval = PacketView(bytes: segment).uint16(0)
            case 0xda:
                guard segment.count == 10, segment[0] == 3 else {
                    throw fail("it has more than one scan")
                }
                scanStart = end
            case 0xe0...0xef, 0xfe: break
            default: throw fail("marker \(marker) is not of a baseline JPEG")
            }
        }
        guard let frame, let scanStart else { throw fail("it has no frame header") }
        guard frame.width <= FrameDumpDescription.longestColorSide,
            frame.height <= FrameDumpDescription.longestColorSide
        else {
            throw fail("\(frame.width)x\(frame.height) is over 2040 pixels a side")
        }
        guard let luma = quantization[frame.tables[0]], let chroma = quantization[frame.tables[1]],
            frame.tables[1] == frame.tables[2] || chroma == quantization[frame.tables[2]]
        else { throw fail("it lacks quantisation tables") }
        var scanEnd = jpeg.count
        if view.uint16(scanEnd - 2) == 0xffd9 { scanEnd -= 2 }
        guard scanEnd > scanStart, scanEnd - scanStart < 1 << 24 else {
            throw fail("its scan is empty or too long")
        }
        width = frame.width
        height = frame.height
        type = frame.type
        restartInterval = interval
        tables = luma + chroma
        scan = Array(jpeg[scanStart..<scanEnd])
    }

    /// Reads a baseline frame header; nil when RFC 2435 has no type for it.
    private static func frame(
        _ segment: UnsafeRawBufferPointer
    ) -> (width: Int, height: Int, type: UInt8, tables: [Int])? {
        let view = PacketView(bytes: segment)
        guard segment.count == 15, segment[0] == 8, segment[5] == 3, view.uint16(1) > 0,
            view.uint16(3) > 0, segment[10] == 0x11, segment[13] == 0x11
        else { return nil }
        let tables = [Int(segment[8]), Int(segment[11]), Int(segment[14])]
        switch segment[7] {
        case 0x21: return (view.uint16(3), view.uint16(1), 0, tables)
        case 0x22: return (view.uint16(3), view.uint16(1), 1, tables)
        default: return nil
        }
    }

    /// The RTP JPEG header for the packet whose data begin at `offset` of the scan.
    func header(at offset: Int) -> [UInt8] {
        var header = PacketBytes()
        // Quality 255: the tables travel in band and may change with each frame.
        header.append(UInt32(offset))
        header.append(restartInterval > 0 ? type | 64 : type)
        header.append(UInt8(255))
        header.append(UInt8((width + 7) / 8))
        header.append(UInt8((height + 7) / 8))
        if restartInterval > 0 {
            header.append(UInt16(restartInterval))
            header.append(UInt16(0xffff))
        }
        if offset == 0 {
            header.append(UInt16(0))
            header.append(UInt16(tables.count))
            header.append(contentsOf: tables)
        }
        return header.bytes
    }
}

/// The Huffman tables of ITU-T T.81, annex K.3, which RTP JPEG takes as known.
enum JPEGTables {
    /// Each table as it stands in a DHT segment: class and identifier, 16 counts, symbols.
    static let standard: [[UInt8]] = [
        [0x00] + [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0] + Array(0...11),
        [0x10] + [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7d] + lumaAC,
        [0x01] + [0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0] + Array(0...11),
        [0x11] + [0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 0x77] + chromaAC,
    ]

    /// Whether a DHT segment's content holds standard tables only.
    static func areStandard(_ segment: UnsafeRawBufferPointer) -> Bool {
        var rest = segment[...]
        while !rest.isEmpty {
            guard let table = standard.first(where: { rest.starts(with: $0) }) else { return false }
            rest = rest.dropFirst(table.count)
        }
        return true
    }

    private static let lumaAC: [UInt8] =
        [
            0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51,
            0x61, 0x07, 0x22, 0x71, 0x14, 0x32, 0x81, 0x91, 0xa1, 0x08, 0x23, 0x42, 0xb1, 0xc1,
            0x15, 0x52, 0xd1, 0xf0, 0x24, 0x33, 0x62, 0x72, 0x82,
        ] + runs([(0x09, 0x0a), (0x16, 0x1a), (0x25, 0x2a), (0x34, 0x3a)]) + middle(eighth: 3)
        + runs([(0xe1, 0xea), (0xf1, 0xfa)])

    private static let chromaAC: [UInt8] =
        [
            0x00, 0x01, 0x02, 0x03, 0x11, 0x04, 0x05, 0x21, 0x31, 0x06, 0x12, 0x41, 0x51, 0x07,
            0x61, 0x71, 0x13, 0x22, 0x32, 0x81, 0x08, 0x14, 0x42, 0x91, 0xa1, 0xb1, 0xc1, 0x09,
            0x23, 0x33, 0x52, 0xf0, 0x15, 0x62, 0x72, 0xd1, 0x0a, 0x16, 0x24, 0x34, 0xe1, 0x25,
            0xf1,
        ] + runs([(0x17, 0x1a), (0x26, 0x2a), (0x35, 0x3a)]) + middle(eighth: 2)
        + runs([(0xe2, 0xea), (0xf2, 0xfa)])

    private static func runs(_ ends: [(UInt8, UInt8)]) -> [UInt8] {
        ends.flatMap { Array($0.0...$0.1) }
    }

    /// The regular middle: rows 4 to d, up to column a; the table's eighth row begins as given.
    private static func middle(eighth: UInt8) -> [UInt8] {
        runs(
            (4...0xd).map { (row: UInt8) in
                (row << 4 | (row < 8 ? 3 : row == 8 ? eighth : 2), row << 4 | 0xa)
            })
    }
}
