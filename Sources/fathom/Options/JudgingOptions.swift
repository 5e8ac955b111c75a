import ArgumentParser
import Fathom

/// What the numbers of an evaluation depend on.
struct JudgingOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "kitti-eigen, kitti-eigen-benchmark, nyu-eigen, midas or video: a named set of the options below.",
            valueName: "name"))
    var `protocol`: String?
    @Option(
        help: ArgumentHelp(
            "none, median, least-squares or clip (none for metres, else least-squares).",
            valueName: "method"))
    var alignment: String?
    @Option(
        help: ArgumentHelp(
            "none, garg, eigen, kitti-benchmark or nyu-eigen.", valueName: "name"))
    var crop: String?
    @Option(help: ArgumentHelp("Farthest depth that is judged, metres (80).", valueName: "metres"))
    var cap: Double?

    /// The settings: the protocol's, where no option says otherwise.
    func settings() throws -> JudgingSettings {
        var settings = JudgingSettings()
        if let name = self.protocol {
            settings = try named(name, JudgingProtocol.self, "--protocol").settings
        }
        if let alignment {
            settings.alignment = try named(alignment, DepthAlignment.self, "--alignment")
        }
        if let crop { settings.crop = try named(crop, DepthCrop.self, "--crop") }
        if let cap {
            guard cap > settings.floor, cap <= 100_000 else {
                throw ValidationError("--cap takes metres above \(settings.floor)")
            }
            settings.cap = cap
        }
        return settings
    }
}

/// Which part of the data a network runs on, and how.
struct JudgedNetworkOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "train, validation or test, of a training configuration (test).", valueName: "name"))
    var split: String?
    @Option(help: ArgumentHelp("Long side of the network's input.", valueName: "pixels"))
    var size: String?
    @OptionGroup var compute: ComputeOptions

    /// Changes what was asked for of a job.
    func apply(
        split part: inout SplitName, configuration: inout RunConfiguration, pool: inout WorkerPool
    ) throws {
        if let split { part = try named(split, SplitName.self, "--split") }
        if let size { try configuration.set("size", size) }
        configuration.precision = try compute.precisionValue() ?? configuration.precision
        if let threads = compute.threads { pool = WorkerPool(threads: threads) }
    }
}

/// What is judged where it isn't a network.
struct PredictionOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "What a folder's predictions are: inverse-depth, depth or metres.", valueName: "kind"))
    var kind: String?
    @Option(
        help: ArgumentHelp("Steps a unit of 16-bit predictions, such as 256.", valueName: "number"))
    var scale: Double?
    @Option(
        help: ArgumentHelp(
            "Judge what knows nothing of the picture instead: constant or gradient.",
            valueName: "name"))
    var baseline: String?

    func validate() throws {
        guard scale.map({ $0 > 0 && $0.isFinite }) ?? true else {
            throw ValidationError("--scale takes a number above 0")
        }
    }

    /// Tells a job what to judge.
    func apply(to job: inout EvaluationJob, judged: String?) throws {
        job.kind = try kind.map { try named($0, DepthKind.self, "--kind") }
        job.scale = scale
        job.baseline = try baseline.map {
            try named($0, BaselinePredictor.Baseline.self, "--baseline")
        }
        job.judged = judged
    }
}

/// A value by its name; another name is an error that lists all.
func named<T: RawRepresentable & CaseIterable>(
    _ text: String, _ type: T.Type, _ option: String
) throws -> T where T.RawValue == String {
    guard let value = T(rawValue: text) else {
        let names = T.allCases.map(\.rawValue)
        let near = nearestName(to: text, among: names).map { "; did you mean '\($0)'?" } ?? ""
        throw ValidationError("\(option) is one of \(names.joined(separator: ", "))\(near)")
    }
    return value
}
