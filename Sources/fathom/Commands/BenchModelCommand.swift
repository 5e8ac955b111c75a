import ArgumentParser
import Fathom
import Foundation

/// One network by itself: how fast, and where the time goes.
struct BenchModelCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "model",
        abstract: "Measure a network by itself: time, share of the machine's peak, profile.")

    @Argument(
        help: ArgumentHelp(
            "A name or an ONNX file; the default network if absent.", valueName: "model"))
    var model: String?
    @Option(help: ArgumentHelp("Input size where the file leaves it free.", valueName: "WxH"))
    var size: String?
    @OptionGroup var engine: EngineOptions
    @Flag(help: "As JSON, with every node.")
    var json = false
    @Option(
        help: ArgumentHelp(
            "Write what each thread did in one run, for chrome://tracing.", valueName: "file"))
    var trace: String?
    @Flag(help: "Answer 'run K', 'output PATH' and 'quit' on standard input with lines of JSON.")
    var worker = false

    /// Nodes that are shown to a person.
    private static let mostNodes = 12

    func validate() throws {
        guard !worker || (trace == nil && !json) else {
            throw ValidationError("--worker goes with neither --trace nor --json")
        }
    }

    func run() throws {
        var bench = ModelBench(model: model)
        bench.size = size
        bench.threads = engine.compute.threads
        bench.precision = try engine.compute.precisionValue() ?? bench.precision
        bench.instructionSet = try engine.instructionSet() ?? bench.instructionSet
        bench.disabledPasses = Set(engine.disablePass)
        if worker { return try serve(bench) }
        bench.traceFile = trace
        let result = try bench.measure()
        if json { return try Terminal.json(result) }
        Self.lines(result).forEach { print($0) }
    }

    private func serve(_ bench: ModelBench) throws {
        let worker: ModelWorker
        do {
            worker = try ModelWorker(bench)
        } catch {
            Terminal.answer(ModelWorker.failure(error))
            throw error
        }
        Terminal.answer(worker.ready)
        while let line = readLine() {
            guard let answer = worker.answer(line) else { return }
            Terminal.answer(answer)
        }
    }

    private static func lines(_ result: ModelMeasurement) -> [String] {
        func shapes(_ shapes: [String: [Int]]) -> String {
            shapes.sorted { $0.key < $1.key }.map { name, shape in
                "\(name) \(shape.map(String.init).joined(separator: "×"))"
            }.joined(separator: ", ")
        }
        var lines = [
            "\(result.model)  \(shapes(result.inputs)) → \(shapes(result.outputs))",
            "\(result.precision), \(result.threads) threads, \(result.instructionSet), OpenBLAS \(result.openblas)",
            String(
                format: "time      p50 %.2f ms, p95 %.2f ms, best %.2f ms (%d runs)", result.p50Ms,
                result.p95Ms, result.bestMs, result.runs),
            String(
                format: "work      %.3f GMAC, %.0f GFLOP/s: %.0f %% of this machine's %.0f",
                result.gmacs, result.gflops, 100 * result.shareOfPeak, result.peakGflops),
            String(
                format: "load      %.1f ms, peak memory %.0f MB", 1000 * result.loadSeconds,
                result.peakMemoryMB),
        ]
        if let error = result.precisionError { lines.append("precision \(error)") }
        lines += ["", "      ms  share  GFLOP/s  operator"]
        func row(_ part: ModelMeasurement.Part, _ name: String) -> String {
            let rate = part.gflops.map { String(format: "%8.0f", $0) } ?? "        "
            return String(format: "%8.3f %5.1f%% %@  %@", part.ms, 100 * part.share, rate, name)
        }
        for part in result.operators { lines.append(row(part, "\(part.steps) × \(part.name)")) }
        lines += ["", "      ms  share  GFLOP/s  node"]
        for part in result.nodes.prefix(mostNodes) { lines.append(row(part, part.name)) }
        return lines
    }
}
