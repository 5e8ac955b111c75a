import FathomCore
import Foundation
import Yams

/// A mapping of a training configuration: its values by key, each read once with its type, and a complaint about
/// every key that nothing has read.
///
/// A `final class`, so that whoever reads a part of the configuration notes in the one place which keys are known.
public final class ConfigurationSection {
    /// Where it is, such as `configs/a.yaml: data.split`.
    public let place: String
    private let values: [String: Yams.Node]
    private let order: [String]
    private var known: Set<String> = []

    /// Takes a mapping; `place` is what errors call it.
    init(_ mapping: Yams.Node.Mapping, place: String) throws(FathomError) {
        self.place = place
        var values: [String: Yams.Node] = [:]
        var order: [String] = []
        for (key, value) in mapping {
            guard let name = key.string else {
                throw Self.error(place, "a key is not a text", "Write 'key: value'")
            }
            guard values.updateValue(value, forKey: name) == nil else {
                throw Self.error(place, "the key '\(name)' is there twice", "Remove one")
            }
            order.append(name)
        }
        self.values = values
        self.order = order
    }

    /// Reads a configuration's text.
    public convenience init(yaml text: String, place: String) throws(FathomError) {
        let node: Yams.Node?
        do { node = try Yams.compose(yaml: text) } catch {
            throw Self.error(place, "\(error)", "Mend the YAML at that place")
        }
        guard let mapping = node?.mapping else {
            throw Self.error(place, "it isn't a mapping", "Write 'key: value' lines")
        }
        try self.init(mapping, place: place)
    }

    /// Reads a configuration file, a megabyte at most.
    public convenience init(file path: String) throws(FathomError) {
        let bytes = try FileBytes.read(path, limit: 1 << 20)
        try self.init(yaml: String(decoding: bytes, as: UTF8.self), place: path)
    }

    /// An error about this section.
    public func error(_ cause: String, _ remedy: String) -> FathomError {
        Self.error(place, cause, remedy)
    }

    private static func error(_ place: String, _ cause: String, _ remedy: String) -> FathomError {
        FathomError(
            .usage, operation: "read", subject: "the configuration \(place)", cause: cause,
            remedy: remedy)
    }

    /// Whether a key is there.
    public func has(_ key: String) -> Bool { values[key] != nil }

    /// The keys that are there, in their order.
    public var keys: [String] { order }

    private func value(_ key: String) -> Yams.Node? {
        known.insert(key)
        return values[key]
    }

    private func scalar<T>(
        _ key: String, _ what: String, _ read: (Yams.Node) -> T?
    ) throws(FathomError) -> T? {
        guard let node = value(key) else { return nil }
        guard let result = read(node) else {
            throw error(
                "'\(key)' is '\(node.scalar?.string ?? "not a single value")'", "Give \(what)")
        }
        return result
    }

    /// A text; nil where it is absent.
    public func text(_ key: String) throws(FathomError) -> String? {
        try scalar(key, "a text") { $0.scalar?.string }
    }

    /// A text that must be there.
    public func requiredText(_ key: String) throws(FathomError) -> String {
        guard let text = try text(key) else {
            throw error("'\(key)' is missing", "Add '\(key): …'")
        }
        return text
    }

    /// A finite number; nil where it is absent.
    public func number(_ key: String) throws(FathomError) -> Double? {
        try scalar(key, "a number") { node in
            node.scalar.flatMap { Double($0.string) }.flatMap { $0.isFinite ? $0 : nil }
        }
    }

