import Fathom
import FathomServer
import Foundation
import Logging
import TestSupport

/// A server with made-up sources at a port of its own.
final class TestServer {
    let server: LiveServer
    let sources: [SyntheticFeed]
    let port: Int

    init(
        sources: [SyntheticFeed]? = nil, token: String? = nil, hls: [any LiveSegments] = [],
        limits: ServerLimits = ServerLimits(),
        _ change: (inout LiveConfiguration) -> Void = { _ in }
    ) throws {
        self.sources = try sources ?? [SyntheticFeed()]
        var configuration = LiveConfiguration()
        configuration.serve = "127.0.0.1:0"
        configuration.token = token
        change(&configuration)
        server = try LiveServer(
            feeds: self.sources.map(\.feed), hls: hls, configuration: configuration,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
            limits: limits)
        port = Int(server.address.dropLast().split(separator: ":").last ?? "") ?? 0
        server.start()
    }

    deinit {
        server.stop()
        for source in sources { source.stop() }
    }

    /// The answer to one request of a connection of its own.
    func get(_ target: String, _ headers: String = "") throws -> Client.Answer {
        let client = try Client(port)
        client.get(target, headers + "Connection: close\r\n")
        return try client.answer()
    }

    /// The answer to bytes.
    func answer(to bytes: [UInt8]) throws -> Client.Answer {
        let client = try Client(port)
        client.send(bytes)
        return try client.answer()
    }

    func answer(to text: String) throws -> Client.Answer { try answer(to: Array(text.utf8)) }

    /// Whether it serves as if nothing had happened.
    var isWell: Bool { (try? get("/state.json").status) == 200 }

    /// The value of a metric's first sample whose line begins with a text.
    func metric(_ beginning: String) throws -> Double? {
        let lines = try get("/metrics").text.split(separator: "\n")
        return lines.first { $0.hasPrefix(beginning) }?.split(separator: " ").last
            .flatMap { Double($0) }
    }
}

/// Waits for something that another thread does; `false` after `seconds`.
func eventually(_ seconds: Double = 10, _ condition: () throws -> Bool) rethrows -> Bool {
    let end = Date(timeIntervalSinceNow: seconds)
    while try !condition() {
        if Date() > end { return false }
        Thread.sleep(forTimeInterval: 0.02)
    }
    return true
}

/// A picture file's first picture, read back by FFmpeg's libraries alone.
func decoded(_ file: [UInt8], _ ending: String) throws -> DecodedPicture {
    let folder = try TemporaryFolder()
    let path = try folder.write("picture.\(ending)", Data(file))
    return try DecodedPicture.read(path)[0]
}
