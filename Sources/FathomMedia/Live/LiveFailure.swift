import CFFmpeg
import FathomCore
import Glibc

/// Why a live source can't be opened, or gives no more packets.
public struct LiveFailure: Error, Sendable {
    /// The kinds of failure that a person or a program does different things about.
    public enum Reason: String, Sendable, Codable, CaseIterable {
        /// The server asks for a user and password, or refuses the ones it got.
        case wrongPassword = "wrong-password"
        /// The host's name is not known.
        case unknownHost = "unknown-host"
        /// The host is there, and nothing listens at the port.
        case refused
        /// No way leads to the host.
        case unreachable
        /// Nothing came in the time allowed.
        case timedOut = "timed-out"
        /// The server, or this machine, has nothing of that name.
        case notFound = "not-found"
        /// Another program uses the device.
        case busy
        /// No decoder, or no such format of the device.
        case unsupportedCodec = "unsupported-codec"
        /// It has no video stream.
        case noVideo = "no-video"
        /// The peer ended the stream, or the connection broke.
        case ended
        /// The device went away.
        case unplugged
        /// What came is no media.
        case damaged
        /// The person ended the work.
        case interrupted
        /// Anything else; the error has the library's words.
        case other
    }

    /// The kind of failure.
    public let reason: Reason
    /// The failure for a person; holds no password.
    public let error: FathomError

    /// A failure of a kind, in words for a person.
    public init(_ reason: Reason, _ error: FathomError) {
        self.reason = reason
        self.error = error
    }

    init(
        _ reason: Reason, _ operation: String, _ address: LiveAddress, cause: String,
        remedy: String = ""
    ) {
        self.init(
            reason,
            FathomError(
                reason == .interrupted ? .interrupted : .failed, operation: operation,
                subject: address.name, cause: cause, remedy: remedy))
    }
}

extension LiveFailure {
    /// What a code of FFmpeg's means, with what FFmpeg said on the way to it.
    static func of(
        _ code: Int32, _ operation: String, _ address: LiveAddress, messages: [String]
    ) -> LiveFailure {
        func failure(_ reason: Reason, _ cause: String, _ remedy: String = "") -> LiveFailure {
            LiveFailure(reason, operation, address, cause: cause, remedy: remedy)
        }
        if address.kind == .srt, operation == "open", code == fathom_error_io {
            // FFmpeg doesn't pass on the reason; a host where nothing listens gives a time-out.
            return failure(
                .wrongPassword,
                "the server rejects the connection: the pass phrase or the stream's name is wrong or missing",
                "Write them into the address: srt://HOST:PORT?passphrase=…&streamid=…")
        }
        let said = messages.joined(separator: "\n").lowercased()
        func saidAny(_ words: String...) -> Bool { words.contains { said.contains($0) } }

        if code == fathom_error_http_unauthorized || code == fathom_error_http_forbidden
            || saidAny("401 unauthorized", "403 forbidden")
        {
            return failure(
                .wrongPassword, "the password is wrong or missing",
                "Write user and password into the address: \(address.kind)://USER:PASSWORD@HOST/…")
        }
        if saidAny("failed to resolve", "name or service not known", "temporary failure in name") {
            return failure(
                .unknownHost, "the host's name is not known", "Check the name and the network")
        }
        if code == fathom_error_of_errno(ECONNREFUSED) || saidAny("connection refused") {
            return failure(
                .refused, "the host refuses the connection: nothing listens at this port",
                "Check the port, and whether the server runs")
        }
        if code == fathom_error_http_not_found || saidAny("404 not found", "404 stream not found")
            || saidAny("netstream.play.streamnotfound", "no such stream")
        {
            return failure(
                .notFound, "the server has nothing of this name", "Check the path of the address")
        }
        let unreachable = [ENETUNREACH, EHOSTUNREACH, ENETDOWN, EHOSTDOWN].map {
            fathom_error_of_errno($0)
        }
        if unreachable.contains(code) || saidAny("no route to host", "network is unreachable") {
            return failure(.unreachable, "no way leads to the host", "Check the network")
        }
        if saidAny("461 ", "unsupported transport")
            || (address.kind == .rtsp && code == fathom_error_of_errno(EPROTONOSUPPORT))
        {
            return failure(
                .other, "the server does not offer this transport (RTSP status 461)",
                "Use the other --rtsp-transport")
        }
        if code == fathom_error_of_errno(ETIMEDOUT) || saidAny("timed out", "time out") {
            return failure(.timedOut, "it does not answer", "Check the address and the network")
        }
        if code == fathom_error_of_errno(ENOENT) {
            return failure(.notFound, "there is no such file or device", "Check the name")
        }
        if code == fathom_error_end_of_file {
            return failure(.ended, "the stream ended", "Check whether the source still sends")
        }
        let broken = [ECONNRESET, EPIPE, EIO, ECONNABORTED, ENOTCONN].map {
            fathom_error_of_errno($0)
        }
        if broken.contains(code) {
            return failure(
                .ended, "the connection broke", "Check whether the source still sends")
        }
        if code == fathom_error_invalid_data {
            return failure(
                .damaged, "what it sends is no media that FFmpeg knows",
                "Check the address with a player")
        }
        let words = messages.last.map { " (\(address.scrubbed($0)))" } ?? ""
        return failure(.other, describeError(code) + words, "Check the address with a player")
    }
}
