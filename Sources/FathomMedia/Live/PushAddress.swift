import FathomCore

/// A server that takes a stream: its address, how it is spoken to, and a name that may be shown.
public struct PushAddress: Hashable, Sendable {
    /// The address for FFmpeg, with user and password where it has them.
    let url: String
    /// The address without user, password and query, since keys and pass phrases stand there.
    public let name: String
    /// FFmpeg's name of the format.
    let format: String
    /// FFmpeg's options of format and protocol.
    let options: [String: String]
    /// Whether the address says who is asking.
    let hasCredentials: Bool

    /// Schemes with FFmpeg's format for each.
    private static let formats = [
        "rtsp": "rtsp", "rtsps": "rtsp", "rtmp": "flv", "rtmps": "flv", "srt": "mpegts",
    ]

    /// Takes `rtsp://…`, `rtmp://…` or `srt://…`.
    public init(_ text: String) throws(FathomError) {
        guard let mark = text.firstRange(of: "://"),
            let format = Self.formats[text[..<mark.lowerBound].lowercased()]
        else {
            throw FathomError(
                .usage, operation: "push to", subject: Self.nameWithoutSecrets(text),
                cause: "it is no address of an RTSP, RTMP or SRT server",
                remedy: "Give one such as rtsp://host:8554/depth, rtmp://host/live/depth"
                    + " or srt://host:8890")
        }
        let authority = text[mark.upperBound...].prefix { $0 != "/" && $0 != "?" }
        guard authority.drop(while: { $0 != "@" }).count != 1, !authority.isEmpty else {
            throw FathomError(
                .usage, operation: "push to", subject: Self.nameWithoutSecrets(text),
                cause: "it names no host", remedy: "Give one such as rtsp://host:8554/depth")
        }
        url = text
        name = Self.nameWithoutSecrets(text)
        self.format = format
        hasCredentials = authority.contains("@")
        switch format {
        case "rtsp": options = ["rtsp_transport": "tcp"]
        case "flv": options = ["flvflags": "no_duration_filesize"]
        default: options = [:]
        }
    }

    /// The address without what stands before `@` or behind `?`.
    static func nameWithoutSecrets(_ text: String) -> String {
        let open = text.prefix { $0 != "?" }
        guard let mark = open.firstRange(of: "://") else { return String(open) }
        let rest = open[mark.upperBound...]
        let authority = rest.prefix { $0 != "/" }
        let host = authority.lastIndex(of: "@").map { authority[authority.index(after: $0)...] }
        return String(open[..<mark.upperBound] + (host ?? authority) + rest[authority.endIndex...])
    }
}
