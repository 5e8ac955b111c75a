import FathomCore
import Foundation

/// The folder of a training run: `config.yaml`, `run.json`, `metrics.jsonl`, TensorBoard's event files,
/// `checkpoints/`, `pictures/`, `best.onnx`, `report.html`.
public struct RunFolder: Sendable {
    /// What to do with a run that is there already.
    public enum Existing: Sendable {
        /// Refuse to touch it.
        case refuse
        /// Go on from its last checkpoint.
        case resume
        /// Remove it and start anew.
        case overwrite
    }

    /// Where it lies.
    public let path: String

    /// Names a folder, which may not be there yet.
    public init(path: String) { self.path = path }

    /// The best weights as an ONNX file.
    public var bestModel: String { "\(path)/best.onnx" }
    /// The report.
    public var report: String { "\(path)/report.html" }
    /// The configuration with everything that flags changed.
    public var configuration: String { "\(path)/config.yaml" }
    /// The facts about the run.
    public var facts: String { "\(path)/run.json" }
    /// A line for each step and validation.
    public var metrics: String { "\(path)/metrics.jsonl" }
    /// Pictures of the fixed validation samples.
    public var pictures: String { "\(path)/pictures" }
    /// The newest checkpoint.
    public var lastCheckpointPath: String { "\(path)/checkpoints/last.safetensors" }
    /// The checkpoint of the best validation.
    public var bestCheckpointPath: String { "\(path)/checkpoints/best.safetensors" }

    /// What a run leaves in its folder.
    private static let contents = [
        "config.yaml", "run.json", "metrics.jsonl", "checkpoints", "pictures", "best.onnx",
        "report.html",
    ]

    /// Whether a run has begun in it.
    public var hasRun: Bool { FileManager.default.fileExists(atPath: configuration) }

    /// Whether a run in it can be resumed.
    public var hasCheckpoint: Bool { FileManager.default.fileExists(atPath: lastCheckpointPath) }

    /// Makes the folder ready for a run.
    public func prepare(_ existing: Existing) throws(FathomError) {
        if hasRun {
            switch existing {
            case .refuse:
                throw FathomError(
                    .usage, operation: "train into", subject: path, cause: "there is a run in it",
                    remedy: "Add --resume to go on with it, or --overwrite to replace it")
            case .resume:
                // A run that ended before its first checkpoint starts anew.
                if !hasCheckpoint { try clear() }
            case .overwrite: try clear()
            }
        }
        try FolderMaking.make("\(path)/checkpoints")
        try FolderMaking.make(pictures)
    }

    /// The last checkpoint's state; nil where there is none.
    public func lastCheckpoint() throws(FathomError) -> TensorState? {
        hasCheckpoint ? try CheckpointFile.read(lastCheckpointPath) : nil
    }

    /// Removes what runs leave, and nothing else that lies there.
    private func clear() throws(FathomError) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        for name in names
        where Self.contents.contains(name) || name.hasPrefix("events.out.tfevents.")
            || name.hasPrefix("broken-step-")
        {
            do { try FileManager.default.removeItem(atPath: "\(path)/\(name)") } catch {
                throw FathomError(
                    operation: "remove", subject: "\(path)/\(name)",
                    cause: error.localizedDescription, remedy: "Remove it by hand")
            }
        }
    }

    /// A number with eight digits, so that names sort as numbers do.
    static func digits(_ number: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, 8 - text.count)) + text
    }
}
