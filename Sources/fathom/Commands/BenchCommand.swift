import ArgumentParser
import Fathom
import Foundation

/// Measurements on this machine.
struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measure Fathom on this machine.",
        subcommands: [
            BenchModelCommand.self, BenchPipelineCommand.self, BenchStabilityCommand.self,
            BenchLiveCommand.self, BenchTrainCommand.self,
        ])
}

/// A whole run beside the floor of decoding and encoding.
struct BenchPipelineCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pipeline",
        abstract: "Measure a whole run, and what decoding and encoding alone take.")

    @Argument(
        help: ArgumentHelp(
            "A recording; without one a test pattern of ten seconds at 1280×720.",
            valueName: "input"))
    var input: String?
    @Option(help: "How often everything is done; medians are shown.")
    var rounds = 3
    @Option(help: "The encoder's preset.")
    var preset: String?
    @Flag(help: "As JSON.")
    var json = false
    @OptionGroup(title: "Model") var model: ModelOptions

    func validate() throws {
        guard (1...100).contains(rounds) else { throw ValidationError("--rounds takes 1 to 100") }
    }

    func run() throws {
        var bench = PipelineBench()
        bench.input = input
        bench.rounds = rounds
        bench.configuration.preset = preset
        for (key, value) in model.settings { try bench.configuration.set(key, value) }
        let results = try bench.measure()
        if json {
            try Terminal.json(results)
            return
        }
        print("                     frames   seconds  core-seconds     fps")
        for result in results {
            let name = result.name.padding(toLength: 19, withPad: " ", startingAt: 0)
            print(
                String(
                    format: "%@ %7d %9.2f %13.2f %7.1f", name, result.frames, result.seconds,
                    result.coreSeconds, result.fps))
        }
        print(String(format: "peak memory %.0f MB", SystemClock.peakMemoryMB))
    }
}

/// Steadiness over time beside sharpness.
struct BenchStabilityCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stability",
        abstract: "Measure how steady depth is over time, and how sharp, with each --smoothing.")

    @Argument(help: ArgumentHelp("A recording or a folder of pictures.", valueName: "input"))
    var input: String
    @Option(help: "How many frames are looked at.")
    var frames = 60
    @Flag(help: "As JSON.")
    var json = false
    @OptionGroup(title: "Model") var model: ModelOptions

    func validate() throws {
        guard (2...10_000).contains(frames) else {
            throw ValidationError("--frames takes 2 to 10000")
        }
    }

    func run() throws {
        var bench = StabilityBench(input: input)
        bench.frames = frames
        for (key, value) in model.settings { try bench.configuration.set(key, value) }
        let results = try bench.measure()
        if json {
            try Terminal.json(results)
            return
        }
        print("smoothing  warped difference  edge sharpness  (percent of the depth's range)")
        for result in results {
            let name = result.smoothing.padding(toLength: 9, withPad: " ", startingAt: 0)
            print(
                String(
                    format: "%@ %18.2f %15.2f", name, result.warpedDifference,
                    result.edgeSharpness))
        }
    }
}
