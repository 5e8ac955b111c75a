import FathomCore
import FathomPipeline
import Logging

/// The preview page of live sources, and what other programs take from the same port: MJPEG, HLS, depth in numbers,
/// metrics, health.
///
/// Whatever clients do, sources and other outputs go on unchanged: every viewer has one place for a picture,
/// and nothing of theirs is waited for.
public final class LiveServer: Sendable {
    private let bound: ServerAddress
    private let server: HTTPServer
    private let views: ViewRoster

    /// Reads `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080` or `:8080`, which means this machine alone.
    ///
    /// - Throws: a usage error; also for an address that others reach when there is no token.
    public static func parse(
        _ address: String, token: String?
    ) throws(FathomError) -> (host: String, port: Int) {
        let parsed = try ServerAddress(address, token: token)
        return (parsed.host, parsed.port)
    }

    /// Opens the port at `configuration.serve`; port 0 lets the system choose one.
    ///
    /// - Parameters:
    ///   - feeds: the sources, in the order of their numbers.
    ///   - hls: the segments of each source, in the same order; may be empty.
    ///   - configuration: address, token, and how pictures look unless a viewer asks for something else.
    /// - Throws: a usage error for a wrong address; an error with its remedy when the port is taken.
    public convenience init(
        feeds: [LiveFeed], hls: [any LiveSegments], configuration: LiveConfiguration,
        logger: Logger
    ) throws(FathomError) {
        try self.init(
            feeds: feeds, hls: hls, configuration: configuration, logger: logger,
            limits: ServerLimits())
    }

    /// The same, with other bounds.
    package init(
        feeds: [LiveFeed], hls: [any LiveSegments], configuration: LiveConfiguration,
        logger: Logger, limits: ServerLimits
    ) throws(FathomError) {
        let wanted = try ServerAddress(
            configuration.serve ?? "127.0.0.1:8080", token: configuration.token)
        let (descriptor, bound) = try wanted.listen()
        self.bound = bound
        let link = ServerLink()
        let views = ViewRoster(
            limit: limits.views, defaults: configuration.run, logger: logger,
            published: { link.server?.wake() })
        self.views = views
        let routes = Routes(
            feeds: feeds, hls: hls, configuration: configuration,
            access: Access(token: configuration.token, port: bound.port), views: views,
            depth: DepthAnswers(configuration.run),
            counts: { link.server?.counts ?? HTTPServer.Counts() })
        server = try HTTPServer(listener: descriptor, limits: limits) { routes.answer($0) }
        link.server = server
    }

    deinit { stop() }

    /// `http://127.0.0.1:8080/`, with the port that was chosen.
    public var address: String { "http://\(bound)/" }

    /// Begins to answer, on threads of its own.
    public func start() { server.start() }

    /// Ends everything within half a second, streams included. A server is started once.
    public func stop() {
        server.stop()
        views.stop()
    }
}
