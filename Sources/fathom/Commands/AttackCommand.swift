import ArgumentParser
import Fathom

/// A network's errors under adversarial perturbations.
struct AttackCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attack",
        abstract: "Change pictures a little so that a network errs, and say how much it does.",
        discussion: """
            fathom attack model.onnx rooms.csv --method pgd --epsilon 0,0.004,0.016 --report a.html
            Perturbations are in 0…1 of the picture, at the network's size: 0.004 is one step of 8 bits.
            """)

    @Argument(help: ArgumentHelp("A name or an ONNX file.", valueName: "model"))
    var model: String
    @Argument(
        help: ArgumentHelp(
            "A training configuration, or a CSV or JSON Lines file.", valueName: "dataset"))
    var dataset: String
    @Option(help: ArgumentHelp("fgsm or pgd.", valueName: "name"))
    var method = "fgsm"
    @Option(
        help: ArgumentHelp(
            "Largest changes of a pixel (0,0.002,0.004,0.008,0.016).", valueName: "numbers"))
    var epsilon: String?
    @Option(help: ArgumentHelp("Steps of pgd (10).", valueName: "number"))
    var steps = 10
    @Option(help: ArgumentHelp("Of pgd's random starts.", valueName: "number"))
    var seed: UInt64 = 0
    @Option(help: ArgumentHelp("Pictures attacked, at most (100).", valueName: "number"))
    var limit = 100
    @OptionGroup(title: "How it is judged") var judging: JudgingOptions
    @OptionGroup(title: "What is judged") var network: JudgedNetworkOptions
    @Option(help: ArgumentHelp("Write all numbers as JSON.", valueName: "file"))
    var json: String?
    @Option(help: ArgumentHelp("Write a page with plots and pictures.", valueName: "file.html"))
    var report: String?

    func validate() throws {
        guard (1...1000).contains(steps) else {
            throw ValidationError("--steps takes 1 to 1000")
        }
        guard limit >= 1 else { throw ValidationError("--limit takes 1 or more") }
    }

    func run() throws {
        var job = AttackJob(model: model, dataset: dataset)
        job.method = try named(method, AttackMethod.self, "--method")
        if let epsilon {
            let parts = epsilon.split(separator: ",").map { Double($0) }
            let numbers = parts.compactMap { $0 }
            guard numbers.count == parts.count, !numbers.isEmpty,
                numbers.allSatisfy({ (0...1).contains($0) })
            else { throw ValidationError("--epsilon takes numbers from 0 to 1, such as 0,0.004") }
            job.epsilons = numbers
        }
        (job.steps, job.seed, job.limit) = (steps, seed, limit)
        job.settings = try judging.settings()
        try network.apply(
            split: &job.split, configuration: &job.configuration, pool: &job.pool)
        (job.json, job.report) = (json, report)
        if Terminal.isInteractive {
            job.progress = { done, count in
                Terminal.raw("\r\(done) of \(count) pictures" + (done == count ? "\n" : ""))
            }
        }
        for line in try job.run().table { print(line) }
    }
}
