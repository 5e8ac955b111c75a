import FathomCore
import Glibc

/// What a person named as a source of live pictures.
public struct LiveAddress: Hashable, Sendable, CustomStringConvertible, CustomReflectable {
    /// What kind of source it is.
    public enum Kind: String, Sendable {
        /// A camera of the kernel: `v4l2:/dev/video0`.
        case camera
        /// A network camera: `rtsp://`, `rtsps://`.
        case rtsp
        /// A stream of a media server: `rtmp://`, `rtmps://`.
        case rtmp
        /// Secure Reliable Transport: `srt://`.
        case srt
        /// Motion JPEG or HLS: `http://`, `https://`.
        case http
        /// Datagrams, as a rule MPEG-TS: `udp://`, `rtp://`.
        case udp
        /// The picture of an X server: `x11:DISPLAY`.
        case screen
        /// Bytes on standard input: `-`.
        case standardInput
        /// A named pipe, or a recording at its own speed.
        case file
    }

    /// What kind of source it is.
    public let kind: Kind
    /// The address for people and logs: without user, password, pass phrase and tokens.
    public let name: String
    /// What is opened: an address of FFmpeg's, a path, a display. It may hold a password.
    let location: String
    /// Whether packets are given at the speed of their own clock instead of as fast as they come.
    let isPaced: Bool
    /// Parts of the address that nobody may see.
    private let secrets: [String]

    private init(
        _ kind: Kind, name: String, location: String, isPaced: Bool = false, secrets: [String] = []
    ) {
        self.kind = kind
        self.name = name
        self.location = location
        self.isPaced = isPaced
        self.secrets = secrets
    }

    /// The name.
    public var description: String { name }

    /// Shows the name only, in debuggers and dumps, too.
    public var customMirror: Mirror { Mirror(self, children: ["name": name]) }

    /// Reads a source as it is written on the command line.
    ///
    /// - Parameters:
    ///   - text: `v4l2:/dev/video0`, an address with one of the known schemes, `x11:DISPLAY` (`x11:` is the display of
    ///     the environment, `x11::0.0+10,20` a corner of one), `-`, or the path of a named pipe or a recording.
    ///   - isRealtime: whether recordings are meant to play at their own speed; without it they are refused.
    public static func parse(_ text: String, isRealtime: Bool) throws(FathomError) -> LiveAddress {
        if text == "-" {
            return LiveAddress(.standardInput, name: "-", location: "-", isPaced: isRealtime)
        }
        if let device = text.dropping(prefix: "v4l2:") {
            guard device.hasPrefix("/") else {
                throw FathomError(
                    .usage, operation: "use", subject: text, cause: "it names no device",
                    remedy: "Write v4l2:/dev/video0; 'fathom doctor --cameras' lists the cameras")
            }
            return LiveAddress(.camera, name: text, location: device)
        }
        if let display = text.dropping(prefix: "x11:") {
            return try parseDisplay(display, text: text)
        }
        if let separator = text.firstRange(of: "://") {
            return try parseURL(
                text, scheme: text[..<separator.lowerBound].lowercased(),
                rest: String(text[separator.upperBound...]))
        }
        return try parsePath(text, isRealtime: isRealtime)
    }

    /// Whether its end is an end: of a recording, and of standard input, which nobody can open again. All other
    /// sources are only away.
    public var hasEnd: Bool { kind == .standardInput || (kind == .file && isPaced) }

    /// A text of a library without the secrets of this address.
    func scrubbed(_ text: String) -> String {
        var result = text
        if location != name { result = result.replacing(location, with: name) }
        for secret in secrets where !secret.isEmpty { result = result.replacing(secret, with: "…") }
        return result
    }

    // MARK: Addresses

    private static let schemes: [String: Kind] = [
        "rtsp": .rtsp, "rtsps": .rtsp, "rtmp": .rtmp, "rtmps": .rtmp, "rtmpt": .rtmp,
        "rtmpe": .rtmp, "rtmpte": .rtmp, "rtmpts": .rtmp, "srt": .srt, "http": .http,
        "https": .http, "udp": .udp, "rtp": .udp,
    ]

    /// Keys of a query whose values say nothing secret; all others are hidden, because every camera has its own names
    /// for passwords.
    private static let openKeys: Set<String> = [
        "mode", "latency", "rcvlatency", "transtype", "timeout", "connect_timeout", "listen",
        "listen_timeout", "localaddr", "localport", "localrtpport", "fifo_size",
        "overrun_nonfatal", "buffer_size", "pkt_size", "payload_size", "ttl", "reuse", "sources",
        "broadcast", "channel", "subtype", "stream", "resolution", "fps", "camera", "quality",
        "width", "height", "unicast", "proto", "profile", "videocodec", "compression", "tcp",
        "udp", "n", "cut", "pbkeylen", "enforced_encryption", "tlpktdrop", "maxbw",
    ]

