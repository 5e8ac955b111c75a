import ArgumentParser
import Fathom
import Foundation
import Logging

/// Networks: which there are, what is in one, running one as it is.
struct ModelCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "model", abstract: "Look into networks; run, test, export and quantize them.",
        subcommands: [
            ModelListCommand.self, ModelInfoCommand.self, ModelRunCommand.self,
            ModelConformanceCommand.self, ModelExportCommand.self, ModelQuantizeCommand.self,
            ModelGradientCommand.self, ModelPruneCommand.self, ModelFuseCommand.self,
        ])
}

/// The networks that have a name.
struct ModelListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Name the networks that --model knows by name.")

    func run() throws {
        let network = try Network()
        let card = try ModelCard(
            metadata: network.graph.metadata, subject: "model \(network.name)",
            defaultName: network.name)
        print("\(network.name)  (default, part of the program)")
        print("  \(card.description)")
        print("  gives \(card.outputKind.rawValue), licence \(card.license)")
        print("Any other ONNX file can be given by its path.")
    }
}

/// What is in a network.
struct ModelInfoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info",
        abstract: "Show a network's inputs, outputs, operators, parameters, cost and metadata.")

    @Argument(
        help: ArgumentHelp(
            "A name or an ONNX file; the default network if absent.", valueName: "model"))
    var model: String?
    @Option(help: ArgumentHelp("Input size for the cost, such as 384x224.", valueName: "WxH"))
    var size: String?
    @Flag(help: "As JSON.")
    var json = false

    func run() throws {
        let description = try NetworkDescription(try Network(model), size: size)
        if json {
            try Terminal.json(description)
        } else {
            description.lines.forEach { print($0) }
        }
    }
}

/// A network run on arrays, so that others can compare.
struct ModelRunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run a network on NumPy arrays and write every output as NAME.npy.")

    @Argument(help: ArgumentHelp("A name or an ONNX file.", valueName: "model"))
    var model: String
    @Option(help: ArgumentHelp("An input; once for each.", valueName: "name=file.npy"))
    var input: [String] = []
    @Option(
        name: .customLong("output-dir"),
        help: ArgumentHelp("Where outputs go.", valueName: "folder"))
    var outputDir: String
    @OptionGroup var engine: EngineOptions

    func run() throws {
        var job = ArrayRun(model: model, outputFolder: outputDir)
        for pair in input {
            let parts = pair.split(separator: "=", maxSplits: 1)
            guard parts.count == 2 else {
                throw ValidationError("--input takes NAME=FILE.npy")
            }
            job.inputs[String(parts[0])] = String(parts[1])
        }
        job.precision = try engine.compute.precisionValue() ?? job.precision
        job.instructionSet = try engine.instructionSet() ?? job.instructionSet
        job.threads = engine.compute.threads
        job.logger = Logger(label: "fathom") { _ in TerminalLog(isQuiet: false, before: {}) }
        job.disabledPasses = Set(engine.disablePass)
        for (name, path, shape) in try job.run() {
            print("\(name)  \(shape.dimensions.map(String.init).joined(separator: "×"))  \(path)")
        }
    }
}
