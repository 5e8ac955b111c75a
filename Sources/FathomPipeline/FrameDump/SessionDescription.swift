import FathomCore
import FathomDepth

/// The text at the start of a frame dump: `FATHOM/1.0 ANNOUNCE` and the SDP (RFC 8866).
struct SessionDescription {
    static let depthPayloadType: UInt8 = 96
    /// RFC 3551 assigns 26 to JPEG.
    static let colorPayloadType: UInt8 = 26

    var description: FrameDumpDescription
    /// The RTP time that stands for the first frame's pts.
    var firstRTPTime: UInt32
    /// The first frame's pts in ticks of 1/90000 s.
    var firstTicks: Int64
    var sessionIdentifier: UInt32 = 0
    var depthPayloadType = depthPayloadType
    var colorPayloadType = colorPayloadType

    /// The head, ready to be written.
    var head: [UInt8] {
        let sdp = Array(sessionText.utf8)
        let lines =
            "FATHOM/1.0 ANNOUNCE\r\nContent-Type: application/sdp\r\n"
            + "Content-Length: \(sdp.count)\r\n\r\n"
        return Array(lines.utf8) + sdp
    }

    private var sessionText: String {
        let depth = description
        let rate = depth.frameRate
        let rateText =
            rate.numerator % rate.denominator == 0
            ? "\(rate.numerator / rate.denominator)" : "\(rate)"
        var lines = [
            "v=0", "o=fathom \(sessionIdentifier) 1 IN IP4 0.0.0.0",
            "s=\(Self.oneLine(depth.title))", "c=IN IP4 0.0.0.0", "t=0 0",
            "m=video 0 RTP/AVP \(depthPayloadType)", "a=rtpmap:\(depthPayloadType) raw/90000",
            // ST 2110-20: a key signal has the colorimetry ALPHA, which came with its 2022 edition.
            "a=fmtp:\(depthPayloadType) sampling=KEY; depth=\(depth.encoding.rawValue);"
                + " width=\(depth.width); height=\(depth.height); exactframerate=\(rateText);"
                + " TCS=LINEAR; colorimetry=ALPHA; PM=2110GPM; SSN=ST2110-20:2022",
            "a=x-fathom-channels:0-1", "a=x-fathom-kind:\(depth.kind.rawValue)",
            "a=x-fathom-unit:\(depth.unit.rawValue)",
            "a=x-fathom-range:\(depth.range.lowerBound) \(depth.range.upperBound)",
            "a=x-fathom-rtptime:\(firstRTPTime) \(firstTicks)",
        ]
        if let size = depth.colorSize {
            lines += [
                "m=video 0 RTP/AVP \(colorPayloadType)", "a=rtpmap:\(colorPayloadType) JPEG/90000",
                "a=framesize:\(colorPayloadType) \(size.width)-\(size.height)",
                "a=x-fathom-channels:2",
            ]
        }
        return lines.joined(separator: "\r\n") + "\r\n"
    }

    /// Without line ends and of a sane length: a title comes from a file's name.
    private static func oneLine(_ text: String) -> String {
        let line = text.map { $0.isNewline || $0 == "\0" ? " " : $0 }
        return line.isEmpty ? "-" : String(line.prefix(200))
    }
}

extension SessionDescription {
    /// Reads the SDP; an error says which line is missing or wrong.
    init(sdp text: String, subject: String) throws(FathomError) {
        var sections: [[(key: Character, value: String)]] = [[]]
        for line in text.split(whereSeparator: \.isNewline) {
            guard line.count >= 2, line.dropFirst().first == "=", let key = line.first else {
                continue
            }
            if key == "m" { sections.append([]) }
            sections[sections.count - 1].append((key, String(line.dropFirst(2))))
        }
        func fail(_ cause: String) -> FathomError {
            FathomError(
                operation: "read", subject: subject, cause: "its description \(cause)",
                remedy: "Make the dump anew with fathom run --dump")
        }
        func attribute(_ name: String, in section: [(key: Character, value: String)]) -> String? {
            for line in section where line.key == "a" && line.value.hasPrefix(name + ":") {
                return String(line.value.dropFirst(name.count + 1))
            }
            return nil
        }
        let media = sections.dropFirst()
        guard
            let depth = media.first(where: {
                attribute("fmtp", in: $0)?.contains("sampling=KEY") ?? false
            })
        else { throw fail("has no depth video (sampling=KEY)") }

        let format = attribute("fmtp", in: depth) ?? ""
        var parameters: [String: String] = [:]
        for parameter in format.drop(while: { $0 != " " }).split(separator: ";") {
            let parts = parameter.split(separator: "=", maxSplits: 1)
            if parts.count == 2 {
                parameters[Self.trimmed(parts[0])] = Self.trimmed(parts[1])
            }
        }
        guard let payloadType = UInt8(format.prefix { $0 != " " }), payloadType < 128 else {
            throw fail("has no payload type")
        }
        guard let width = parameters["width"].flatMap({ Int($0) }),
            let height = parameters["height"].flatMap({ Int($0) })
        else { throw fail("has no width and height") }
        guard let encoding = parameters["depth"].flatMap({ FrameDumpDepth(rawValue: $0) }) else {
            throw fail("has depth=\(parameters["depth"] ?? "") where 16 or 16f is due")
        }
        let ends = (attribute("x-fathom-range", in: depth) ?? "").split(separator: " ")
            .compactMap { Float($0) }
        guard ends.count == 2, ends[0] < ends[1] else { throw fail("has no x-fathom-range") }
        let rate = (parameters["exactframerate"] ?? "30").split(separator: "/")
            .compactMap { Int($0) }
        guard rate.count == 1 || rate.count == 2 else { throw fail("has no exactframerate") }
        let title = sections[0].first { $0.key == "s" }?.value ?? "-"
        let kind = attribute("x-fathom-kind", in: depth).flatMap { DepthKind(rawValue: $0) }
        let unit = attribute("x-fathom-unit", in: depth).flatMap { DepthUnit(rawValue: $0) }

        description = FrameDumpDescription(
            title: title, width: width, height: height, encoding: encoding,
            kind: kind ?? .inverseDepth, unit: unit ?? .relative, range: ends[0]...ends[1],
            frameRate: Rational(rate[0], rate.count == 2 ? rate[1] : 1))
        depthPayloadType = payloadType
        for section in media
        where attribute("rtpmap", in: section)?.uppercased().contains("JPEG/") ?? false {
            let size = (attribute("framesize", in: section) ?? "").split { $0 == " " || $0 == "-" }
                .compactMap { Int($0) }
            guard size.count == 3 else { throw fail("has a colour channel without framesize") }
            description.colorSize = (size[1], size[2])
            colorPayloadType = UInt8(clamping: size[0])
        }
        if let problem = description.problem { throw fail("cannot be right: \(problem)") }
        let times = (attribute("x-fathom-rtptime", in: depth) ?? "").split(separator: " ")
        guard times.count == 2, let rtp = UInt32(times[0]), let ticks = Int64(times[1]),
            ticks.magnitude < 1 << 60
        else { throw fail("has no x-fathom-rtptime") }
        firstRTPTime = rtp
        firstTicks = ticks
    }

    private static func trimmed(_ text: Substring) -> String {
        String(text.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
