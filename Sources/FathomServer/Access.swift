import FathomCore

/// Who is served: everybody who knows the token, or without one this machine's own programs and pages.
struct Access: Sendable {
    private let token: [UInt8]?
    /// The cookie's name; it has the port in it because browsers share cookies between ports.
    private let cookie: String

    init(token: String?, port: Int) {
        self.token = token.map { Array($0.utf8) }
        cookie = "fathom-\(port)"
    }

    /// Throws where the request is not to be served.
    func check(_ request: HTTPRequest) throws(HTTPRefusal) {
        guard let token else {
            // A page from elsewhere can make its own name mean 127.0.0.1, and then read everything that is
            // served there; the browser still sends that name.
            guard Self.isOwnHost(request.headers["host"]) else {
                throw HTTPRefusal(
                    403,
                    "This server answers to 127.0.0.1 and localhost only, unless it has a token.")
            }
            return
        }
        let offers = [
            request.query["token"], Self.bearer(request.headers["authorization"]),
            cookieValue(request.headers["cookie"]),
        ]
        // All are compared, whichever fits.
        let fits = offers.reduce(false) { Self.isEqual(Array(($1 ?? "").utf8), token) || $0 }
        guard fits else {
            throw HTTPRefusal(
                401, "This page needs its token: add ?token=… to the address, or send it as Bearer."
            )
        }
    }

    /// The cookie to be set when a page was asked for with the token in its address.
    func cookieHeader(for request: HTTPRequest) -> (String, String)? {
        guard token != nil, let said = request.query["token"] else { return nil }
        let value = said.utf8.map { byte -> String in
            let hex = String(byte, radix: 16)
            return byte < 16 ? "0\(hex)" : hex
        }.joined()
        return ("Set-Cookie", "\(cookie)=\(value); Path=/; HttpOnly; SameSite=Strict")
    }

    private func cookieValue(_ header: String?) -> String? {
        guard let header else { return nil }
        for part in header.split(separator: ";") {
            let pair = part.split(separator: "=", maxSplits: 1)
            guard pair.count == 2, String(pair[0]).trimmingSpaces == cookie else { continue }
            let digits = Array(String(pair[1]).trimmingSpaces.utf8)
            guard digits.count % 2 == 0 else { return nil }
            let bytes = stride(from: 0, to: digits.count, by: 2).compactMap { index in
                UInt8(String(decoding: digits[index...index + 1], as: UTF8.self), radix: 16)
            }
            return String(validating: bytes, as: UTF8.self)
        }
        return nil
    }

    private static func bearer(_ header: String?) -> String? {
        guard let header, header.lowercased().hasPrefix("bearer ") else { return nil }
        return String(header.dropFirst(7)).trimmingSpaces
    }

    /// In a time that doesn't tell how much of it is right.
    static func isEqual(_ offer: [UInt8], _ secret: [UInt8]) -> Bool {
        var difference = offer.count ^ secret.count
        for index in offer.indices {
            difference |= Int(offer[index] ^ secret[index % max(secret.count, 1)])
        }
        return difference == 0
    }

    /// Whether a `Host` names this machine for itself; a client without one is no browser.
    private static func isOwnHost(_ header: String?) -> Bool {
        guard let header else { return true }
        var name = header[...]
        if name.hasPrefix("[") {
            guard let end = name.firstIndex(of: "]") else { return false }
            let rest = name[name.index(after: end)...]
            guard rest.isEmpty || isPort(rest) else { return false }
            name = name[name.index(after: name.startIndex)..<end]
        } else if let colon = name.lastIndex(of: ":") {
            guard isPort(name[colon...]) else { return false }
            name = name[..<colon]
        }
        return ServerAddress.isLoopback(String(name))
    }

    private static func isPort(_ text: Substring) -> Bool {
        text.first == ":" && UInt16(text.dropFirst()) != nil
    }
}
