import FathomCore
import FathomDepth
import FathomPipeline
import Foundation

/// `fathom evaluate`: opens what is judged and the data, judges, writes files.
public struct EvaluationJob {
    /// A network (name or ONNX file) or a folder of predictions; nil for a baseline.
    public var judged: String?
    /// A training configuration, or a CSV or JSON Lines file.
    public var dataset: String
    /// The part of a training configuration's data.
    public var split = SplitName.test
    /// How it is judged.
    public var settings = JudgingSettings()
    /// What is judged where it is neither a network nor files.
    public var baseline: BaselinePredictor.Baseline?
    /// What the predictions of a folder are, or of a network whose file doesn't say.
    public var kind: DepthKind?
    /// Steps a unit of a folder's 16-bit files.
    public var scale: Double?
    /// The network's size, precision, mean, deviation.
    public var configuration = RunConfiguration()
    /// Who works.
    public var pool = WorkerPool.machine
    /// Where all numbers go as JSON.
    public var json: String?
    /// Where the page goes.
    public var report: String?
    /// Called with the pictures done and their number.
    public var progress: ((Int, Int) -> Void)?

    /// An evaluation on a data set.
    public init(dataset: String) { self.dataset = dataset }

    /// Judges and writes what was asked for.
    public func run() throws(FathomError) -> EvaluationResult {
        for path in [json, report].compactMap({ $0 }) { try Self.checkWritable(path) }
        let data = try Self.dataset(dataset, split: split)
        var evaluation = Evaluation(
            dataset: data, predictor: try openPredictor(data), settings: settings, pool: pool)
        evaluation.progress = progress
        let gallery = report == nil ? nil : CaseGallery()
        if let gallery {
            evaluation.observer = { gallery.add($0, $1, $2) }
        }
        let result = try evaluation.run()
        if let json { try Self.write(try Self.encoded(result), to: json) }
        if let report, let gallery {
            if let model = evaluation.predictor as? ModelPredictor {
                try gallery.addSaliency(of: model, dataset: data)
            }
            let page = try EvaluationReport(result: result, gallery: gallery).html()
            try Self.write(Data(page.utf8), to: report)
        }
        return result
    }

    /// A part of a training configuration's data, or all that a CSV or JSON Lines file lists.
    static func dataset(
        _ dataset: String, split: SplitName
    ) throws(FathomError) -> any DepthDataset {
        let isConfiguration = [".yaml", ".yml"].contains { dataset.hasSuffix($0) }
        guard !isConfiguration else {
            return try SplitDataset(configuration: dataset, split: split)
        }
        let folder = try FolderDataset(list: dataset)
        for index in 0..<folder.count { try folder.glance(index) }
        return folder
    }

    private func openPredictor(
        _ data: any DepthDataset
    ) throws(FathomError) -> any DepthPredictor {
        if let baseline { return BaselinePredictor(baseline) }
        var isFolder: ObjCBool = false
        if let judged, FileManager.default.fileExists(atPath: judged, isDirectory: &isFolder),
            isFolder.boolValue
        {
            guard let kind else {
                throw FathomError(
                    .usage, operation: "read", subject: "the predictions in \(judged)",
                    cause: "what they mean isn't known",
                    remedy: "Give --kind inverse-depth, depth or metres")
            }
            return try PredictionFolder(
                judged, kind: kind, scale: scale, names: (0..<data.count).map(data.sampleName))
        }
        var configuration = configuration
        if let kind { configuration.outputKind = kind }
        return try ModelPredictor(
            try Network(judged), configuration: configuration, pool: pool)
    }

    /// Finds out before the work whether a file can go where it is to go.
    private static func checkWritable(_ path: String) throws(FathomError) {
        let folder = (path as NSString).deletingLastPathComponent
        var isFolder: ObjCBool = false
        guard
            FileManager.default.fileExists(
                atPath: folder.isEmpty ? "." : folder, isDirectory: &isFolder), isFolder.boolValue
        else {
            throw FathomError(
                .usage, operation: "write", subject: path, cause: "its folder isn't there",
                remedy: "Make the folder first")
        }
    }

    private static func encoded(_ result: EvaluationResult) throws(FathomError) -> Data {
        do { return try result.json() } catch {
            throw FathomError(
                operation: "write", subject: "the evaluation", cause: error.localizedDescription)
        }
    }

    static func write(_ data: Data, to path: String) throws(FathomError) {
        let status = data.withUnsafeBytes { bytes in
            Result { () throws(FathomError) in try FileBytes.write(path, [bytes]) }
        }
        try status.get()
    }
}
