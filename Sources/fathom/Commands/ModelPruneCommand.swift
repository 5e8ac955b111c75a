import ArgumentParser
import Fathom
import Foundation

/// A network with fewer weights.
struct ModelPruneCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prune",
        abstract: "Take weights out of a network, and say how many.",
        discussion:
            "Train it further with 'network: {kind: file, file: FILE}' to get its accuracy back.")

    @Argument(help: ArgumentHelp("A name or an ONNX file.", valueName: "model"))
    var model: String
    @Option(name: [.short, .long], help: ArgumentHelp("The file to write.", valueName: "file"))
    var output: String
    @Option(help: ArgumentHelp("The share of the parameters that goes.", valueName: "share"))
    var amount = 0.3
    @Option(
        help: ArgumentHelp(
            "channel removes whole channels, magnitude sets the least weights to 0.",
            valueName: "method"))
    var method = "channel"
    @Flag(help: "Replace a file that exists.")
    var overwrite = false
    @Flag(help: "As JSON.")
    var json = false

    func validate() throws {
        guard amount > 0, amount < 1 else {
            throw ValidationError("--amount takes a share above 0 and below 1")
        }
        guard PruningMethod(rawValue: method) != nil else {
            throw ValidationError("--method is channel or magnitude")
        }
    }

    func run() throws {
        var job = ModelPruning(model: model, output: output)
        job.amount = amount
        job.method = PruningMethod(rawValue: method) ?? .channel
        job.overwrites = overwrite
        let report = try job.run()
        if json { return try Terminal.json(report) }
        print("\(report.path)  pruned by \(report.method)")
        print(
            String(
                format: "parameters  %d of %d (%.1f %% fewer), %.1f %% of them 0",
                report.parameters, report.parametersBefore,
                100 * (1 - Double(report.parameters) / Double(max(report.parametersBefore, 1))),
                100 * report.zeros))
        print(String(format: "cost        %.3f of %.3f GMAC", report.gmacs, report.gmacsBefore))
    }
}
