import FathomCore
import Logging

final class LiveOutputs: Sendable {
    init(
        feed: LiveFeed, configuration: LiveConfiguration, sourceCount: Int, network: Network,
        threads: Int, logger: Logger, cancellation: Cancellation
    ) throws(FathomError) {}
    func start() {}
    func finish(within seconds: Double) -> [RunReport.Output] { [] }
}
public final class HLSWindow: Sendable {
    public init(feed: LiveFeed, configuration: LiveConfiguration) {}; public func finish() {}
}
public final class LiveServer: Sendable {
    public init(
        feeds: [LiveFeed], hls: [HLSWindow], configuration: LiveConfiguration, logger: Logger
    ) throws(FathomError) {}; public var address: String { "" }; public func start() {};
    public func stop() {}
}
