import FathomCore
import Foundation
import Yams

/// A training configuration as it stands in its file, with values changed by flags and searches.
public struct ConfigurationDocument {
    /// What errors call it: its file.
    public let place: String
    private var root: Yams.Node.Mapping

    /// Reads a file, a megabyte at most.
    public init(file path: String) throws(FathomError) {
        let bytes = try FileBytes.read(path, limit: 1 << 20)
        try self.init(yaml: String(decoding: bytes, as: UTF8.self), place: path)
    }

    /// Reads a text.
    public init(yaml text: String, place: String) throws(FathomError) {
        self.place = place
        let node: Yams.Node?
        do { node = try Yams.compose(yaml: text) } catch {
            throw FathomError(
                .usage, operation: "read", subject: "the configuration \(place)",
                cause: "\(error)", remedy: "Mend the YAML at that place")
        }
        guard let mapping = node?.mapping else {
            throw FathomError(
                .usage, operation: "read", subject: "the configuration \(place)",
                cause: "it isn't a mapping", remedy: "Write 'key: value' lines")
        }
        root = mapping
    }

    /// The whole for reading by type.
    public func section() throws(FathomError) -> ConfigurationSection {
        try ConfigurationSection(root, place: place)
    }

    /// The text, each value once.
    public func yaml() throws(FathomError) -> String {
        do {
            return try Yams.serialize(
                node: .mapping(root), width: -1, allowUnicode: true, sortKeys: false)
        } catch {
            throw FathomError(
                operation: "write", subject: "the configuration \(place)", cause: "\(error)")
        }
    }

    /// Sets a value by its path, such as `optimizer.rate` or `loss.0.weight`, to what a YAML text says; sections on
    /// the way are made.
    public mutating func set(_ path: String, _ text: String) throws(FathomError) {
        func failure(_ cause: String, _ remedy: String) -> FathomError {
            FathomError(
                .usage, operation: "set", subject: "'\(path)' to '\(text)'", cause: cause,
                remedy: remedy)
        }
        let value: Yams.Node?
        do { value = try Yams.compose(yaml: text) } catch {
            throw failure("the value is no YAML", "Write it as in the file")
        }
        let keys = path.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard !keys.contains("") else {
            throw failure("the key isn't understood", "Write it as section.key")
        }
        guard
            let changed = Self.setting(
                .mapping(root), keys[...], value ?? Yams.Node("", Tag(.null))),
            let mapping = changed.mapping
        else {
            throw failure(
                "there is a single value or no such item on the way",
                "Write the whole section as {key: value}")
        }
        root = mapping
    }

    /// Sets a value written `key=value`.
    public mutating func set(assignment: String) throws(FathomError) {
        let parts = assignment.split(separator: "=", maxSplits: 1).map(String.init)
        guard parts.count == 2 else {
            throw FathomError(
                .usage, operation: "set", subject: "'\(assignment)'", cause: "it has no value",
                remedy: "Write --set optimizer.rate=1e-3")
        }
        try set(parts[0], parts[1])
    }

    /// Takes a key of the top out, if it is there.
    public mutating func remove(_ key: String) {
        root[Yams.Node(key)] = nil
    }

    /// A single value of the top, such as `output`.
    public func text(_ key: String) -> String? { root[Yams.Node(key)]?.scalar?.string }

    /// Takes the keys of another document that this one doesn't have.
    public mutating func inherit(from base: ConfigurationDocument) {
        for (key, value) in base.root where root[key] == nil { root[key] = value }
    }

    /// Keys of the top whose values differ, or that only one of the two has, sorted.
    public func differences(from other: ConfigurationDocument) -> [String] {
        let keys = Set((Array(root.keys) + Array(other.root.keys)).compactMap(\.string))
        return keys.filter { key in
            Self.plain(root[Yams.Node(key)]) != Self.plain(other.root[Yams.Node(key)])
        }.sorted()
    }

    /// A value as a text that is the same however it is written.
    private static func plain(_ node: Yams.Node?) -> String {
        switch node {
        case .none: return "absent"
        case .scalar(let scalar):
            return Double(scalar.string).map { "\($0)" } ?? "\"\(scalar.string)\""
        case .sequence(let sequence):
            return "[\(sequence.map { plain($0) }.joined(separator: ","))]"
        case .mapping(let mapping):
            let pairs = mapping.map { "\($0.key.string ?? "?"):\(plain($0.value))" }
            return "{\(pairs.sorted().joined(separator: ","))}"
        case .alias: return "alias"
        }
    }

    private static func setting(
        _ node: Yams.Node?, _ keys: ArraySlice<String>, _ value: Yams.Node
    ) -> Yams.Node? {
        guard let key = keys.first else { return value }
        switch node {
        case .none:
            return setting(.mapping(.init([])), keys, value)
        case .mapping(var mapping):
            let name = Yams.Node(key)
            guard let changed = setting(mapping[name], keys.dropFirst(), value) else { return nil }
            mapping[name] = changed
            return .mapping(mapping)
        case .sequence(var sequence):
            guard let index = Int(key), sequence.indices.contains(index),
                let changed = setting(sequence[index], keys.dropFirst(), value)
            else { return nil }
            sequence[index] = changed
            return .sequence(sequence)
        default: return nil
        }
    }
}
