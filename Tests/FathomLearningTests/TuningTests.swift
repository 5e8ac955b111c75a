import FathomCore
import FathomLearning
import Foundation
import Synchronization
import TestSupport
import Testing

@Suite("Tuning")
struct TuningTests {
    /// Pretends to train: the nearer the rate is to 0.01 and the longer it goes, the better.
    private final class Pretence {
        var runs: [(rate: Double, existing: RunFolder.Existing, pauseAt: Int?)] = []
        var stopsAfter = Int.max

        func train(
            _ document: ConfigurationDocument, _ existing: RunFolder.Existing, _ pauseAt: Int?
        ) throws(FathomError) -> TrainingSummary {
            let configuration = try TrainingConfiguration(try document.section())
            let rate = configuration.optimizer.rate
            guard runs.count < stopsAfter else {
                return TrainingSummary(
                    end: .interrupted, step: 1, bestStep: nil, bestMetrics: [:], loss: nil,
                    samplesPerSecond: 0)
            }
            runs.append((rate, existing, pauseAt))
            if rate > 0.5 {
                throw FathomError(operation: "train", subject: "step 3", cause: "the loss is nan")
            }
            let step = pauseAt ?? 100
            return TrainingSummary(
                end: pauseAt == nil ? .finished : .paused, step: step, bestStep: step,
                bestMetrics: ["absRel": abs(log10(rate) + 2) + 1 / Double(step)], loss: 1,
                samplesPerSecond: 1)
        }
    }

    private func document(
        _ folder: TemporaryFolder, _ search: String
    ) throws -> ConfigurationDocument {
        var document = try ConfigurationDocument(
            yaml: TrainingConfigurationTests.tiny.replacing("steps: 20", with: "steps: 100")
                + "\nsearch: \(search)", place: "a.yaml")
        try document.set("output", folder.path("search"))
        return document
    }

    @Test("a grid tries every combination, and the best comes first")
    func grid() throws {
        let folder = try TemporaryFolder()
        let pretence = Pretence()
        var job = try TuningJob(
            document(
                folder,
                "{kind: grid, keys: {optimizer.rate: [1e-3, 1e-2, 1], optimizer.weightDecay: [0, 0.1]}}"
            ),
            train: pretence.train)
        let trials = try job.run()
        #expect(pretence.runs.map(\.rate) == [1e-3, 1e-3, 1e-2, 1e-2, 1, 1])
        #expect(trials.map(\.number) == [2, 3, 0, 1, 4, 5])
        #expect(
            trials.map(\.state) == [.finished, .finished, .finished, .finished, .failed, .failed])
        #expect(trials[4].error?.contains("nan") == true)
        let table = job.table(trials)
        #expect(table.count == 7)
        #expect(table[0].contains("absRel"))
        #expect(table[1].contains("1e-2"))
        #expect(folder.names == ["search"])
    }

    @Test("a random search draws the same values every time, within their ranges")
    func random() throws {
        let section = try ConfigurationSection(
            yaml:
                "{trials: 200, seed: 3, keys: {a.b: {min: 1e-4, max: 1e-2, log: true}, c: {min: 1, max: 4, whole: true}, d: [x, y]}}",
            place: "a")
        let search = try SearchConfiguration(section)
        let all = search.combinations
        #expect(all == search.combinations)
        #expect(all.count == 200)
        let rates = all.compactMap { Double($0[0]) }
        #expect(rates.count == 200)
        #expect(rates.allSatisfy { (0.999e-4...1.001e-2).contains($0) })
        // Half of them below the geometric middle.
        #expect((60...140).contains(rates.filter { $0 < 1e-3 }.count))
        #expect(Set(all.map { $0[1] }) == ["1", "2", "3", "4"])
        #expect(Set(all.map { $0[2] }) == ["x", "y"])
    }

    @Test("halving trains all a little and the best to the end")
    func halving() throws {
        let folder = try TemporaryFolder()
        let pretence = Pretence()
        let search =
            "{kind: halving, trials: 9, keys: {optimizer.rate: {min: 1e-4, max: 0.1, log: true}}}"
        var job = try TuningJob(document(folder, search), train: pretence.train)
        let trials = try job.run()
        #expect(
            pretence.runs.map(\.pauseAt) == [Int?](repeating: 20, count: 9) + [40, 40, 40, nil])
        #expect(
            trials.map(\.state) == [.finished]
                + [TuningJob.Trial.State](repeating: .dropped, count: 8))
        let distances = pretence.runs.prefix(9).map { abs(log10($0.rate) + 2) }
        #expect(abs(log10(pretence.runs[12].rate) + 2) == distances.min())
    }

    @Test("a search that was stopped goes on where it was")
    func resume() throws {
        let (whole, parts) = (try TemporaryFolder(), try TemporaryFolder())
        let search =
            "{kind: halving, trials: 9, keys: {optimizer.rate: {min: 1e-4, max: 0.1, log: true}}}"
        let unbroken = Pretence()
        var job = try TuningJob(document(whole, search), train: unbroken.train)
        let wanted = try job.run()
        var runs = 0
        for stop in [4, 7, 100] {
            let pretence = Pretence()
            pretence.stopsAfter = stop
            var part = try TuningJob(document(parts, search), train: pretence.train)
            if stop < 100 {
                let error = #expect(throws: FathomError.self) { try part.run() }
                #expect(error?.code == .interrupted)
            } else {
                #expect(try part.run() == wanted)
            }
            runs += pretence.runs.count
        }
        #expect(runs == unbroken.runs.count)
        // A search for something else doesn't take it up.
        #expect(throws: FathomError.self) {
            try TuningJob(
                document(parts, "{kind: grid, keys: {optimizer.rate: [1]}}"), train: unbroken.train)
        }
    }

    @Test("a base is named by its file, and what the search says itself goes before it")
    func base() throws {
        let folder = try TemporaryFolder()
        try folder.write("base.yaml", Data(TrainingConfigurationTests.tiny.utf8))
        try folder.write(
            "search.yaml",
            Data(
                "base: base.yaml\noutput: \(folder.path("s"))\nsteps: 50\nsearch: {kind: grid, keys: {seed: [1, 2]}}"
                    .utf8))
        let pretence = Pretence()
        var job = try TuningJob(
            ConfigurationDocument(file: folder.path("search.yaml")), train: pretence.train)
        #expect(job.folder == folder.path("s"))
        #expect(try job.run().count == 2)
    }

    @Test(
        "a search that is wrong is an error before anything is trained",
        arguments: [
            "{}", "{keys: {}}", "{keys: {optimizer.rate: []}}", "{keys: {optimizer.rate: 3}}",
            "{keys: {optimizer.rate: {min: 2, max: 1}}}",
            "{keys: {optimizer.rate: {min: 0, max: 1, log: true}}}",
            "{kind: grid, keys: {optimizer.rate: {min: 0, max: 1}}}",
            "{kind: bayes, keys: {optimizer.rate: [1]}}", "{keys: {optimizer.rtae: [1]}}",
            "{trails: 3, keys: {optimizer.rate: [1]}}",
        ])
    func wrong(_ search: String) throws {
        let folder = try TemporaryFolder()
        let pretence = Pretence()
        #expect(throws: FathomError.self) {
            try TuningJob(document(folder, search), train: pretence.train)
        }
        #expect(pretence.runs.isEmpty)
        #expect(folder.names.isEmpty)
    }
}
