import FathomCore
import FathomMedia
import Synchronization

/// The frame dump of a live source: to a file, to standard output, or to a reader that listens on TCP.
///
/// Readers that are slow lose frames; one that goes away is called again, and gets a new head.
final class DumpOutput: LiveOutput {
    /// Where the dump goes.
    enum Destination: Hashable, Sendable {
        case file(String)
        case standardOutput
        case reader(host: String, port: Int)

        /// `FILE`, `-` or `tcp://HOST:PORT`.
        init(_ text: String) throws(FathomError) {
            if text == "-" {
                self = .standardOutput
                return
            }
            guard text.hasPrefix("tcp://") else {
                guard !text.contains("://") else { throw Self.wrong(text) }
                self = .file(text)
                return
            }
            let rest = text.dropFirst(6)
            guard let colon = rest.lastIndex(of: ":"),
                let port = Int(rest[rest.index(after: colon)...]), (1...65535).contains(port)
            else { throw Self.wrong(text) }
            let host = rest[..<colon].filter { $0 != "[" && $0 != "]" }
            guard !host.isEmpty, !host.contains("@"), !host.contains("/") else {
                throw Self.wrong(text)
            }
            self = .reader(host: host, port: port)
        }

        private static func wrong(_ text: String) -> FathomError {
            FathomError(
                .usage, operation: "write the dump to",
                subject: text.contains("@") ? "this address" : text,
                cause: "it is no file and no address of a reader",
                remedy: "Give a file, - or tcp://HOST:PORT, such as tcp://127.0.0.1:9000")
        }

        var name: String {
            switch self {
            case .file(let path): path
            case .standardOutput: "-"
            case .reader(let host, let port): "tcp://\(host):\(port)"
            }
        }
    }

    private let destination: Destination
    private let feed: LiveFeed
    private let configuration: LiveConfiguration
    private let account: OutputAccount
    private let threads = OutputThreads()
    private let deadline = Atomic<UInt64>(.max)
    private let bytes = Atomic<Int64>(0)
    private let file: FileOwner?

    /// The file is opened at once, so that what is wrong with it is known at the start.
    private final class FileOwner: @unchecked Sendable {
        // Sendable: made before the thread starts, then used by it alone.
        let file: PartialFile
        init(_ file: PartialFile) { self.file = file }
    }

    init(
        _ destination: Destination, feed: LiveFeed, configuration: LiveConfiguration
    ) throws(FathomError) {
        self.destination = destination
        self.feed = feed
        self.configuration = configuration
        if case .file(let path) = destination {
            file = FileOwner(
                try PartialFile(path: path, overwrites: configuration.run.overwrite))
        } else {
            file = nil
        }
        account = feed.account.addOutput("dump \(destination.name)")
    }

    func start() {
        let isFile = file != nil
        let frames = feed.frames.subscribe(
            capacity: isFile ? 8 : 1, waits: isFile && configuration.policy == .block)
        threads.start("live-dump") { [self] in
            defer { frames.cancel() }
            run(frames)
        }
    }

    func end(by deadline: UInt64) {
        self.deadline.store(deadline, ordering: .releasing)
        threads.end()
    }

    func join(by deadline: UInt64) -> [RunReport.Output] {
        threads.join(by: deadline)
        return [
            RunReport.Output(
                path: destination.name, kind: "dump", bytes: bytes.load(ordering: .relaxed))
        ]
    }

    // MARK: The thread

    private func run(_ frames: Subscription<LiveFrame>) {
        switch destination {
        case .file: writeFile(frames)
        case .standardOutput:
            do throws(FathomError) {
                let sink = PatientSink(standardOutput: { self.isOver(noting: frames) })
                try write(frames) { (data) throws(FathomError) in try sink.write(data) }
            } catch { account.failed(error, isFinal: true) }
        case .reader(let host, let port): callReader(frames, host: host, port: port)
        }
    }