    /// A number within limits, or the default.
    public func number(
        _ key: String, default fallback: Double, in range: ClosedRange<Double>
    ) throws(FathomError) -> Double {
        guard let number = try number(key) else { return fallback }
        guard range.contains(number) else {
            throw error(
                "'\(key)' is \(number)",
                "Give a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// A whole number within limits; nil where it is absent.
    public func integer(_ key: String, in range: ClosedRange<Int>) throws(FathomError) -> Int? {
        try scalar(key, "a whole number from \(range.lowerBound) to \(range.upperBound)") { node in
            node.scalar.flatMap { Int($0.string) }.flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// `true` or `false`, or the default.
    public func flag(_ key: String, default fallback: Bool) throws(FathomError) -> Bool {
        try scalar(key, "true or false") { node in
            switch node.scalar?.string.lowercased() {
            case "true", "yes", "on": true
            case "false", "no", "off": false
            default: nil
            }
        } ?? fallback
    }

    /// One of the values of an enumeration, or the default; another one is an error that names the nearest.
    public func choice<T: RawRepresentable & CaseIterable>(
        _ key: String, default fallback: T?
    ) throws(FathomError) -> T where T.RawValue == String {
        guard let text = try text(key) else {
            if let fallback { return fallback }
            throw error("'\(key)' is missing", "Give one of \(Self.names(T.self))")
        }
        guard let value = T(rawValue: text) else {
            throw error("'\(key)' is '\(text)'", "Give one of \(Self.names(T.self))")
        }
        return value
    }

    private static func names<T: RawRepresentable & CaseIterable>(_ type: T.Type) -> String
    where T.RawValue == String {
        type.allCases.map(\.rawValue).joined(separator: ", ")
    }

    /// Numbers in a list; nil where it is absent.
    public func numbers(_ key: String) throws(FathomError) -> [Double]? {
        try scalar(key, "a list of numbers such as [0.5, 1]") { node in
            guard let sequence = node.sequence else { return nil }
            let numbers = sequence.compactMap { $0.scalar.flatMap { Double($0.string) } }
            return numbers.count == sequence.count && numbers.allSatisfy(\.isFinite) ? numbers : nil
        }
    }

    /// Texts in a list; nil where it is absent.
    public func texts(_ key: String) throws(FathomError) -> [String]? {
        try scalar(key, "a list of texts") { node in
            guard let sequence = node.sequence else { return nil }
            let texts = sequence.compactMap { $0.scalar?.string }
            return texts.count == sequence.count ? texts : nil
        }
    }

    /// A size written `WxH`; nil where it is absent.
    public func size(_ key: String) throws(FathomError) -> PixelSize? {
        try scalar(key, "a size such as 384x224") { $0.scalar.flatMap { PixelSize($0.string) } }
    }

    /// A mapping within; nil where it is absent.
    public func section(_ key: String) throws(FathomError) -> ConfigurationSection? {
        guard let node = value(key) else { return nil }
        guard let mapping = node.mapping else {
            throw error("'\(key)' isn't a mapping", "Write '\(key): {key: value}'")
        }
        return try ConfigurationSection(mapping, place: "\(place): \(key)")
    }

    /// Mappings in a list; nil where it is absent.
    public func sections(_ key: String) throws(FathomError) -> [ConfigurationSection]? {
        guard let node = value(key) else { return nil }
        guard let sequence = node.sequence else {
            throw error("'\(key)' isn't a list", "Write '\(key): [{key: value}]'")
        }
        var result: [ConfigurationSection] = []
        for (index, item) in sequence.enumerated() {
            guard let mapping = item.mapping else {
                throw error("item \(index) of '\(key)' isn't a mapping", "Write {key: value}")
            }
            result.append(
                try ConfigurationSection(mapping, place: "\(place): \(key)[\(index)]"))
        }
        return result
    }

    /// Complains about a key that nothing has asked for; called when all that is known has been read.
    public func finish() throws(FathomError) {
        guard let unknown = order.first(where: { !known.contains($0) }) else { return }
        let nearest = nearestName(to: unknown, among: known.sorted())
        throw error(
            "there is no key '\(unknown)'",
            nearest.map { "Did you mean '\($0)'?" }
                ?? "Keys here: \(known.sorted().joined(separator: ", "))")
    }
}
