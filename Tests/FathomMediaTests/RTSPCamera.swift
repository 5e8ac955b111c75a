import FathomCore
import Foundation
import TestSupport

/// A network camera of one test: speaks RTSP with RTP interleaved (RFC 2326 §10.12, RFC 6184), H.264.
struct RTSPCamera: Sendable {
    /// Pictures, each a list of units without start codes.
    var pictures: [[[UInt8]]]
    /// Ticks of 1/90000 s from one picture to the next.
    var step: UInt32 = 3600
    /// A sender report before the first picture: seconds since 1970 that belong to its time stamp.
    var wallTime: UInt32?
    /// Whether it goes silent, instead of closing, behind the last picture.
    var staysOpen = false
    /// Microseconds between pictures.
    var pause: UInt32 = 2000

    /// Pictures of a clip.
    init(_ clip: Clip) throws {
        var clip = clip
        clip.format = "h264"
        clip.encoderOptions["x264-params", default: "aud=1"] += ":aud=1"
        let folder = try TemporaryFolder()
        try clip.write(to: folder.path("a.h264"))
        var pictures: [[[UInt8]]] = []
        for unit in Self.units(try bytesOf(folder.path("a.h264"))) {
            // An access unit delimiter begins each picture.
            if unit[0] & 31 == 9 {
                pictures.append([])
            } else {
                pictures[pictures.count - 1].append(unit)
            }
        }
        self.pictures = pictures
    }

    /// Starts it; it ends with the object that is returned.
    func serve() -> LiveServer {
        LiveServer(readsRequest: false) { client in
            while let request = Self.readRequest(client) {
                let lines = request.split(separator: "\r\n")
                let sequence = lines.first { $0.lowercased().hasPrefix("cseq") } ?? "CSeq: 1"
                func answer(_ head: String, _ body: String = "") {
                    client.send("RTSP/1.0 200 OK\r\n\(sequence)\r\n\(head)\r\n\(body)")
                }
                switch request.prefix(while: { $0 != " " }) {
                case "DESCRIBE":
                    let body = [
                        "v=0", "o=- 0 0 IN IP4 127.0.0.1", "s=camera", "c=IN IP4 0.0.0.0", "t=0 0",
                        "m=video 0 RTP/AVP 96", "a=rtpmap:96 H264/90000",
                        "a=fmtp:96 packetization-mode=1", "a=control:track1", "",
                    ].joined(separator: "\r\n")
                    answer(
                        "Content-Type: application/sdp\r\nContent-Length: \(body.utf8.count)\r\n",
                        body)
                case "SETUP":
                    answer(
                        "Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n")
                case "PLAY":
                    answer("Session: 1\r\n")
                    play(to: client)
                    return
                default: answer("Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n")
                }
            }
        }
    }

    private func play(to client: LiveServer.Client) {
        var sequence: UInt16 = 65_500
        let start: UInt32 = 4_294_900_000
        if let wallTime { client.send(Self.report(wallTime, start)) }
        for (index, picture) in pictures.enumerated() {
            let time = start &+ UInt32(index) &* step
            for (place, unit) in picture.enumerated() {
                for (payload, isEnd) in Self.payloads(unit) {
                    let isLast = isEnd && place == picture.count - 1
                    client.send(Self.packet(payload, sequence, time, marker: isLast))
                    sequence &+= 1
                }
            }
            usleep(pause)
        }
        if staysOpen { client.hang() }
    }

    private static func readRequest(_ client: LiveServer.Client) -> String? {
        var bytes: [UInt8] = []
        while !client.ended.isCancelled {
            var waiting = pollfd(fd: client.descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&waiting, 1, 20) > 0 else { continue }
            var byte: UInt8 = 0
            guard recv(client.descriptor, &byte, 1, 0) == 1 else { return nil }
            bytes.append(byte)
            if bytes.suffix(4) == [13, 10, 13, 10] {
                return String(decoding: bytes, as: UTF8.self)
            }
        }
        return nil
    }

    private static func bigEndian<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
        withUnsafeBytes(of: value.bigEndian, Array.init)
    }

    /// Single units, or fragments of at most 1200 bytes.
    private static func payloads(_ unit: [UInt8]) -> [([UInt8], Bool)] {
        guard unit.count > 1200 else { return [(unit, true)] }
        let starts = Array(stride(from: 1, to: unit.count, by: 1200))
        return starts.map { start in
            let end = min(start + 1200, unit.count)
            let flags: UInt8 = (start == 1 ? 0x80 : 0) | (end == unit.count ? 0x40 : 0)
            let head = [unit[0] & 0xe0 | 28, flags | unit[0] & 31]
            return (head + unit[start..<end], end == unit.count)
        }
    }

    private static func packet(
        _ payload: [UInt8], _ sequence: UInt16, _ time: UInt32, marker: Bool
    ) -> [UInt8] {
        let packet =
            [0x80, marker ? 0xe0 : 0x60] + bigEndian(sequence) + bigEndian(time)
            + bigEndian(UInt32(77)) + payload
        return [0x24, 0] + bigEndian(UInt16(packet.count)) + packet
    }

    private static func report(_ seconds: UInt32, _ time: UInt32) -> [UInt8] {
        let packet =
            [0x80, 200, 0, 6] + bigEndian(UInt32(77)) + bigEndian(seconds &+ 2_208_988_800)
            + bigEndian(UInt32(0)) + bigEndian(time) + bigEndian(UInt32(0))
            + bigEndian(UInt32(0))
        return [0x24, 1] + bigEndian(UInt16(packet.count)) + packet
    }

    /// The units between start codes.
    private static func units(_ bytes: [UInt8]) -> [[UInt8]] {
        var units: [[UInt8]] = []
        var begin: Int?
        var position = 0
        while position + 2 < bytes.count {
            guard bytes[position] == 0, bytes[position + 1] == 0, bytes[position + 2] == 1 else {
                position += 1
                continue
            }
            if let begin { units.append(Array(bytes[begin..<position])) }
            begin = position + 3
            position += 3
        }
        if let begin { units.append(Array(bytes[begin...])) }
        // A zero before a start code belongs to it.
        return units.map { Array($0.reversed().drop { $0 == 0 }.reversed()) }
    }
}
