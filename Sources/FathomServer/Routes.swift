import FathomCore
import FathomDepth
import FathomPicture
import FathomPipeline
import Foundation

/// What is served where.
struct Routes: Sendable {
    let feeds: [LiveFeed]
    let hls: [any LiveSegments]
    let configuration: LiveConfiguration
    let access: Access
    let views: ViewRoster
    let depth: DepthAnswers
    let started = Date().timeIntervalSince1970
    /// The server's own counters.
    let counts: @Sendable () -> HTTPServer.Counts

    /// How long a player waits for the first segment.
    private static let secondsForSegments = 10.0

    /// Answers a request, or says who does.
    func answer(_ request: HTTPRequest) -> HTTPAnswer {
        do throws(HTTPRefusal) {
            try access.check(request)
            return try route(request)
        } catch {
            return .now(HTTPResponse(error))
        }
    }

    private func route(_ request: HTTPRequest) throws(HTTPRefusal) -> HTTPAnswer {
        switch request.path {
        case "/": return .now(page(request))
        case "/stream.mjpg": return try stream(request)
        case "/depth.png": return try map(request, isPNG: true)
        case "/depth.f32": return try map(request, isPNG: false)
        case "/point.json":
            let feed = try feed(request)
            return .now(
                try depth.point(try latest(request), source: feed.index, request.query))
        case "/state.json": return .now(JSONAnswer.make(try statuses(request)))
        case "/page.json": return .now(JSONAnswer.make(PageOptions(self)))
        case "/metrics": return .now(metrics)
        case "/healthz": return .now(Health(try statuses(request)).response)
        case "/hls/live.m3u8": return try playlist(request)
        default:
            if let file = PageFile.all[request.path] { return .now(file) }
            if let number = Self.segmentNumber(request.path) {
                return try segment(number, request)
            }
            throw HTTPRefusal(404, "There is nothing at this address.")
        }
    }

    // MARK: Sources

    /// The number after `source=`; 0 without one.
    private func feed(_ request: HTTPRequest) throws(HTTPRefusal) -> LiveFeed {
        let text = request.query["source"] ?? "0"
        guard let index = Int(text), feeds.indices.contains(index) else {
            throw HTTPRefusal(404, "There is no such source: there are \(feeds.count), from 0 on.")
        }
        return feeds[index]
    }

    private func latest(_ request: HTTPRequest) throws(HTTPRefusal) -> LiveFrame {
        guard let frame = try feed(request).latest else {
            throw HTTPRefusal(503, "The source has given no frame yet.")
        }
        return frame
    }

    /// How all sources are, or the one that was asked for.
    private func statuses(_ request: HTTPRequest) throws(HTTPRefusal) -> [LiveStatus] {
        request.query["source"] == nil ? feeds.map(\.status) : [try feed(request).status]
    }

    // MARK: Answers

    private func page(_ request: HTTPRequest) -> HTTPResponse {
        var response = PageFile.index
        if let cookie = access.cookieHeader(for: request) { response.headers.append(cookie) }
        return response
    }

    private func map(_ request: HTTPRequest, isPNG: Bool) throws(HTTPRefusal) -> HTTPAnswer {
        let frame = try latest(request)
        let source = try feed(request).index
        return .work { [depth] in
            do throws(HTTPRefusal) {
                return try depth.map(frame, source: source, isPNG: isPNG, request.query)
            } catch {
                return HTTPResponse(error)
            }
        }
    }

    private func stream(_ request: HTTPRequest) throws(HTTPRefusal) -> HTTPAnswer {
        let feed = try feed(request)
        let options = try ViewOptions(
            request.query, source: feed.index, defaults: configuration.run)
        let place = try views.subscribe(options, feed: feed)
        let opening = Array("--\(LiveView.boundary)\r\n".utf8)
        // The page takes the parts apart by itself.
        let wantsBytes = request.headers["accept"] == "application/octet-stream"
        return .now(
            HTTPResponse(
                type: wantsBytes
                    ? "application/octet-stream"
                    : "multipart/x-mixed-replace; boundary=\(LiveView.boundary)",
                body: .stream(first: opening + (place.first ?? []), place.pieces)))
    }

