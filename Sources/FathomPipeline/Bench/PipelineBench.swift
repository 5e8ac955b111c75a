import FathomCore
import FathomMedia
import Foundation
import Logging

/// What a whole run costs here, beside the floor that decoding and encoding alone set.
public struct PipelineBench: Sendable {
    /// What one way through the clip took.
    public struct Measurement: Sendable, Codable {
        /// What was done.
        public var name: String
        /// Frames that went through.
        public var frames: Int
        /// Wall seconds: the median of the rounds.
        public var seconds: Double
        /// Seconds of all cores together: the median of the rounds.
        public var coreSeconds: Double
        /// Frames a wall second.
        public var fps: Double { seconds > 0 ? Double(frames) / seconds : 0 }
    }

    /// The clip: a file, or `nil` for a test pattern of ten seconds at 1280×720.
    public var input: String?
    /// How often everything is done; the ways take turns.
    public var rounds = 3
    /// How it is done.
    public var configuration = RunConfiguration()

    /// A bench of the defaults, with the depth alone as picture.
    public init() { configuration.layout = .depth }

    /// Measures the run, decoding alone, and decoding and encoding of the finished depth video.
    public func measure() throws(FathomError) -> [Measurement] {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("fathom-bench-\(ProcessInfo.processInfo.processIdentifier)")
        do {
            try FileManager.default.createDirectory(
                at: folder, withIntermediateDirectories: true)
        } catch {
            throw FathomError(
                operation: "make", subject: folder.path, cause: error.localizedDescription)
        }
        defer { try? FileManager.default.removeItem(at: folder) }
        let clip: String
        if let input {
            clip = input
        } else {
            clip = folder.appendingPathComponent("clip.mp4").path
            try transcode(Self.testPattern, to: clip)
        }
        let depth = folder.appendingPathComponent("depth.mp4").path
        let again = folder.appendingPathComponent("again.mp4").path
        let network = try Network(configuration.model)
        let ways: [(String, () throws(FathomError) -> Int)] = [
            ("run", { () throws(FathomError) in try run(clip, to: depth, network) }),
            ("decode", { () throws(FathomError) in try transcode(.file(clip), to: nil) }),
            (
                "decode and encode",
                { () throws(FathomError) in
                    // The network's share is nothing here: the source is decoded, the finished depth encoded.
                    _ = try transcode(.file(clip), to: nil)
                    return try transcode(.file(depth), to: again)
                }
            ),
        ]
        var samples = [[(frames: Int, seconds: Double, core: Double)]](
            repeating: [], count: ways.count)
        for _ in 0..<max(1, rounds) {
            for (index, way) in ways.enumerated() {
                let wall = SystemClock.monotonicNanoseconds
                let core = SystemClock.processorSeconds
                let frames = try way.1()
                samples[index].append(
                    (
                        frames, Double(SystemClock.monotonicNanoseconds - wall) / 1e9,
                        SystemClock.processorSeconds - core
                    ))
            }
        }
        return zip(ways, samples).map { way, runs in
            Measurement(
                name: way.0, frames: runs.first?.frames ?? 0,
                seconds: Self.median(runs.map(\.seconds)),
                coreSeconds: Self.median(runs.map(\.core)))
        }
    }

    private static let testPattern = MediaInput.file("testsrc2=size=1280x720:rate=30:duration=10")

    private static func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        return sorted.isEmpty ? 0 : sorted[sorted.count / 2]
    }

    private func run(
        _ clip: String, to output: String, _ network: Network
    ) throws(FathomError) -> Int {
        var configuration = configuration
        configuration.overwrite = true
        let job = RunJob(
            RunTarget(input: .file(clip), video: output), configuration: configuration,
            network: network, cancellation: Cancellation(),
            logger: Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() })
        let (report, error) = job.run()
        if let error { throw error }
        return report.framesOut
    }

    /// Decodes a clip and, with an output, encodes its pictures as the run would.
    @discardableResult
    private func transcode(
        _ input: MediaInput, to output: String?
    ) throws(FathomError) -> Int {
        let cancellation = Cancellation()
        let threads = configuration.threads ?? WorkerPool.machine.threads
        var plain = RunConfiguration()
        plain.overwrite = true
        plain.preset = configuration.preset
        plain.crf = configuration.crf
        plain.codec = configuration.codec
        let recording = try Recording(
            input, configuration: plain, cancellation: cancellation,
            format: input == Self.testPattern ? "lavfi" : nil)
        let video = try output.map { (path) throws(FathomError) in
            try VideoOutput(
                path: path, recording: recording, configuration: plain, threads: threads)
        }
        let pipeline = Pipeline(cancellation: cancellation)
        let tally = RunTally()
        let frames = ReadingStages.add(
            to: pipeline, recording, configuration: plain, threads: threads, tally: tally)
        if let video {
            video.addEncoding(to: pipeline, from: frames, tally: tally, note: { _ in })
        } else {
            pipeline.addStage("drop", from: frames) { (_) throws(FathomError) in
                while frames.receive() != nil {}
            }
        }
        try pipeline.run()
        if let video { _ = try video.finish() }
        return tally.now.framesIn
    }
}
