import ArgumentParser
import Fathom
import Foundation

/// Settings are searched.
struct TuneCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tune",
        abstract: "Train with many settings and find the best.",
        discussion: """
            fathom tune search.yaml

            The file is a training configuration, or names one by 'base', with a section such as
            search: {kind: halving, trials: 27, keys: {optimizer.rate: {min: 1e-4, max: 1e-2, log: true}}}
            The same command goes on with a search that was stopped.
            """)

    @Argument(help: ArgumentHelp("A training configuration with 'search'.", valueName: "config"))
    var config: String
    @Option(
        help: ArgumentHelp(
            "The search's folder, instead of the configuration's.", valueName: "folder"))
    var output: String?
    @Flag(help: "Begin anew, whatever is in the folder.")
    var overwrite = false
    @Option(help: ArgumentHelp("Threads (all cores).", valueName: "number"))
    var threads: Int?
    @Flag(help: "The trials as JSON.")
    var json = false

    func validate() throws {
        guard threads.map({ (1...256).contains($0) }) ?? true else {
            throw ValidationError("--threads takes 1 to 256")
        }
    }

    func run() throws {
        var document = try ConfigurationDocument(file: config)
        if let output { try document.set("output", output) }
        let cancellation = Cancellation()
        Interrupts.watch(cancellation)
        let line = TrainingLine()
        let threads = threads
        var job = try TuningJob(document, overwrites: overwrite) {
            (document, existing, pauseAt) throws(FathomError) in
            var training = TrainingJob(document)
            training.existing = existing
            training.pauseAt = pauseAt
            training.threads = threads
            training.cancellation = cancellation
            if Terminal.isInteractive { training.report = { line.show($0) } }
            return try training.run()
        }
        job.notice = { text in
            line.clear()
            Terminal.error(text)
        }
        let trials = try job.run()
        if json { return try Terminal.json(trials) }
        for row in job.table(trials) { print(row) }
        print("results in \(job.ledgerPath)")
    }
}
