import FathomCore
import Foundation

/// A network behind a protocol of lines, so that a script can let several programs take turns.
///
/// The first line it gives is `ready` or why it isn't. Commands are `run K`, answered with K wall times in
/// milliseconds, and `output PATH`, which writes the first output as a `.npy` file; anything else is answered with an
/// `error`. Each answer is one JSON object on one line. All inputs hold the fixed numbers of `FixedInput`.
public struct ModelWorker {
    private let loaded: ModelBench.Loaded
    /// The line to give before the first command.
    public let ready: String

    /// Loads a network and runs it once.
    public init(_ bench: ModelBench) throws(FathomError) {
        loaded = try bench.load(withCosts: false)
        try loaded.session.execute()
        ready = Self.line(
            Ready(
                ready: true, engine: "fathom \(FathomVersion.current)",
                loadSeconds: Self.rounded(loaded.seconds, 10_000),
                peakMemory: Self.rounded(SystemClock.peakMemoryMB, 10)))
    }

    /// The line to give in place of `ready` when a network cannot be loaded.
    public static func failure(_ error: FathomError) -> String {
        line(NotReady(ready: false, error: error.description))
    }

    /// The answer to a command; nil for `quit`, after which the program ends.
    public func answer(_ command: String) -> String? {
        let parts = command.trimmingCharacters(in: .whitespaces)
            .split(separator: " ", maxSplits: 1).map(String.init)
        if parts == ["quit"] { return nil }
        do throws(FathomError) {
            switch (parts.first, parts.count) {
            case ("run", 2): return Self.line(try run(parts[1]))
            case ("output", 2): return Self.line(try output(parts[1]))
            default: throw Self.error("unknown command: \(command)")
            }
        } catch {
            return Self.line(["error": error.description])
        }
    }

    /// The most runs that one command may ask for.
    private static let mostRuns = 1_000_000

    private func run(_ count: String) throws(FathomError) -> Times {
        guard let count = Int(count), (1...Self.mostRuns).contains(count) else {
            throw Self.error("run takes a number from 1 to \(Self.mostRuns), not '\(count)'")
        }
        var times: [Double] = []
        for _ in 0..<count {
            let start = SystemClock.monotonicNanoseconds
            try loaded.session.execute()
            let elapsed = SystemClock.monotonicNanoseconds - start
            times.append(Self.rounded(Double(elapsed) / 1e6, 10_000))
        }
        return Times(milliseconds: times, peakMemory: Self.rounded(SystemClock.peakMemoryMB, 10))
    }

    private func output(_ path: String) throws(FathomError) -> Written {
        guard let name = loaded.outputs.first,
            loaded.session.outputTypes[name]?.isFloatingPoint == true
        else { throw Self.error("the model's first output is not floating point") }
        try loaded.session.execute()
        let tensor = loaded.session.withOutput(name) { Tensor(shape: $1, values: $0) }
        try NumpyFile.write(tensor, to: path)
        return Written(output: path, shape: tensor.shape.dimensions)
    }

    private static func error(_ cause: String) -> FathomError {
        FathomError(.usage, operation: "do", subject: "what was asked", cause: cause)
    }

    private static func rounded(_ value: Double, _ parts: Double) -> Double {
        (value * parts).rounded() / parts
    }

    private static func line(_ answer: some Encodable) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes]
        let data = (try? encoder.encode(answer)) ?? Data("{\"error\": \"not finite\"}".utf8)
        return String(decoding: data, as: UTF8.self)
    }

    private struct Ready: Encodable {
        let ready: Bool
        let engine: String
        let loadSeconds: Double
        let peakMemory: Double

        enum CodingKeys: String, CodingKey {
            case ready, engine
            case loadSeconds = "load_s"
            case peakMemory = "peak_rss_mb"
        }
    }

    private struct NotReady: Encodable {
        let ready: Bool
        let error: String
    }

    private struct Times: Encodable {
        let milliseconds: [Double]
        let peakMemory: Double

        enum CodingKeys: String, CodingKey {
            case milliseconds = "ms"
            case peakMemory = "peak_rss_mb"
        }
    }

    private struct Written: Encodable {
        let output: String
        let shape: [Int]
    }
}
