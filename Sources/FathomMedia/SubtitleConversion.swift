import CFFmpeg
import FathomCore

/// Text subtitles in the form that another container wants; the words and times stay, styling goes.
struct SubtitleConversion: Hashable {
    let source: AVCodecID
    let target: AVCodecID

    /// nil when the container takes the subtitles as they are, or they are no text.
    init?(from source: AVCodecID, container: Container) {
        guard Self.isText(source) else { return nil }
        let target: AVCodecID? =
            switch container.name {
            case "mp4", "mov": AV_CODEC_ID_MOV_TEXT
            case "webm": AV_CODEC_ID_WEBVTT
            case "matroska": source == AV_CODEC_ID_MOV_TEXT ? AV_CODEC_ID_SUBRIP : nil
            default: nil
            }
        guard let target, target != source else { return nil }
        self.source = source
        self.target = target
    }

    private static func isText(_ codec: AVCodecID) -> Bool {
        [
            AV_CODEC_ID_MOV_TEXT, AV_CODEC_ID_SUBRIP, AV_CODEC_ID_TEXT, AV_CODEC_ID_ASS,
            AV_CODEC_ID_SSA, AV_CODEC_ID_WEBVTT,
        ].contains(codec)
    }

    /// A packet's payload in the target's form.
    func convert(_ payload: [UInt8]) -> [UInt8] {
        let words = Array(plainText(payload).utf8)
        guard target == AV_CODEC_ID_MOV_TEXT else { return words }
        // 3GPP TS 26.245, 5.17: a 16-bit length before the text.
        let length = min(words.count, Int(UInt16.max))
        return [UInt8(length >> 8), UInt8(length & 255)] + words.prefix(length)
    }

    private func plainText(_ payload: [UInt8]) -> String {
        switch source {
        case AV_CODEC_ID_MOV_TEXT:
            guard payload.count >= 2 else { return "" }
            let length = Int(payload[0]) << 8 | Int(payload[1])
            return String(decoding: payload.dropFirst(2).prefix(length), as: UTF8.self)
        case AV_CODEC_ID_ASS, AV_CODEC_ID_SSA:
            // Eight fields, then the text.
            let text =
                String(decoding: payload, as: UTF8.self)
                .split(separator: ",", maxSplits: 8, omittingEmptySubsequences: false).last ?? ""
            return removing(from: String(text), between: "{", and: "}")
                .split(separator: "\\N", omittingEmptySubsequences: false).joined(separator: "\n")
        default:
            return removing(from: String(decoding: payload, as: UTF8.self), between: "<", and: ">")
        }
    }

    /// Takes out mark-up; an opening sign that is never closed is text.
    private func removing(
        from text: String, between open: Character, and close: Character
    ) -> String {
        var result = ""
        var rest = Substring(text)
        while let start = rest.firstIndex(of: open) {
            guard let end = rest[start...].firstIndex(of: close) else { break }
            result += rest[..<start]
            rest = rest[rest.index(after: end)...]
        }
        return result + rest
    }
}
