import CFFmpeg
import FathomCore

/// FFmpeg's word for "no time stamp".
let noTimestamp = fathom_no_timestamp

extension Rational {
    init(_ value: AVRational) { self.init(Int(value.num), Int(value.den)) }

    /// The ratio for FFmpeg, reduced so that both parts fit 32 bits.
    var ffmpeg: AVRational {
        var numerator: Int32 = 0
        var denominator: Int32 = 1
        av_reduce(
            &numerator, &denominator, Int64(self.numerator), Int64(self.denominator),
            Int64(Int32.max))
        return AVRational(num: numerator, den: denominator)
    }
}

/// FFmpeg's words for one of its error codes.
func describeError(_ code: Int32) -> String {
    var buffer = [CChar](repeating: 0, count: Int(AV_ERROR_MAX_STRING_SIZE))
    guard av_strerror(code, &buffer, buffer.count) == 0 else { return "error \(code)" }
    let words = text(buffer)
    return words.first.map { $0.lowercased() + words.dropFirst() } ?? words
}

/// The text before the terminating zero of a C buffer; bytes that are no UTF-8 are replaced.
func text(_ buffer: [CChar]) -> String {
    String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// All pairs of an FFmpeg dictionary.
func dictionaryPairs(_ dictionary: OpaquePointer?) -> [(key: String, value: String)] {
    var pairs: [(key: String, value: String)] = []
    var entry: UnsafeMutablePointer<AVDictionaryEntry>?
    while true {
        entry = av_dict_get(dictionary, "", entry, AV_DICT_IGNORE_SUFFIX)
        guard let found = entry else { return pairs }
        // A hostile file's bytes need not be UTF-8: `String(cString:)` repairs them.
        pairs.append((String(cString: found.pointee.key), String(cString: found.pointee.value)))
    }
}

extension StreamInfo.Kind {
    init(_ type: AVMediaType) {
        switch type {
        case AVMEDIA_TYPE_VIDEO: self = .video
        case AVMEDIA_TYPE_AUDIO: self = .audio
        case AVMEDIA_TYPE_SUBTITLE: self = .subtitle
        case AVMEDIA_TYPE_ATTACHMENT: self = .attachment
        default: self = .data
        }
    }
}

/// A four-letter tag as text; unprintable bytes become dots.
func tagText(_ tag: UInt32) -> String {
    String(
        (0..<4).map { index -> Character in
            let byte = UInt8(truncatingIfNeeded: tag >> (8 * index))
            return (32..<127).contains(byte) ? Character(UnicodeScalar(byte)) : "."
        })
}
