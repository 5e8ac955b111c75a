import FathomCore
import Foundation

/// `fathom tune`: trains with many settings and says which are best.
///
/// The tuning file is a training configuration, or names one by `base`, with a section `search`. Trials are runs of
/// their own in `OUTPUT/trial-NNN`; what is known of them is in `OUTPUT/results.json`, from which a search that was
/// stopped goes on.
public struct TuningJob {
    /// Trains by a configuration up to a step.
    public typealias Training = (
        _ document: ConfigurationDocument, _ existing: RunFolder.Existing, _ pauseAt: Int?
    ) throws(FathomError) -> TrainingSummary

    /// A trial and what came of it.
    public struct Trial: Codable, Hashable, Sendable {
        /// How far it is.
        public enum State: String, Codable, Hashable, Sendable {
            /// Yet to be trained, or to be trained on.
            case waiting
            /// Trained to the end.
            case finished
            /// Others were better.
            case dropped
            /// It could not be trained.
            case failed
        }

        /// Its number, from 0 on.
        public var number: Int
        /// The values of the searched keys.
        public var values: [String: String]
        /// How far it is.
        public var state = State.waiting
        /// Steps that it was trained.
        public var steps = 0
        /// The metrics of its best validation.
        public var metrics: [String: Double] = [:]
        /// Why it failed.
        public var error: String?
    }

    /// The search.
    public let search: SearchConfiguration
    /// Where everything goes.
    public let folder: String
    /// Trains a trial; a `TrainingJob` unless a test brings its own.
    public var train: Training
    /// Called when a trial begins and ends with a line for a person.
    public var notice: (String) -> Void = { _ in }
    private let base: ConfigurationDocument
    private let steps: Int
    private let every: Int
    private var trials: [Trial]

    private struct Ledger: Codable {
        var metric: String
        var keys: [String]
        var trials: [Trial]
    }

    /// Reads a tuning file and the trials of a search that is under way.
    ///
    /// - Parameter overwrites: begin anew, whatever is in the output folder.
    public init(
        _ document: ConfigurationDocument, overwrites: Bool = false, train: @escaping Training
    ) throws(FathomError) {
        var base = document
        if let name = document.text("base") {
            let beside = URL(fileURLWithPath: document.place).deletingLastPathComponent()
            let path = name.hasPrefix("/") ? name : beside.appendingPathComponent(name).path
            base.inherit(from: try ConfigurationDocument(file: path))
        }
        let section = try base.section()
        guard let search = try section.section("search") else {
            throw section.error(
                "'search' is missing", "For example search: {keys: {optimizer.rate: [1e-3, 3e-3]}}")
        }
        self.search = try SearchConfiguration(search)
        base.remove("search")
        base.remove("base")
        let plain = try base.section()
        let name = try plain.requiredText("name")
        folder = try plain.text("output") ?? "runs/\(name)"
        guard let steps = try plain.integer("steps", in: 1...1_000_000_000) else {
            throw plain.error("'steps' is missing", "A search needs it, rather than 'epochs'")
        }
        guard let validation = try plain.section("validation") else {
            throw plain.error(
                "'validation' is missing", "A search goes by it: validation: {every: 500}")
        }
        every = min(try validation.integer("every", in: 1...1_000_000_000) ?? 500, steps)
        self.steps = steps
        self.base = base
        self.train = train
        resetsTrials = overwrites
        let keys = self.search.keys.map(\.path)
        trials = self.search.combinations.enumerated().map { number, values in
            Trial(number: number, values: Dictionary(uniqueKeysWithValues: zip(keys, values)))
        }
        // Every trial's configuration is made before the first is trained: a key that doesn't exist is found now.
        for trial in trials {
            _ = try TrainingConfiguration(try self.document(trial).section())
        }
        if overwrites {
            try? FileManager.default.removeItem(atPath: ledgerPath)
        } else {
            try takeUp()
        }
    }

    private let resetsTrials: Bool

    /// Where the results are.
    public var ledgerPath: String { "\(folder)/results.json" }

    /// Trains what is to be trained; gives all trials, the best first.
    public mutating func run() throws(FathomError) -> [Trial] {
        try FolderMaking.make(folder)
        let rungs = search.rungs(trials: trials.count, steps: steps, multiple: every)
        for (index, rung) in rungs.enumerated() {
            for number in candidates(rung.trials, first: index == 0) {
                try climb(number, to: rung.steps)
            }
        }
        for number in trials.indices where trials[number].state == .waiting {
            trials[number].state = trials[number].steps >= steps ? .finished : .dropped
        }
        try save()
        return ranked
    }

