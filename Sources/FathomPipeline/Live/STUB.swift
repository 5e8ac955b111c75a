import FathomCore
import Logging

public final class LiveServer: Sendable {
    public init(
        feeds: [LiveFeed], hls: [HLSWindow], configuration: LiveConfiguration, logger: Logger
    ) throws(FathomError) {}; public var address: String { "" }; public func start() {};
    public func stop() {}
}
