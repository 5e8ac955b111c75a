import ArgumentParser
import Fathom
import Foundation

/// Several networks in one file.
struct ModelFuseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fuse",
        abstract: "Join networks into one that gives the mean or another blend of their depths.",
        discussion: """
            Relative depths are divided by their means over the picture first; metres are taken as they are.
            """)

    @Argument(help: ArgumentHelp("Names or ONNX files.", valueName: "models"))
    var models: [String]
    @Option(name: [.short, .long], help: ArgumentHelp("The file to write.", valueName: "file"))
    var output: String
    @Option(help: ArgumentHelp("mean, median, weighted or learned.", valueName: "name"))
    var method = "mean"
    @Option(
        help: ArgumentHelp(
            "What weights are learnt on: a training configuration (its validation part), or a CSV or JSON Lines file.",
            valueName: "data"))
    var data: String?
    @Flag(help: "Each network also sees the mirrored picture.")
    var flip = false
    @Flag(help: "Replace a file that exists.")
    var overwrite = false
    @Flag(help: "As JSON.")
    var json = false

    func run() throws {
        let fusion = ModelFusion(
            method: try named(method, FusionMethod.self, "--method"), flip: flip)
        var job = FusionJob(models: models, output: output, fusion: fusion)
        job.data = data
        job.overwrites = overwrite
        let report = try job.run()
        if json { return try Terminal.json(report) }
        print("\(report.path)  \(report.bytes) bytes, \(method) of \(models.count)")
        if let weights = report.weights {
            let list = weights.map { String(format: "%.4f", $0) }.joined(separator: ", ")
            print("weights  \(list), shift \(String(format: "%.4f", report.shift ?? 0))")
        }
    }
}