    /// The trials that are trained on: all at first, then the best.
    private mutating func candidates(_ count: Int, first: Bool) -> [Int] {
        guard !first else { return Array(trials.indices) }
        return Array(ranked.filter { $0.state != .failed }.prefix(count).map(\.number)).sorted()
    }

    private mutating func climb(_ number: Int, to target: Int) throws(FathomError) {
        guard trials[number].state != .failed, trials[number].steps < target else { return }
        let words = trials[number].values.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        notice("trial \(number) to step \(target): \(words.joined(separator: " "))")
        let isNew = trials[number].steps == 0 && resetsTrials
        do throws(FathomError) {
            let summary = try train(
                try document(trials[number]), isNew ? .overwrite : .resume,
                target < steps ? target : nil)
            guard summary.end != .interrupted else {
                throw FathomError(
                    .interrupted, operation: "tune", subject: folder, cause: "it was interrupted",
                    remedy: "The same command goes on")
            }
            // A trial that stopped early is as good as it gets.
            trials[number].steps = summary.end == .stoppedEarly ? steps : summary.step
            trials[number].metrics = summary.bestMetrics.filter { $0.value.isFinite }
            let value = trials[number].metrics[search.metric].map { "\($0)" } ?? "unknown"
            notice("trial \(number): \(search.metric) \(value)")
        } catch {
            // Settings under which training fails are part of the answer; wrong usage is the person's to mend.
            guard error.code == .failed else { throw error }
            trials[number].state = .failed
            trials[number].error = error.description
            notice("trial \(number): \(error)")
        }
        try save()
    }

    /// The trials, the best first; those without a result last.
    private var ranked: [Trial] {
        trials.sorted { a, b in
            let (x, y) = (score(a), score(b))
            return x == y ? a.number < b.number : x < y
        }
    }

    private func score(_ trial: Trial) -> Double {
        guard let value = trial.metrics[search.metric], value.isFinite else { return .infinity }
        return search.prefersLarge ? -value : value
    }

    /// A trial's configuration.
    func document(_ trial: Trial) throws(FathomError) -> ConfigurationDocument {
        var document = base
        for key in search.keys {
            if let text = trial.values[key.path] { try document.set(key.path, text) }
        }
        let number = String(trial.number)
        let digits = String(repeating: "0", count: max(0, 3 - number.count)) + number
        try document.set("output", "\(folder)/trial-\(digits)")
        return document
    }

    /// Takes what is known of the trials from an earlier part of the search.
    private mutating func takeUp() throws(FathomError) {
        guard FileManager.default.fileExists(atPath: ledgerPath) else { return }
        let bytes = try FileBytes.read(ledgerPath, limit: 1 << 28)
        guard let ledger = try? JSONDecoder().decode(Ledger.self, from: Data(bytes)) else {
            throw FathomError(
                operation: "read", subject: ledgerPath, cause: "it isn't a search's results",
                remedy: "Choose another 'output', or start anew with --overwrite")
        }
        guard ledger.trials.count == trials.count,
            zip(ledger.trials, trials).allSatisfy({ $0.values == $1.values })
        else {
            throw FathomError(
                .usage, operation: "go on with", subject: "the search in \(folder)",
                cause: "its keys or values are others than the file's",
                remedy: "Choose another 'output', or start anew with --overwrite")
        }
        trials = ledger.trials
        for number in trials.indices where trials[number].state == .dropped {
            trials[number].state = .waiting
        }
    }

    private func save() throws(FathomError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let ledger = Ledger(
            metric: search.metric, keys: search.keys.map(\.path), trials: trials)
        let data: Data
        do { data = try encoder.encode(ledger) } catch {
            throw FathomError(operation: "write", subject: ledgerPath, cause: "\(error)")
        }
        try AtomicFile.write(ledgerPath, Array(data))
    }
}

extension TuningJob {
    /// The results as lines of a table, the best first.
    public func table(_ trials: [Trial]) -> [String] {
        let keys = search.keys.map(\.path)
        let metrics =
            [search.metric]
            + Set(trials.flatMap(\.metrics.keys)).subtracting([search.metric]).sorted()
        var rows = [["trial", "state", "steps"] + metrics + keys]
        for trial in trials {
            rows.append(
                ["\(trial.number)", trial.state.rawValue, "\(trial.steps)"]
                    + metrics.map { name in
                        trial.metrics[name].map { String(format: "%.4g", $0) } ?? "-"
                    }
                    + keys.map { trial.values[$0] ?? "-" })
        }
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            zip(row, widths).map { $0.padding(toLength: $1, withPad: " ", startingAt: 0) }
                .joined(separator: "  ").trimmingCharacters(in: .whitespaces)
        }
    }
}
