import FathomCore

/// A server that takes a stream: its address, and how it is spoken to.
public struct PushAddress: Hashable, Sendable {
    /// The address for people and logs: without user, password, pass phrase and tokens.
    public var name: String { address.name }
    let address: LiveAddress

    /// Takes `rtsp://…`, `rtmp://…` or `srt://…`.
    public init(_ text: String) throws(FathomError) {
        let scheme = text.firstRange(of: "://").map { text[..<$0.lowerBound].lowercased() }
        guard let scheme, ["rtsp", "rtsps", "rtmp", "rtmps", "srt"].contains(scheme) else {
            throw FathomError(
                .usage, operation: "push to",
                subject: text.contains("@") || text.contains("?") ? "this address" : text,
                cause: "it is no address of an RTSP, RTMP or SRT server",
                remedy: "Give one such as rtsp://host:8554/depth, rtmp://host/live/depth"
                    + " or srt://host:8890")
        }
        address = try LiveAddress.parse(text, isRealtime: false)
    }

    /// FFmpeg's name of the format that such servers take.
    var format: String {
        switch address.kind {
        case .rtsp: "rtsp"
        case .rtmp: "flv"
        default: "mpegts"
        }
    }

    /// FFmpeg's options of the format and the protocol.
    var options: [String: String] {
        switch address.kind {
        case .rtsp: ["rtsp_transport": "tcp"]
        case .rtmp: ["flvflags": "no_duration_filesize"]
        default: [:]
        }
    }
}
