import ArgumentParser
import Fathom
import Foundation

/// How live sources do on this machine.
struct BenchLiveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "live",
        abstract: "Measure age, rates, drops, memory and recoveries of live sources.",
        discussion: """
            Nothing comes out unless an output is asked for, such as --push or --record.
            Ctrl-C ends it early and shows what was measured.
            """)

    @Argument(help: ArgumentHelp("As for fathom live.", valueName: "source"))
    var sources: [String] = []
    @Option(help: "How long it is measured.")
    var seconds = 60.0
    @Flag(help: "As JSON.")
    var json = false
    @OptionGroup(title: "Source") var source: SourceOptions
    @OptionGroup(title: "Latency") var latency: LatencyOptions
    @OptionGroup(title: "Output") var output: LiveOutputOptions
    @OptionGroup(title: "Output") var encoding: EncodingOptions
    @OptionGroup(title: "Model") var model: ModelOptions
    @OptionGroup(title: "Depth as data") var data: DataOptions

    func validate() throws {
        guard (1...1_000_000).contains(seconds) else {
            throw ValidationError("--seconds takes 1 to 1000000")
        }
    }

    func run() throws {
        var configuration = LiveConfiguration()
        let flags =
            [(key: "duration", value: "\(seconds)s")] + source.settings + latency.settings
            + output.settings + encoding.settings + model.settings + data.settings
        for (key, value) in flags { try configuration.set(key, value) }
        if configuration.serve != nil {
            throw FathomError(
                .usage, operation: "measure", subject: "--serve",
                cause: "this command shows no page", remedy: "Use fathom live --serve")
        }
        let cancellation = Cancellation()
        Interrupts.watch(cancellation)
        let bench = LiveBench(sources: sources, configuration: configuration)
        let results = try bench.measure(cancellation: cancellation)
        if json {
            try Terminal.json(results)
        } else {
            for result in results { Self.show(result) }
        }
        fflush(nil)
        // A reader that could not be ended may still be there: the program ends all the same.
        Foundation.exit(0)
    }

    private static func show(_ result: LiveBench.Measurement) {
        print("\(result.source): \(result.picture), \(Int(result.seconds.rounded())) s")
        print(
            String(
                format: "frames     %d in, %d out, %d dropped; %.1f/s in, %.1f/s out",
                result.framesIn, result.framesOut, result.framesDropped, result.inputRate,
                result.outputRate))
        let drops = result.drops.sorted { $0.key < $1.key }
        if !drops.isEmpty {
            print(
                "dropped    " + drops.map { "\($0.value) \($0.key)" }.joined(separator: ", "))
        }
        let age = result.ageMs
        print(
            String(
                format: "age        p50 %.1f, p95 %.1f, p99 %.1f, max %.1f ms", age.p50, age.p95,
                age.p99, age.max))
        let memory = result.memoryMB
        print(
            String(
                format: "memory     %.0f MB at first, %.0f at last, %.0f peak, %+.1f MB an hour",
                memory.start, memory.end, memory.peak, memory.perHour))
        print(String(format: "processor  %.2f cores", result.cores))
        if !result.recoveries.isEmpty {
            let sorted = result.recoveries.sorted()
            print(
                String(
                    format: "recovered  %d times, after %.1f to %.1f s, median %.1f s",
                    sorted.count, sorted[0], sorted[sorted.count - 1], sorted[sorted.count / 2]))
        }
    }
}
