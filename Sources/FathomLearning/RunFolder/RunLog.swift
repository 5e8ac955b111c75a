import FathomCore
import FathomMedia
import Foundation

/// What happened when in a run: `metrics.jsonl`, TensorBoard's events and the pictures of the validation samples.
final class RunLog {
    private let folder: RunFolder
    private let events: EventFile
    private let lines: FileHandle

    /// Opens the files; of an earlier part of the run they keep what came up to the step from which it goes on.
    init(folder: RunFolder, resumedAt step: Int) throws(FathomError) {
        self.folder = folder
        try Self.cut(folder.metrics, after: step)
        events = try EventFile(folder: folder.path, resumedAt: step > 0 ? step : nil)
        let descriptor = open(folder.metrics, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else {
            throw FathomError(
                operation: "write", subject: folder.metrics, cause: String(cString: strerror(errno))
            )
        }
        lines = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }

    /// Notes a step.
    func step(
        _ step: Int, epoch: Double, rate: Double, results: [String: Double],
        samplesPerSecond: Double
    ) throws(FathomError) {
        var line: [String: Any] = ["step": step, "epoch": epoch, "rate": rate]
        line["samplesPerSecond"] = (samplesPerSecond * 1000).rounded() / 1000
        for (name, value) in results { line[name] = Self.json(value) }
        try write(line)
        let values = results.sorted { $0.key < $1.key }.map {
            (tag: "train/\($0.key)", value: $0.value)
        }
        try events.scalars(
            values + [("train/rate", rate), ("train/samplesPerSecond", samplesPerSecond)],
            step: step)
    }

    /// Notes a validation, with its pictures.
    func validation(
        _ step: Int, _ result: ValidationResult, isBest: Bool
    ) throws(FathomError) {
        let values = result.metrics.sorted { $0.key < $1.key }
        try write([
            "step": step, "isBest": isBest, "validation": result.metrics.mapValues(Self.json),
        ])
        try events.scalars(values.map { ("validation/\($0.key)", $0.value) }, step: step)
        for (index, picture) in result.pictures.enumerated() {
            let sheet = picture.sheet
            let path = "\(folder.pictures)/\(index)-step-\(RunFolder.digits(step)).png"
            try StillImage.writePNG(sheet, to: path)
            try events.picture(
                EventFile.Picture(
                    tag: "validation/\(picture.name)", width: sheet.shape[2],
                    height: sheet.shape[1], png: FileBytes.read(path, limit: 1 << 28)),
                step: step)
        }
    }

    private static func json(_ value: Double) -> Any { value.isFinite ? value : NSNull() }

    private func write(_ line: [String: Any]) throws(FathomError) {
        do {
            let data = try JSONSerialization.data(
                withJSONObject: line, options: [.sortedKeys, .withoutEscapingSlashes])
            try lines.write(contentsOf: data + Data("\n".utf8))
        } catch {
            throw FathomError(
                operation: "write", subject: folder.metrics, cause: error.localizedDescription,
                remedy: "Make room, and go on with --resume")
        }
    }

    /// Takes away lines of later steps, which a resumed run writes again, and one that was cut short.
    private static func cut(_ path: String, after step: Int) throws(FathomError) {
        guard FileManager.default.fileExists(atPath: path) else { return }
        let bytes = try FileBytes.read(path, limit: 1 << 33)
        let kept = bytes.split(separator: 0x0a).filter { line in
            guard let object = try? JSONSerialization.jsonObject(with: Data(line)),
                let entry = object as? [String: Any], let at = entry["step"] as? Int
            else { return false }
            return at <= step
        }
        try AtomicFile.write(path, kept.flatMap { $0 + [0x0a] })
    }
}
