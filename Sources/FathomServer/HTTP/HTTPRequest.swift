/// Why a request is not served; becomes the answer.
struct HTTPRefusal: Error, Equatable {
    /// The status code.
    var status: Int
    /// One sentence for a person.
    var sentence: String

    init(_ status: Int, _ sentence: String) {
        self.status = status
        self.sentence = sentence
    }
}

/// The head of a request (RFC 9112), read strictly: what is not plain HTTP/1 is refused.
struct HTTPRequest: Sendable {
    /// What a head may be, at most.
    enum Limit {
        /// Bytes of the whole head.
        static let head = 16384
        /// Bytes of the address.
        static let target = 4096
        /// Header lines.
        static let lines = 64
        /// Parts of a query.
        static let queryItems = 32
    }

    /// Whether only the answer's head is wanted.
    let isHead: Bool
    /// The path, decoded; begins with `/`.
    let path: String
    /// The query, decoded; of a name that comes twice the first.
    let query: [String: String]
    /// Header lines by lower-case name; of several of one name all, joined by commas.
    let headers: [String: String]
    /// Whether the connection may serve another request.
    let keepsAlive: Bool

    /// Where the head ends in what was received; `nil` while it is incomplete.
    ///
    /// Single line feeds end lines, too (RFC 9112, section 2.2).
    static func endOfHead(in bytes: [UInt8], from start: Int) -> Int? {
        var index = max(start, 1)
        while index < bytes.count {
            if bytes[index] == 10 {
                let before = bytes[index - 1]
                if before == 10 { return index + 1 }
                if before == 13, index >= 2, bytes[index - 2] == 10 { return index + 1 }
            }
            index += 1
        }
        return nil
    }

    /// Reads a whole head.
    init(head: some Collection<UInt8>) throws(HTTPRefusal) {
        guard head.allSatisfy({ $0 >= 32 || $0 == 9 || $0 == 10 || $0 == 13 }) else {
            throw HTTPRefusal(400, "The request has control characters.")
        }
        var lines = head.split(separator: 10, omittingEmptySubsequences: false).map { line in
            line.last == 13 ? line.dropLast() : line[...]
        }
        while lines.first?.isEmpty == true { lines.removeFirst() }
        guard let first = lines.first, !lines.contains(where: { $0.contains(13) }) else {
            throw HTTPRefusal(400, "The request has no request line.")
        }
        let (method, target, isVersion11) = try Self.requestLine(first)
        headers = try Self.headerLines(lines.dropFirst())
        guard method == "GET" || method == "HEAD" else {
            throw HTTPRefusal(405, "Only GET and HEAD are served here.")
        }
        isHead = method == "HEAD"
        guard headers["transfer-encoding"] == nil, (headers["content-length"] ?? "0") == "0" else {
            throw HTTPRefusal(413, "Requests have no body here.")
        }
        guard headers["host"] != nil || !isVersion11 else {
            throw HTTPRefusal(400, "The request has no Host.")
        }
        (path, query) = try Self.parts(of: target)
        let connection = headers["connection"]?.lowercased() ?? ""
        keepsAlive =
            isVersion11 ? !connection.contains("close") : connection.contains("keep-alive")
    }

    private static func requestLine(
        _ line: some Collection<UInt8>
    ) throws(HTTPRefusal) -> (method: String, target: String, isVersion11: Bool) {
        let parts = line.split(separator: 32, omittingEmptySubsequences: false)
        guard parts.count == 3, !parts[0].isEmpty, parts[0].count <= 16,
            parts[0].allSatisfy({ (65...90).contains($0) })
        else { throw HTTPRefusal(400, "The request line is not that of HTTP.") }
        guard parts[1].count <= Limit.target else {
            throw HTTPRefusal(414, "The address is longer than \(Limit.target) bytes.")
        }
        guard parts[1].allSatisfy({ (33...126).contains($0) }) else {
            throw HTTPRefusal(400, "The address has characters that it may not have.")
        }
        let version = String(decoding: parts[2], as: UTF8.self)
        guard version == "HTTP/1.1" || version == "HTTP/1.0" else {
            throw version.hasPrefix("HTTP/")
                ? HTTPRefusal(505, "Only HTTP/1.0 and HTTP/1.1 are served here.")
                : HTTPRefusal(400, "The request line is not that of HTTP.")
        }
        return (
            String(decoding: parts[0], as: UTF8.self), String(decoding: parts[1], as: UTF8.self),
            version == "HTTP/1.1"
        )
    }

