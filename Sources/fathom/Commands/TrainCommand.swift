import ArgumentParser
import Fathom
import Foundation
import Synchronization

/// A network learns depth.
struct TrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Train a network as a configuration says.",
        discussion: """
            fathom train Configs/train/fathomnet-synth.yaml
            fathom train Configs/train/fathomnet-synth.yaml --resume
            fathom train my.yaml --steps 100 --set optimizer.rate=3e-4 --output runs/short
            """)

    @Argument(help: ArgumentHelp("A training configuration.", valueName: "config"))
    var config: String
    @Option(
        help: ArgumentHelp("Steps in all, instead of the configuration's.", valueName: "number"))
    var steps: Int?
    @Option(
        help: ArgumentHelp("The run's folder, instead of the configuration's.", valueName: "folder")
    )
    var output: String?
    @Option(
        name: .customLong("set"),
        help: ArgumentHelp(
            "A value of the configuration, such as optimizer.rate=3e-4; once for each.",
            valueName: "key=value"))
    var changes: [String] = []
    @Option(help: ArgumentHelp("Begin with the weights of this network.", valueName: "file.onnx"))
    var initial: String?
    @Option(
        name: .customLong("dump-batches"),
        help: ArgumentHelp(
            "Write every batch there as .npy files, for another program to replay the training.",
            valueName: "folder"))
    var dumpBatches: String?
    @Flag(help: "Go on with the run that is in the folder, from its last checkpoint.")
    var resume = false
    @Flag(help: "Replace the run that is in the folder.")
    var overwrite = false
    @Option(help: ArgumentHelp("Threads (all cores).", valueName: "number"))
    var threads: Int?
    @Flag(help: "No progress, no summary.")
    var quiet = false

    func validate() throws {
        guard threads.map({ (1...256).contains($0) }) ?? true else {
            throw ValidationError("--threads takes 1 to 256")
        }
        guard steps.map({ $0 >= 1 }) ?? true else {
            throw ValidationError("--steps takes 1 or more")
        }
        guard !resume || !overwrite else {
            throw ValidationError("--resume and --overwrite exclude each other")
        }
        guard !resume || initial == nil else {
            throw ValidationError(
                "--resume goes on with the run's own weights, so not with --initial")
        }
    }

    func run() throws {
        var document = try ConfigurationDocument(file: config)
        for change in changes { try document.set(assignment: change) }
        if let steps {
            try document.set("steps", "\(steps)")
            document.remove("epochs")
        }
        if let output { try document.set("output", output) }
        var job = TrainingJob(document)
        job.existing = resume ? .resume : overwrite ? .overwrite : .refuse
        job.initial = initial
        job.dumpFolder = dumpBatches
        job.threads = threads
        let cancellation = Cancellation()
        Interrupts.watch(cancellation)
        job.cancellation = cancellation
        let line = TrainingLine()
        let isQuiet = quiet
        if !isQuiet { job.report = { line.show($0) } }
        let result = Result { () throws(FathomError) in try job.run() }
        line.clear()
        let summary = try result.get()
        if !isQuiet { for text in TrainingLine.summary(summary) { print(text) } }
        if summary.end == .interrupted {
            Foundation.exit(FathomError.Code.interrupted.rawValue)
        }
    }
}
