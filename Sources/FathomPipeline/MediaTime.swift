import FathomCore

/// Times as a person types and reads them.
public enum MediaTime {
    /// Ticks of the times that people type.
    public static let timeBase = Rational(1, 1_000_000)

    /// Reads `SS[.mmm]`, `MM:SS[.mmm]`, `HH:MM:SS[.mmm]` or `12.4s`; `nil` for anything else or beyond 1000 hours.
    public static func parse(_ text: String) -> Timestamp? {
        var body = Substring(text)
        let parts: [Substring]
        if body.hasSuffix("s") {
            body = body.dropLast()
            parts = [body]
        } else {
            parts = body.split(separator: ":", omittingEmptySubsequences: false)
        }
        guard (1...3).contains(parts.count), let last = parts.last else { return nil }
        var total: Int64 = 0
        for part in parts.dropLast() {
            guard let number = wholeNumber(part), total < 1000 else { return nil }
            total = total * 60 + number
        }
        let pieces = last.split(separator: ".", omittingEmptySubsequences: false)
        guard let seconds = pieces.first.flatMap(wholeNumber), pieces.count <= 2 else { return nil }
        if parts.count > 1 && seconds >= 60 { return nil }
        total = total * 60 + seconds
        var micros: Int64 = 0
        if pieces.count == 2 {
            guard (1...6).contains(pieces[1].count), let fraction = wholeNumber(pieces[1]) else {
                return nil
            }
            micros = (pieces[1].count..<6).reduce(fraction) { value, _ in value * 10 }
        }
        guard total <= 3_600_000 else { return nil }
        return Timestamp(total * 1_000_000 + micros, timeBase)
    }

    private static func wholeNumber(_ text: Substring) -> Int64? {
        guard !text.isEmpty, text.count <= 9, text.allSatisfy({ $0.isASCII && $0.isNumber }) else {
            return nil
        }
        return Int64(text)
    }

    /// `1:02:03.450`, hours always, milliseconds rounded down; a leading minus for times before zero.
    public static func format(_ time: Timestamp) -> String {
        let micros = time.rescaled(to: timeBase).value
        let sign = micros < 0 ? "-" : ""
        let milliseconds = micros.magnitude / 1000
        let seconds = milliseconds / 1000
        return
            "\(sign)\(seconds / 3600):\(pad(seconds / 60 % 60, 2)):\(pad(seconds % 60, 2)).\(pad(milliseconds % 1000, 3))"
    }

    /// `45s`, `3m 05s`, `2h 10m`: a duration for a progress line.
    public static func short(seconds: Double) -> String {
        guard seconds.isFinite, seconds >= 0, seconds < 1e9 else { return "–" }
        let whole = UInt64(seconds.rounded())
        if whole < 60 { return "\(whole)s" }
        if whole < 3600 { return "\(whole / 60)m \(pad(whole % 60, 2))s" }
        return "\(whole / 3600)h \(pad(whole / 60 % 60, 2))m"
    }

    private static func pad(_ value: UInt64, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
