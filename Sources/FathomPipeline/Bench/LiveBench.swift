import FathomCore
import Foundation
import Logging

/// How a live source does on this machine: age of its frames, rates, drops, processor, memory over time, recoveries.
public struct LiveBench: Sendable {
    /// How it was at one moment.
    public struct Sample: Sendable, Codable {
        /// Seconds since the beginning.
        public var seconds: Double
        /// Resident memory in MiB.
        public var memoryMB: Double
        /// Frames that the decoder gave so far.
        public var framesIn: Int
        /// Frames published so far.
        public var framesOut: Int
        /// Age of the frames of the last seconds.
        public var ageMs: AgeStatistics
    }

    /// Resident memory over the time of the measurement, in MiB.
    public struct Memory: Sendable, Codable {
        /// After the first tenth, when everything is set up.
        public var start: Double
        /// In the end.
        public var end: Double
        /// The highest.
        public var peak: Double
        /// Growth in MiB an hour, by least squares over all but the first tenth.
        public var perHour: Double
    }

    /// What one source did.
    public struct Measurement: Sendable, Codable {
        /// Its address without a password.
        public var source: String
        /// Its picture: `h264 640x360`.
        public var picture: String
        /// Wall seconds.
        public var seconds: Double
        /// Frames that the decoder gave.
        public var framesIn: Int
        /// Frames published with their depth.
        public var framesOut: Int
        /// Frames dropped.
        public var framesDropped: Int
        /// Why.
        public var drops: [String: Int]
        /// Frames a second that arrived, from the first to the last sample with frames.
        public var inputRate: Double
        /// Frames a second that were published.
        public var outputRate: Double
        /// From arrival to publication.
        public var ageMs: AgeStatistics
        /// Processor seconds of the whole process for each second.
        public var cores: Double
        /// Of the whole process.
        public var memoryMB: Memory
        /// Seconds from each loss to the recovery.
        public var recoveries: [Double]
        /// Ten moments, evenly spread.
        public var course: [Sample]
    }

    /// The source, and with others beside it: each is measured.
    public var sources: [String]
    /// How it is done; its `duration` is how long.
    public var configuration: LiveConfiguration

    /// A bench of a minute, unless the configuration says otherwise.
    public init(sources: [String], configuration: LiveConfiguration = LiveConfiguration()) {
        self.sources = sources
        self.configuration = configuration
    }

    /// Plays the sources and measures.
    ///
    /// - Parameter cancellation: ends it early; what was measured until then is given.
    public func measure(cancellation: Cancellation) throws(FathomError) -> [Measurement] {
        var configuration = configuration
        let passing = FileManager.default.temporaryDirectory.appendingPathComponent(
            "fathom-bench-\(UUID().uuidString).jsonl"
        ).path
        defer { unlink(passing) }
        let events = configuration.events ?? passing
        configuration.events = events
        let job = try LiveJob(
            sources, configuration: configuration, cancellation: cancellation,
            logger: Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() })
        let failure = Failure()
        let worker = JoinedThread(name: "live") { failure.set(job.run().error) }
        let started = SystemClock.monotonicNanoseconds
        let startedCore = SystemClock.processorSeconds
        var samples = [[Sample]](repeating: [], count: job.feeds.count)
        var ended = false
        while !ended {
            ended = worker.join(seconds: 1)
            let seconds = Double(SystemClock.monotonicNanoseconds - started) / 1e9
            let memory = SystemClock.memoryMB
            for (index, status) in job.statuses.enumerated() where status.state != .ended {
                samples[index].append(
                    Sample(
                        seconds: seconds, memoryMB: memory, framesIn: status.framesIn,
                        framesOut: status.framesOut, ageMs: status.recentAgeMs))
            }
        }
        let seconds = Double(SystemClock.monotonicNanoseconds - started) / 1e9
        let cores = (SystemClock.processorSeconds - startedCore) / seconds
        if let error = failure.error { throw error }
        return zip(job.statuses, samples).map { status, samples in
            Measurement(
                source: status.name,
                picture: "\(status.codec) \(status.width)x\(status.height)", seconds: seconds,
                framesIn: status.framesIn, framesOut: status.framesOut,
                framesDropped: status.framesDropped, drops: status.drops,
                inputRate: Self.rate(samples, \.framesIn),
                outputRate: Self.rate(samples, \.framesOut), ageMs: status.ageMs, cores: cores,
                memoryMB: Self.memory(samples),
                recoveries: Self.recoveries(in: events, source: status.name),
                course: (0..<min(10, samples.count)).map {
                    samples[($0 + 1) * samples.count / min(10, samples.count) - 1]
                })
        }
    }

    private static func rate(_ samples: [Sample], _ count: (Sample) -> Int) -> Double {
        guard let first = samples.first(where: { count($0) > 0 }), let last = samples.last,
            last.seconds > first.seconds
        else { return 0 }
        return Double(count(last) - count(first)) / (last.seconds - first.seconds)
    }

    private static func memory(_ samples: [Sample]) -> Memory {
        let settled = samples.dropFirst(samples.count / 10)
        guard let first = settled.first, let last = settled.last else {
            let now = SystemClock.memoryMB
            return Memory(start: now, end: now, peak: SystemClock.peakMemoryMB, perHour: 0)
        }
        let count = Double(settled.count)
        let time = settled.reduce(0) { $0 + $1.seconds } / count
        let level = settled.reduce(0) { $0 + $1.memoryMB } / count
        let spread = settled.reduce(0) { $0 + ($1.seconds - time) * ($1.seconds - time) }
        let slope = settled.reduce(0) { $0 + ($1.seconds - time) * ($1.memoryMB - level) }
        return Memory(
            start: first.memoryMB, end: last.memoryMB, peak: SystemClock.peakMemoryMB,
            perHour: spread > 0 ? slope / spread * 3600 : 0)
    }

    private struct Event: Decodable {
        var source: String
        var event: String
        var output: String?
        var seconds: Double?
    }

    private static func recoveries(in path: String, source: String) -> [Double] {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return [] }
        return text.split(separator: "\n").compactMap { line -> Double? in
            guard let event = try? JSONDecoder().decode(Event.self, from: Data(line.utf8)),
                event.event == LiveEvent.recovered.rawValue, event.output == nil,
                event.source == source
            else { return nil }
            return event.seconds
        }
    }
}

/// The error that a thread ended with.
private final class Failure: @unchecked Sendable {
    // Sendable: read only after the thread that writes it has ended.
    private(set) var error: FathomError?

    func set(_ error: FathomError?) { self.error = error }
}
