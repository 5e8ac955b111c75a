import ArgumentParser
import Fathom
import Foundation

/// A network written as one ONNX file.
struct ModelExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract:
            "Write a network as one ONNX file, for inputs of one size if asked, or as a TensorFlow SavedModel.",
        discussion: "An output named *.savedmodel is a folder that TensorFlow loads.")

    @Argument(help: ArgumentHelp("A name or an ONNX file.", valueName: "model"))
    var model: String
    @Option(name: [.short, .long], help: ArgumentHelp("The file to write.", valueName: "file"))
    var output: String
    @Option(
        help: ArgumentHelp(
            "Bind the input to this size and compute all that depends on it alone.",
            valueName: "WxH"))
    var size: String?
    @Flag(help: "Replace a file that exists.")
    var overwrite = false
    @Flag(help: "As JSON.")
    var json = false

    func run() throws {
        if SavedModelExport.isMeant(by: output) {
            guard size == nil else {
                throw ValidationError("--size is for ONNX; a SavedModel keeps free axes free")
            }
            var export = SavedModelExport(model: model, output: output)
            export.overwrites = overwrite
            let result = try export.run()
            if json { return try Terminal.json(result) }
            return print("\(result.path)  \(result.bytes) bytes, \(result.nodes) nodes")
        }
        var export = ModelExport(model: model, output: output)
        export.size = size
        export.overwrites = overwrite
        let result = try export.run()
        if json { return try Terminal.json(result) }
        print(
            "\(result.path)  \(result.bytes) bytes, \(result.nodes) nodes of \(result.nodesBefore)")
        for (kind, ports) in [("input", result.inputs), ("output", result.outputs)] {
            for (name, shape) in ports.sorted(by: { $0.key < $1.key }) {
                let label = kind.padding(toLength: 10, withPad: " ", startingAt: 0)
                print("\(label)\(name)  [\(shape.joined(separator: ", "))]")
            }
        }
    }
}
