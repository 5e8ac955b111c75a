import CFFmpeg
import FathomCore

/// Why a server doesn't take the stream, from FFmpeg's error code and words.
struct PushFailure {
    let address: LiveAddress
    let code: Int32
    let messages: [String]

    /// An attempt to connect that failed.
    func whenOpening() -> FathomError {
        let said = messages.joined(separator: "\n").lowercased()
        if said.contains("already publish") || said.contains("badname") {
            return error(
                "connect to", "somebody publishes under this name already",
                "Choose another name, or end the other one")
        }
        if address.kind == .srt, code == fathom_error_io {
            // libsrt's reason doesn't come through: a wrong phrase and an empty port look the same.
            return error(
                "connect to", "nobody answers there, or the pass phrase is wrong or missing",
                "Check host, port and pass phrase: srt://HOST:PORT?passphrase=…")
        }
        let failure = LiveFailure.of(code, "connect to", address, messages: messages)
        switch failure.reason {
        case .ended, .damaged, .other:
            let words = messages.last.map { " (\(address.scrubbed($0)))" } ?? ""
            return error(
                "connect to", "it does not take the stream\(words)", "See the server's log")
        default: return failure.error
        }
    }

    /// A connection that broke.
    func whenWriting() -> FathomError {
        let words = messages.last.map { " (\(address.scrubbed($0)))" } ?? ""
        return error("write to", "the connection broke\(words)", "See the server's log")
    }

    /// A server that keeps one waiting.
    static func timeOut(_ address: LiveAddress, isOpening: Bool, seconds: Double) -> FathomError {
        let time =
            seconds == seconds.rounded() && seconds < 1e6
            ? String(Int(seconds)) : String(seconds)
        return FathomError(
            operation: isOpening ? "connect to" : "write to", subject: address.name,
            cause: isOpening
                ? "it did not answer within \(time) s" : "it took nothing for \(time) s",
            remedy: "Check the server and the network")
    }

    private func error(_ operation: String, _ cause: String, _ remedy: String) -> FathomError {
        FathomError(operation: operation, subject: address.name, cause: cause, remedy: remedy)
    }
}
