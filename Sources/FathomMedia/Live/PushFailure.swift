import CFFmpeg
import FathomCore
import Glibc

/// Why a server doesn't take the stream, from FFmpeg's error code and words.
struct PushFailure {
    let address: PushAddress
    let code: Int32
    let isTooLate: Bool
    let limits: StreamWriter.Limits

    func error(_ operation: String) -> FathomError {
        let (cause, remedy) = reason(isOpening: operation == "connect to")
        return FathomError(
            operation: operation, subject: address.name, cause: cause, remedy: remedy)
    }

    private func reason(isOpening: Bool) -> (cause: String, remedy: String) {
        if isTooLate {
            let seconds = isOpening ? limits.open : limits.write
            return (
                isOpening
                    ? "it did not answer within \(Self.text(seconds)) s"
                    : "it took nothing for \(Self.text(seconds)) s",
                "Check the server and the network"
            )
        }
        let words = Self.words(of: address.format)
        let all = words.joined(separator: "\n").lowercased()
        if code == fathom_error_http_unauthorized || all.contains("401 unauthorized")
            || all.contains("badauth") || all.contains("authentication failed")
            || all.contains("bad password") || all.contains("password required")
            || all.contains("badsecret") || all.contains("unsecure")
        {
            return address.hasCredentials || address.format == "mpegts"
                ? ("it refuses the user name or password", "Check both")
                : (
                    "it demands a user name and password",
                    "Put them into the address: rtsp://USER:PASSWORD@host/…"
                )
        }
        if all.contains("already publish") || all.contains("badname") {
            return (
                "somebody publishes under this name already", "Choose another name, or end that"
            )
        }
        if code == fathom_error_http_forbidden {
            return ("it does not permit publishing there", "Check the server's settings")
        }
        if code == fathom_error_http_not_found {
            return ("it has no such path", "Check the path in the address")
        }
        if all.contains("failed to resolve") {
            return ("its host is unknown", "Check the host's name")
        }
        if code == fathom_error_of_errno(ECONNREFUSED) || all.contains("connection refused") {
            return ("nothing listens there", "Start the server, or check the port")
        }
        if code == fathom_error_of_errno(EPIPE) || code == fathom_error_of_errno(ECONNRESET)
            || (!isOpening && (code == fathom_error_io || code == fathom_error_end_of_file))
        {
            return ("the server closed the connection", "See the server's log")
        }
        // Messages that quote the address are not shown: a password may stand in it.
        let own = words.last { !$0.contains("://") }
        return (own ?? describeError(code), "See the server's log")
    }

    /// What the parts of FFmpeg that speak this protocol said lately.
    private static func words(of format: String) -> [String] {
        let speakers =
            switch format {
            case "rtsp": ["rtsp", "tcp", "tls", "rtp"]
            case "flv": ["rtmp", "tcp", "tls", "flv"]
            default: ["srt", "mpegts"]
            }
        return MediaLog.recentMessages.filter { line in
            speakers.contains { line.hasPrefix($0) }
        }
    }

    private static func text(_ seconds: Double) -> String {
        seconds == seconds.rounded() ? String(Int(seconds)) : String(seconds)
    }
}
