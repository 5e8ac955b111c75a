import FathomCore
import FathomMedia
import Foundation
import Logging

/// All outputs of one source except the server's: recordings, pushes, the frame dump, depth files.
///
/// Each has queues and threads of its own: one that is slow or dead stalls neither the source nor the others.
package final class LiveOutputs: Sendable {
    private let feed: LiveFeed
    private let outputs: [any LiveOutput]

    /// Checks everything and opens what can be opened at once (folders, files); servers are called later.
    package init(
        feed: LiveFeed, configuration: LiveConfiguration, sourceCount: Int, network: Network,
        threads: Int, logger: Logger, cancellation: Cancellation
    ) throws(FathomError) {
        self.feed = feed
        let places = LiveOutputPlaces(configuration, source: feed.index, sourceCount: sourceCount)
        var outputs: [any LiveOutput] = []
        let pushes = try places.pushes()
        let dump = try places.dump()
        let folder = try places.framesFolder()
        if !pushes.isEmpty || configuration.record != nil {
            try LiveVideo.check(configuration, codec: .h264)
        }
        for address in pushes {
            outputs.append(
                PushOutput(
                    address: address, feed: feed, configuration: configuration, logger: logger))
        }
        if let path = configuration.record {
            outputs.append(try Recorder(feed: feed, configuration: configuration, path: path))
        }
        if let folder, let format = configuration.run.frames {
            outputs.append(
                try FramesOutput(
                    folder: folder, format: format, feed: feed, configuration: configuration,
                    network: network))
        }
        if let dump {
            outputs.append(
                try DumpOutput(dump, feed: feed, configuration: configuration))
        }
        self.outputs = outputs
    }

    /// Whether there is any.
    var isEmpty: Bool { outputs.isEmpty }

    /// Begins to listen to the feed.
    package func start() { for output in outputs { output.start() } }

    /// After the feed's end: writes and closes what is under way, all outputs side by side, for at most `seconds`;
    /// what takes longer is given up.
    package func finish(within seconds: Double) -> [RunReport.Output] {
        let deadline = SystemClock.monotonicNanoseconds + UInt64(max(0, seconds) * 1e9)
        for output in outputs { output.end(by: deadline) }
        let written = outputs.flatMap { $0.join(by: deadline) }
        feed.encoders.finish(by: deadline)
        return written
    }
}

/// What the options say about places, for one of several sources.
struct LiveOutputPlaces {
    private let configuration: LiveConfiguration
    private let source: Int
    private let sourceCount: Int

    /// Stands for the source's number in addresses and paths.
    static let placeholder = "{source}"

    init(_ configuration: LiveConfiguration, source: Int, sourceCount: Int) {
        self.configuration = configuration
        self.source = source
        self.sourceCount = sourceCount
    }

    /// The servers that get this source.
    func pushes() throws(FathomError) -> [PushAddress] {
        let texts = configuration.push
        var addresses: [PushAddress] = []
        if sourceCount == 1 || texts.allSatisfy({ $0.contains(Self.placeholder) }) {
            for text in texts { addresses.append(try PushAddress(filled(text))) }
            return addresses
        }
        guard texts.count == sourceCount, !texts.contains(where: { $0.contains(Self.placeholder) })
        else {
            throw FathomError(
                .usage, operation: "push", subject: "\(sourceCount) sources",
                cause: "there are \(texts.count) addresses for them",
                remedy: "Give --push once for each source, in their order,"
                    + " or put \(Self.placeholder) where the source's number belongs")
        }
        // All are checked, so that a mistake shows whichever source is asked.
        for text in texts { addresses.append(try PushAddress(text)) }
        return [addresses[source]]
    }

    /// Where the dump goes; several sources have one each.
    func dump() throws(FathomError) -> DumpOutput.Destination? {
        guard let text = configuration.run.dump else { return nil }
        let destination = try DumpOutput.Destination(filled(text))
        guard sourceCount > 1, !text.contains(Self.placeholder) else { return destination }
        switch destination {
        case .standardOutput:
            throw FathomError(
                .usage, operation: "write", subject: "the dumps of \(sourceCount) sources",
                cause: "the standard output takes one only",
                remedy: "Name a file: the source's number is put into its name")
        case .file(let path): return .file(Self.numbered(path, source))
        case .reader: return destination
        }
    }

    /// The folder of depth files; several sources have one each in it.
    func framesFolder() throws(FathomError) -> String? {
        guard configuration.run.frames != nil else { return nil }
        guard let folder = configuration.run.framesDir else {
            throw FathomError(
                .usage, operation: "write", subject: "depth frames of a live source",
                cause: "no folder was named for them", remedy: "Name one with --frames-dir DIR")
        }
        guard sourceCount > 1, !folder.contains(Self.placeholder) else { return filled(folder) }
        if mkdir(folder, 0o777) != 0, errno != EEXIST {
            throw FileSink.error("make the folder", folder, errno)
        }
        return "\(folder)/source-\(source)"
    }

    private func filled(_ text: String) -> String {
        text.replacing(Self.placeholder, with: String(source))
    }

    /// `depth.dump` becomes `depth-1.dump`.
    private static func numbered(_ path: String, _ number: Int) -> String {
        let suffix = (path as NSString).pathExtension
        let stem = (path as NSString).deletingPathExtension
        return suffix.isEmpty ? "\(path)-\(number)" : "\(stem)-\(number).\(suffix)"
    }
}