    private func writeFile(_ frames: Subscription<LiveFrame>) {
        guard let file = file?.file else { return }
        do throws(FathomError) {
            try write(frames) { (data) throws(FathomError) in try file.write(data) }
            try file.finish()
        } catch {
            file.abandon()
            account.failed(error, isFinal: true)
        }
    }

    private func callReader(_ frames: Subscription<LiveFrame>, host: String, port: Int) {
        var backoff = Backoff(first: 0.25, most: 10)
        var connections = 0
        while !threads.isEnding {
            do throws(FathomError) {
                let sink = try PatientSink(
                    host: host, port: port, openSeconds: configuration.openSeconds,
                    patience: configuration.readSeconds,
                    hasEnded: { self.isOver(noting: frames) })
                backoff.reset()
                connections += 1
                account.update { $0.reconnects = connections - 1 }
                try write(frames) { (data) throws(FathomError) in try sink.write(data) }
                return
            } catch {
                guard !threads.isEnding else { return }
                account.failed(error)
                threads.pause(seconds: backoff.next())
            }
        }
    }

    /// Asked while a reader keeps it waiting: whether the time is over.
    private func isOver(noting frames: Subscription<LiveFrame>) -> Bool {
        noteDrops(of: frames)
        return threads.isEnding
            && SystemClock.monotonicNanoseconds >= deadline.load(ordering: .acquiring)
    }

    private func noteDrops(of frames: Subscription<LiveFrame>) {
        let dropped = frames.dropped
        account.update { $0.dropped = dropped }
    }

    /// Writes a whole dump: the head by the first frame, then frames until the feed ends.
    private func write(
        _ frames: Subscription<LiveFrame>, to sink: @escaping FrameDumpWriter.Sink
    ) throws(FathomError) {
        let run = configuration.run
        let sampler = DepthSampler(size: run.framesSize, method: run.upsampling)
        var writer: FrameDumpWriter?
        var pictures: JPEGEncoder?
        let before = bytes.load(ordering: .relaxed)
        while let frame = frames.next() {
            noteDrops(of: frames)
            guard frame.lostFor == nil else { continue }
            let depth = DepthFrame(index: frame.number, source: frame.picture, depth: frame.depth)
            let dump: FrameDumpWriter
            if let writer {
                dump = writer
            } else {
                dump = try makeWriter(for: frame, depth, sampler: sampler, sink: sink)
                sampler.fixed = (dump.description.width, dump.description.height)
                writer = dump
            }
            if let size = dump.description.colorSize,
                size == (frame.picture.format.width, frame.picture.format.height)
            {
                if pictures == nil { pictures = try JPEGEncoder(format: frame.picture.format) }
                let jpeg = try pictures?.encode(frame.picture) ?? []
                try jpeg.withUnsafeBufferPointer { (bytes) throws(FathomError) in
                    try dump.writeColor(
                        jpeg: UnsafeRawBufferPointer(bytes), at: frame.picture.timestamp)
                }
            }
            try sampler.withValues(of: depth) { (values) throws(FathomError) in
                try dump.write(
                    values, at: frame.picture.timestamp, wallTime: frame.wallTime.seconds)
            }
            bytes.store(before + Int64(dump.bytes), ordering: .relaxed)
            account.works()
            account.update { status in
                status.written += 1
                status.bytes = before + Int64(dump.bytes)
            }
        }
        try writer?.finish()
    }

    private func makeWriter(
        for frame: LiveFrame, _ depth: DepthFrame, sampler: DepthSampler,
        sink: @escaping FrameDumpWriter.Sink
    ) throws(FathomError) -> FrameDumpWriter {
        let rate = feed.status.inputRate
        let description = DumpStage.describe(
            depth, sampler: sampler, title: feed.name,
            frameRate: Rational(Int(min(max(rate, 1), 1000).rounded()), 1),
            configuration: configuration.run)
        return try FrameDumpWriter(
            description, options: FrameDumpWriter.Options(startWallTime: frame.wallTime.seconds),
            sink: sink)
    }
}
