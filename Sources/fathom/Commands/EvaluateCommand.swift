import ArgumentParser
import Fathom
import Foundation

/// Depth judged against measured depth.
struct EvaluateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Judge a network, or predictions, on pictures with known depth.",
        discussion: """
            fathom evaluate model.onnx rooms.csv --protocol midas --cap 10
            fathom evaluate predictions/ rooms.csv --kind metres --json scores.json
            fathom evaluate --baseline gradient rooms.csv
            """)

    @Argument(
        help: ArgumentHelp(
            "A network (name or ONNX file) or a folder of predictions, then the data: a training configuration, or a CSV or JSON Lines file.",
            valueName: "model|predictions dataset"))
    var paths: [String] = []
    @OptionGroup(title: "How it is judged") var judging: JudgingOptions
    @OptionGroup(title: "What is judged") var predictions: PredictionOptions
    @OptionGroup(title: "What is judged") var network: JudgedNetworkOptions
    @Option(help: ArgumentHelp("Write all numbers as JSON.", valueName: "file"))
    var json: String?
    @Option(
        help: ArgumentHelp(
            "Write a page with plots and the best and worst pictures.", valueName: "file.html"))
    var report: String?

    func validate() throws {
        let wanted = predictions.baseline == nil ? 2 : 1
        guard paths.count == wanted else {
            throw ValidationError(
                wanted == 2
                    ? "Give a model or a folder of predictions, and the data set"
                    : "With --baseline, give the data set alone")
        }
    }

    func run() throws {
        var job = EvaluationJob(dataset: paths[paths.count - 1])
        job.settings = try judging.settings()
        try predictions.apply(to: &job, judged: paths.count == 2 ? paths[0] : nil)
        try network.apply(
            split: &job.split, configuration: &job.configuration, pool: &job.pool)
        job.json = json
        job.report = report
        if Terminal.isInteractive {
            job.progress = { done, count in
                Terminal.raw("\r\(done) of \(count) pictures" + (done == count ? "\n" : ""))
            }
        }
        for line in try job.run().table { print(line) }
    }
}
