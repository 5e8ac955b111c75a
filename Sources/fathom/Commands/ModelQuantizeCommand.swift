import ArgumentParser
import Fathom
import Foundation

/// A network made to compute in 8 bits.
struct ModelQuantizeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "quantize",
        abstract: "Make a network compute in 8 bits, and say what that costs.")

    @Argument(help: ArgumentHelp("A name or an ONNX file.", valueName: "model"))
    var model: String
    @Option(
        name: .customLong("calibration-data"),
        help: ArgumentHelp(
            "A recording or a folder of pictures of what the network will see.",
            valueName: "video|folder"))
    var calibrationData: String
    @Option(name: [.short, .long], help: ArgumentHelp("The file to write.", valueName: "file"))
    var output: String
    @Option(help: ArgumentHelp("percentile, mse or entropy.", valueName: "method"))
    var ranges: String?
    @Option(
        name: .customLong("max-error"),
        help: ArgumentHelp(
            "Mean error that is accepted, as part of the output's span (0.01); layers stay in floating point for it.",
            valueName: "share"))
    var maxError = 0.01
    @Option(help: "Frames used, half of them to judge.")
    var frames = 16
    @Option(help: ArgumentHelp("Long side of the network's input.", valueName: "pixels"))
    var size: String?
    @Option(help: ArgumentHelp("Threads (all cores).", valueName: "number"))
    var threads: Int?
    @Flag(help: "Replace a file that exists.")
    var overwrite = false
    @Flag(help: "As JSON.")
    var json = false

    func validate() throws {
        guard (1...1000).contains(frames) else {
            throw ValidationError("--frames takes 1 to 1000")
        }
        guard maxError > 0, maxError <= 1 else {
            throw ValidationError("--max-error takes a number above 0, at most 1")
        }
        guard threads.map({ (1...256).contains($0) }) ?? true else {
            throw ValidationError("--threads takes 1 to 256")
        }
    }

    func run() throws {
        var job = ModelQuantization(
            model: model, calibrationData: calibrationData, output: output)
        job.overwrites = overwrite
        job.frames = frames
        job.quantizer.limit = maxError
        if let threads { job.quantizer.pool = WorkerPool(threads: threads) }
        if let ranges {
            guard let method = RangeMethod(rawValue: ranges) else {
                throw ValidationError("--ranges is percentile, mse or entropy")
            }
            job.quantizer.ranges = method
        }
        if let size { try job.configuration.set("size", size) }
        if Terminal.isInteractive { job.quantizer.progress = { Terminal.error($0) } }
        let report = try job.run()
        if json { return try Terminal.json(report) }
        print("\(report.path)  \(report.bytes) bytes, ranges by \(report.ranges)")
        print(
            "layers     \(report.layers) in 8 bits, \(report.floatLayers.count) in floating point")
        for name in report.floatLayers { print("           \(name)") }
        print(
            String(
                format:
                    "error      mean %.3f %%, largest %.2f %% of the output's span, correlation %.5f (%d frames)",
                100 * report.error.mean, 100 * report.error.largest, report.error.correlation,
                report.error.frames))
    }
}