    private var metrics: HTTPResponse {
        let now = SystemClock.monotonicNanoseconds
        let wall = Date().timeIntervalSince1970
        let lastFrames = feeds.map { feed in
            feed.latest.map { wall - Double(now - min(now, $0.published)) / 1e9 }
        }
        let metrics = Metrics(
            statuses: feeds.map(\.status), lastFrames: lastFrames, views: views.counts,
            server: counts(), started: started)
        return HTTPResponse(
            type: "text/plain; version=0.0.4; charset=utf-8", text: metrics.text)
    }

    // MARK: HLS

    private func segments(_ request: HTTPRequest) throws(HTTPRefusal) -> any LiveSegments {
        let index = try feed(request).index
        guard hls.indices.contains(index) else {
            throw HTTPRefusal(404, "There is no HLS of this source.")
        }
        return hls[index]
    }

    private func playlist(_ request: HTTPRequest) throws(HTTPRefusal) -> HTTPAnswer {
        let segments = try segments(request)
        // Players ask for segments by what the playlist says, so that has to name source and token again.
        let query = ["source", "token"].compactMap { name in
            request.query[name].map { "\(name)=\(Self.encoded($0))" }
        }
        let ending = query.isEmpty ? "" : "?\(query.joined(separator: "&"))"
        return .once(
            {
                segments.playlist(waiting: 0).map { playlist in
                    HTTPResponse(
                        type: "application/vnd.apple.mpegurl",
                        text: Self.playlist(playlist, withEnding: ending))
                }
            }, seconds: Self.secondsForSegments,
            otherwise: HTTPRefusal(503, "There is no segment yet."))
    }

    private static func playlist(_ text: String, withEnding ending: String) -> String {
        guard !ending.isEmpty else { return text }
        return text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            line.isEmpty || line.hasPrefix("#") ? String(line) : "\(line)\(ending)"
        }.joined(separator: "\n")
    }

    private static func encoded(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
    }

    private func segment(
        _ number: Int, _ request: HTTPRequest
    ) throws(HTTPRefusal) -> HTTPAnswer {
        guard let bytes = try segments(request).segment(number) else {
            throw HTTPRefusal(404, "There is no such segment any more.")
        }
        return .now(HTTPResponse(type: "video/mp2t", body: .bytes(bytes)))
    }

    /// N of `/hls/N.ts`.
    private static func segmentNumber(_ path: String) -> Int? {
        let beginning = "/hls/"
        guard path.hasPrefix(beginning), path.hasSuffix(".ts") else { return nil }
        let digits = path.dropFirst(beginning.count).dropLast(3)
        guard (1...15).contains(digits.count), digits.utf8.allSatisfy({ (48...57).contains($0) })
        else { return nil }
        return Int(digits)
    }
}

/// What `/healthz` says: whether every source plays.
private struct Health: Encodable {
    struct Source: Encodable {
        var source: Int
        var name: String
        var state: String
        var reason: String?
    }

    var status: String
    var sources: [Source]

    init(_ statuses: [LiveStatus]) {
        sources = statuses.map {
            Source(source: $0.source, name: $0.name, state: $0.state.rawValue, reason: $0.trouble)
        }
        status = statuses.allSatisfy { $0.state == .playing } ? "ok" : "unhealthy"
    }

    var response: HTTPResponse { JSONAnswer.make(self, status: status == "ok" ? 200 : 503) }
}

/// What the page has to know once: the choices, and what is chosen at first.
private struct PageOptions: Encodable {
    var colorMaps: [String]
    var layouts: [String]
    var colorMap: String
    var layout: String
    var invert: Bool
    var range: String
    var sources: [String]
    var hasHLS: Bool

    init(_ routes: Routes) {
        let run = routes.configuration.run
        colorMaps = ColorMap.allCases.map(\.rawValue)
        layouts = Layout.allCases.map(\.rawValue)
        colorMap = run.colormap.rawValue
        layout = run.layout.rawValue
        invert = run.invert
        range = run.range.description
        sources = routes.feeds.map(\.name)
        hasHLS = !routes.hls.isEmpty
    }
}
