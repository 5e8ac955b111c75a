import FathomCore
import Foundation
import Yams

/// A YAML file of settings: one mapping from keys to plain values.
public enum ConfigurationFile {
    /// Largest file that is read.
    private static let sizeLimit = 1 << 20

    /// Reads a preset that came with the program, by its bare name, or any other file by its path.
    public static func read(
        named name: String
    ) throws(FathomError) -> [(key: String, value: String)] {
        if !name.contains("/"), !name.contains("."), let preset = presetPath(name) {
            return try read(preset)
        }
        return try read(name)
    }

    /// Presets lie below the prefix of an installed program, or in the source tree of one that was just built.
    private static func presetPath(_ name: String) -> String? {
        let program = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        let folder = program.deletingLastPathComponent()
        return ["../share/fathom/configs", "../../../Configs"].map {
            folder.appendingPathComponent("\($0)/\(name).yaml").standardized.path
        }.first { FileManager.default.fileExists(atPath: $0) }
    }

    /// Reads the file's settings in their order.
    public static func read(_ path: String) throws(FathomError) -> [(key: String, value: String)] {
        func failure(_ cause: String, _ remedy: String = "") -> FathomError {
            FathomError(
                .usage, operation: "read", subject: "the configuration \(path)", cause: cause,
                remedy: remedy)
        }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw failure("there is no such file, or it may not be read", "Check the path")
        }
        guard data.count <= sizeLimit else { throw failure("it is over a megabyte") }
        guard let text = String(data: data, encoding: .utf8) else {
            throw failure("it isn't text in UTF-8")
        }
        let node: Node?
        do { node = try Yams.compose(yaml: text) } catch {
            throw failure("\(error)", "Mend the YAML at that place")
        }
        guard let node else { return [] }
        guard let mapping = node.mapping else {
            throw failure("it isn't a mapping", "Write one 'key: value' a line")
        }
        var settings: [(key: String, value: String)] = []
        for (key, value) in mapping {
            guard let name = key.string, let scalar = value.scalar else {
                throw failure(
                    "the value of '\(key.string ?? "?")' isn't a single value",
                    "Write 'key: value'")
            }
            settings.append((name, scalar.string))
        }
        return settings
    }
}
