import ArgumentParser
import Fathom
import Foundation

/// The gradients of a loss by a network's weights.
struct ModelGradientCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gradient",
        abstract: "Write the gradient of a loss by every weight as NAME.npy.")

    @Argument(help: ArgumentHelp("A name or an ONNX file.", valueName: "model"))
    var model: String
    @Option(help: ArgumentHelp("l1, mse, huber, scale-shift-invariant, …", valueName: "kind"))
    var loss = "l1"
    @Option(help: ArgumentHelp("An input; once for each.", valueName: "name=file.npy"))
    var input: [String] = []
    @Option(help: ArgumentHelp("What the first output should be.", valueName: "file.npy"))
    var target: String
    @Option(
        name: .customLong("output-dir"),
        help: ArgumentHelp("Where gradients go.", valueName: "folder"))
    var outputDir: String
    @Option(help: "Threads (all cores).")
    var threads: Int?

    func validate() throws {
        guard LossTerm.Kind(rawValue: loss) != nil else {
            let names = LossTerm.Kind.allCases.map(\.rawValue)
            let nearest = nearestName(to: loss, among: names).map { "; did you mean '\($0)'?" }
            throw ValidationError(
                "there is no loss '\(loss)'\(nearest ?? ""); there are \(names.joined(separator: ", "))"
            )
        }
        guard threads.map({ (1...256).contains($0) }) ?? true else {
            throw ValidationError("--threads takes 1 to 256")
        }
    }

    func run() throws {
        guard let kind = LossTerm.Kind(rawValue: loss) else { return }
        var inputs: [String: Tensor] = [:]
        for pair in input {
            let parts = pair.split(separator: "=", maxSplits: 1)
            guard parts.count == 2 else { throw ValidationError("--input takes NAME=FILE.npy") }
            inputs[String(parts[0])] = try NumpyFile.read(String(parts[1]))
        }
        var job = ModelGradient(graph: try Network(model).graph, loss: LossTerm(kind))
        job.threads = threads
        let result = try job.compute(inputs, target: NumpyFile.read(target))
        print("loss \(result.loss)")
        let gradients = result.gradients.map { ($0.name, Value.floats($0.gradient)) }
        for (name, path, shape) in try ArrayRun.write(gradients, to: outputDir) {
            print("\(name)  \(shape.dimensions.map(String.init).joined(separator: "×"))  \(path)")
        }
    }
}
