import FathomCore
import FathomMedia
import Foundation

extension RunReport {
    /// Checks before the work that a report can be written there; `-` is standard output.
    static func checkPlace(_ path: String?) throws(FathomError) {
        guard let path, path != "-" else { return }
        try OutputNames(path: path).check(overwrites: true, input: nil)
    }

    /// Writes the report as JSON, whole or not at all; `-` is standard output.
    public func write(to path: String) throws(FathomError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do {
            let data = try encoder.encode(self) + Data("\n".utf8)
            if path == "-" {
                FileHandle.standardOutput.write(data)
            } else {
                try data.write(to: URL(fileURLWithPath: path), options: .atomic)
            }
        } catch {
            throw FathomError(
                operation: "write", subject: "the report \(path)",
                cause: (error as NSError).localizedFailureReason ?? error.localizedDescription,
                remedy: "Check its folder")
        }
    }
}