    private static func headerLines(
        _ lines: some Collection<some Collection<UInt8>>
    ) throws(HTTPRefusal) -> [String: String] {
        var headers: [String: String] = [:]
        var count = 0
        for line in lines where !line.isEmpty {
            count += 1
            guard count <= Limit.lines else {
                throw HTTPRefusal(431, "The request has more than \(Limit.lines) header lines.")
            }
            let text = String(decoding: line, as: UTF8.self)
            guard let colon = text.firstIndex(of: ":"), colon != text.startIndex,
                text[..<colon].utf8.allSatisfy(isTokenByte)
            else { throw HTTPRefusal(400, "A header line is not one of HTTP.") }
            let name = text[..<colon].lowercased()
            let value = String(text[text.index(after: colon)...]).trimmingSpaces
            if let earlier = headers[name] {
                guard name != "host", name != "content-length" else {
                    throw HTTPRefusal(400, "The header \(name) comes twice.")
                }
                headers[name] = "\(earlier), \(value)"
            } else {
                headers[name] = value
            }
        }
        return headers
    }

    /// RFC 9110, section 5.6.2.
    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 48...57, 65...90, 94...122, 124, 126, 33, 35...39, 42, 43, 45, 46: true
        default: false
        }
    }

    /// Path and query of `/path?name=value&…`, or of the same with scheme and host before it.
    private static func parts(
        of target: String
    ) throws(HTTPRefusal) -> (path: String, query: [String: String]) {
        var rest = target[...]
        if !rest.hasPrefix("/") {
            guard let scheme = ["http://", "https://"].first(where: rest.hasPrefix) else {
                throw HTTPRefusal(400, "The address does not begin with a slash.")
            }
            rest = rest.dropFirst(scheme.count)
            rest = rest[(rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex)...]
            if !rest.hasPrefix("/") { rest = "/" + rest }
        }
        let question = rest.firstIndex(of: "?")
        let path = try decoded(rest[..<(question ?? rest.endIndex)], plusIsSpace: false)
        guard let question else { return (path, [:]) }
        let items = rest[rest.index(after: question)...].split(separator: "&")
        guard items.count <= Limit.queryItems else {
            throw HTTPRefusal(400, "The query has more than \(Limit.queryItems) parts.")
        }
        var query: [String: String] = [:]
        for item in items {
            let equals = item.firstIndex(of: "=") ?? item.endIndex
            let name = try decoded(item[..<equals], plusIsSpace: true)
            if query[name] == nil {
                query[name] = try decoded(item[equals...].dropFirst(), plusIsSpace: true)
            }
        }
        return (path, query)
    }

    /// Takes percent encoding away (RFC 3986); what is left has no control characters.
    static func decoded(
        _ text: Substring, plusIsSpace: Bool
    ) throws(HTTPRefusal) -> String {
        var bytes: [UInt8] = []
        let source = Array(text.utf8)
        var index = 0
        while index < source.count {
            var byte = source[index]
            if byte == UInt8(ascii: "%") {
                guard index + 2 < source.count, let high = hexValue(source[index + 1]),
                    let low = hexValue(source[index + 2])
                else { throw HTTPRefusal(400, "The address has a broken percent encoding.") }
                byte = high << 4 | low
                index += 2
            } else if byte == UInt8(ascii: "+"), plusIsSpace {
                byte = 32
            }
            bytes.append(byte)
            index += 1
        }
        guard let result = String(validating: bytes, as: UTF8.self),
            !bytes.contains(where: { $0 < 32 || $0 == 127 })
        else { throw HTTPRefusal(400, "The address is no text.") }
        return result
    }

    private static func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 48...57: byte - 48
        case 65...70: byte - 55
        case 97...102: byte - 87
        default: nil
        }
    }
}

extension String {
    /// Without spaces and tabs at both ends.
    var trimmingSpaces: String {
        let isSpace = { (character: Character) in character == " " || character == "\t" }
        return String(drop(while: isSpace).reversed().drop(while: isSpace).reversed())
    }
}