    private static func parseURL(
        _ text: String, scheme: String, rest: String
    ) throws(FathomError) -> LiveAddress {
        guard let kind = schemes[scheme] else {
            throw FathomError(
                .usage, operation: "use", subject: "a source with '\(scheme)://'",
                cause:
                    "live sources come by rtsp, rtsps, rtmp, rtmps, srt, http, https, udp or rtp",
                remedy: "Use one of these addresses, v4l2:/dev/video0, x11:DISPLAY or '-'")
        }
        let authorityEnd = rest.firstIndex { "/?#".contains($0) } ?? rest.endIndex
        var host = rest[..<authorityEnd]
        var secrets: [String] = []
        if let at = host.lastIndex(of: "@") {
            let user = String(host[..<at])
            if let colon = user.firstIndex(of: ":") {
                let password = String(user[user.index(after: colon)...])
                secrets += [password, unescaped(password)]
            }
            host = host[host.index(after: at)...]
        } else if rest[authorityEnd...].contains("@"), let colon = host.lastIndex(of: ":"),
            !host[host.index(after: colon)...].allSatisfy(\.isNumber)
        {
            throw FathomError(
                .usage, operation: "use", subject: "an address with '\(scheme)://'",
                cause: "its password holds a character that ends the host's name ('/', '?', '#')",
                remedy: "Write such characters as %2F, %3F, %23")
        }
        guard !host.isEmpty else {
            throw FathomError(
                .usage, operation: "use", subject: "\(scheme)://", cause: "it names no host",
                remedy: "Write \(scheme)://HOST:PORT/NAME")
        }
        let path = rest[authorityEnd...]
        var name = "\(scheme)://\(host)"
        if let question = path.firstIndex(of: "?") {
            let query = path[path.index(after: question)...].split(
                separator: "&", omittingEmptySubsequences: false)
            let shown = query.map { pair -> String in
                guard let equals = pair.firstIndex(of: "=") else {
                    secrets.append(String(pair))
                    return "…"
                }
                let value = pair[pair.index(after: equals)...]
                if openKeys.contains(pair[..<equals].lowercased()) || value.isEmpty {
                    return String(pair)
                }
                secrets += [String(value), unescaped(String(value))]
                return "\(pair[...equals])…"
            }
            name += "\(path[..<question])?\(shown.joined(separator: "&"))"
        } else {
            name += path
        }
        // Long ones first: a short one may be part of a long one.
        return LiveAddress(
            kind, name: name, location: "\(scheme)://\(rest)",
            secrets: Array(Set(secrets)).filter { $0.count > 1 }.sorted { $0.count > $1.count })
    }

    /// Text with `%2F` and the like turned into what they stand for.
    private static func unescaped(_ text: String) -> String {
        var bytes: [UInt8] = []
        var rest = Substring(text)
        while let first = rest.popFirst() {
            if first == "%", let byte = UInt8(rest.prefix(2), radix: 16), rest.count >= 2 {
                bytes.append(byte)
                rest = rest.dropFirst(2)
            } else {
                bytes += first.utf8
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    // MARK: Displays, paths

    private static func parseDisplay(
        _ display: String, text: String
    ) throws(FathomError) -> LiveAddress {
        let known = display.isEmpty ? getenv("DISPLAY").map { String(cString: $0) } ?? "" : display
        guard known.contains(":") else {
            throw FathomError(
                .usage, operation: "use", subject: text,
                cause: display.isEmpty
                    ? "the environment names no display" : "'\(display)' is no display",
                remedy: "Write x11::0, or x11::0.0+10,20 for what is right of and below a point")
        }
        return LiveAddress(.screen, name: "x11:\(known)", location: known)
    }

    private static func parsePath(
        _ path: String, isRealtime: Bool
    ) throws(FathomError) -> LiveAddress {
        var status = stat()
        guard stat(path, &status) == 0 else {
            let isMissing = errno == ENOENT
            throw FathomError(
                .usage, operation: "use", subject: path,
                cause: isMissing ? "there is no such file" : String(cString: strerror(errno)),
                remedy:
                    "Name a source: v4l2:/dev/video0, rtsp://…, rtmp://…, srt://…, http://…, udp://…, x11:DISPLAY or '-'"
            )
        }
        switch status.st_mode & S_IFMT {
        case S_IFIFO:
            return LiveAddress(.file, name: path, location: path, isPaced: isRealtime)
        case S_IFREG where isRealtime:
            return LiveAddress(.file, name: path, location: path, isPaced: true)
        case S_IFREG:
            throw FathomError(
                .usage, operation: "use", subject: path,
                cause: "it is a recording, not a live source",
                remedy: "Add --realtime to play it at its own speed, or use 'fathom run'")
        case S_IFCHR:
            throw FathomError(
                .usage, operation: "use", subject: path, cause: "it is a device",
                remedy: "Write v4l2:\(path) for a camera")
        default:
            throw FathomError(
                .usage, operation: "use", subject: path, cause: "it is no file",
                remedy: "Name a recording with --realtime, or a source")
        }
    }
}

extension String {
    fileprivate func dropping(prefix: String) -> String? {
        hasPrefix(prefix) ? String(dropFirst(prefix.count)) : nil
    }
}
