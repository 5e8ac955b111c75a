import FathomCore

/// An answer: all of it, or the beginning of a stream.
struct HTTPResponse: Sendable {
    /// What follows the head.
    enum Body: Sendable {
        /// All at once.
        case bytes([UInt8])
        /// Pieces for as long as both sides want: the first at once if there is one, then what is published.
        case stream(first: [UInt8]?, Subscription<[UInt8]>)
    }

    /// The status code.
    var status: Int
    /// Header lines besides those that every answer has.
    var headers: [(name: String, value: String)]
    /// What follows.
    var body: Body

    init(_ status: Int = 200, type: String, headers: [(String, String)] = [], body: Body) {
        self.status = status
        self.headers = [("Content-Type", type)] + headers
        self.body = body
    }

    init(_ status: Int = 200, type: String, headers: [(String, String)] = [], text: String) {
        self.init(status, type: type, headers: headers, body: .bytes(Array(text.utf8)))
    }

    /// One sentence in place of what was asked for.
    init(_ refusal: HTTPRefusal) {
        self.init(
            refusal.status, type: "text/plain; charset=utf-8", text: refusal.sentence + "\n")
        switch refusal.status {
        case 405: headers.append(("Allow", "GET, HEAD"))
        case 401: headers.append(("WWW-Authenticate", "Bearer realm=\"fathom\""))
        case 503: headers.append(("Retry-After", "1"))
        default: break
        }
    }

    /// The head as it is sent.
    func head(keepsAlive: Bool) -> [UInt8] {
        var text = "HTTP/1.1 \(status) \(Self.phrases[status] ?? "Status")\r\n"
        for (name, value) in headers + Self.common { text += "\(name): \(value)\r\n" }
        if case .bytes(let bytes) = body { text += "Content-Length: \(bytes.count)\r\n" }
        text += "Connection: \(keepsAlive ? "keep-alive" : "close")\r\n\r\n"
        return Array(text.utf8)
    }

    /// Nothing is kept, guessed, embedded elsewhere or loaded from elsewhere.
    private static let common = [
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        (
            "Content-Security-Policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
                + "connect-src 'self'; media-src 'self'; base-uri 'none'; form-action 'none'; "
                + "frame-ancestors 'none'"
        ),
    ]

    private static let phrases = [
        200: "OK", 303: "See Other", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden",
        404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout",
        413: "Content Too Large", 414: "URI Too Long", 431: "Request Header Fields Too Large",
        500: "Internal Server Error", 503: "Service Unavailable",
        505: "HTTP Version Not Supported",
    ]
}

/// How a request is answered.
enum HTTPAnswer: Sendable {
    /// At once; made in no time.
    case now(HTTPResponse)
    /// By a thread for work.
    case work(@Sendable () -> HTTPResponse)
    /// As soon as there is something, asked for several times a second; the refusal once `seconds` are over.
    case once(@Sendable () -> HTTPResponse?, seconds: Double, otherwise: HTTPRefusal)
}
