import FathomCore

/// One thing that a person may set: the same key on the command line (`--key`) and in a configuration file.
public struct Setting<Configuration>: Sendable {
    /// The key: the long option without its dashes.
    public let key: String
    /// Whether it is on or off, rather than having a value.
    public let isFlag: Bool
    /// Reads the text and sets the value.
    let apply: @Sendable (inout Configuration, String) throws(FathomError) -> Void

    /// The same setting for a configuration that contains this one.
    func within<Outer>(_ path: Setting<Outer>.Path<Configuration>) -> Setting<Outer> {
        Setting<Outer>(key: key, isFlag: isFlag) { (outer, text) throws(FathomError) in
            try apply(&outer[keyPath: path], text)
        }
    }

    typealias Path<Value> = WritableKeyPath<Configuration, Value> & Sendable

    /// Any text.
    static func text(_ key: String, _ path: Path<String?>) -> Setting {
        Setting(key: key, isFlag: false) { configuration, text in
            configuration[keyPath: path] = text
        }
    }

    /// On or off.
    static func flag(_ key: String, _ path: Path<Bool>) -> Setting {
        Setting(key: key, isFlag: true) { (configuration, text) throws(FathomError) in
            configuration[keyPath: path] = try truth(text, key: key)
        }
    }

    /// On or off, with a default that depends on other settings.
    static func flag(_ key: String, _ path: Path<Bool?>) -> Setting {
        Setting(key: key, isFlag: true) { (configuration, text) throws(FathomError) in
            configuration[keyPath: path] = try truth(text, key: key)
        }
    }

    /// A whole number within bounds.
    static func whole(_ key: String, _ path: Path<Int?>, _ bounds: ClosedRange<Int>) -> Setting {
        Setting(key: key, isFlag: false) { (configuration, text) throws(FathomError) in
            guard let number = Int(text), bounds.contains(number) else {
                throw wrongValue(
                    key, text, "a whole number from \(bounds.lowerBound) to \(bounds.upperBound)")
            }
            configuration[keyPath: path] = number
        }
    }

    /// A number within bounds.
    static func number(
        _ key: String, _ path: Path<Double?>, _ bounds: ClosedRange<Double>
    ) -> Setting {
        Setting(key: key, isFlag: false) { (configuration, text) throws(FathomError) in
            guard let number = Double(text), bounds.contains(number) else {
                throw wrongValue(
                    key, text, "a number from \(bounds.lowerBound) to \(bounds.upperBound)")
            }
            configuration[keyPath: path] = number
        }
    }

    /// One of a few words.
    static func choice<Value: RawRepresentable & CaseIterable & Sendable>(
        _ key: String, _ path: Path<Value>
    ) -> Setting where Value.RawValue == String {
        Setting(key: key, isFlag: false) { (configuration, text) throws(FathomError) in
            configuration[keyPath: path] = try choose(Value.self, text, key: key)
        }
    }

    /// One of a few words, or nothing.
    static func choice<Value: RawRepresentable & CaseIterable & Sendable>(
        _ key: String, _ path: Path<Value?>
    ) -> Setting where Value.RawValue == String {
        Setting(key: key, isFlag: false) { (configuration, text) throws(FathomError) in
            configuration[keyPath: path] = try choose(Value.self, text, key: key)
        }
    }

    /// Anything with a reader of its own.
    static func custom<Value>(
        _ key: String, _ path: Path<Value>, _ expected: String,
        _ read: @escaping @Sendable (String) -> Value?
    ) -> Setting {
        Setting(key: key, isFlag: false) { (configuration, text) throws(FathomError) in
            guard let value = read(text) else { throw wrongValue(key, text, expected) }
            configuration[keyPath: path] = value
        }
    }

    private static func choose<Value: RawRepresentable & CaseIterable & Sendable>(
        _ type: Value.Type, _ text: String, key: String
    ) throws(FathomError) -> Value where Value.RawValue == String {
        if let value = Value(rawValue: text) { return value }
        let names = Value.allCases.map(\.rawValue)
        let hint = nearestName(to: text, among: names).map { "did you mean '\($0)'? " } ?? ""
        throw wrongValue(key, text, "\(hint)one of \(names.joined(separator: ", "))")
    }

    private static func truth(_ text: String, key: String) throws(FathomError) -> Bool {
        switch text.lowercased() {
        case "true", "yes", "on": return true
        case "false", "no", "off": return false
        default: throw wrongValue(key, text, "true or false")
        }
    }

    private static func wrongValue(
        _ key: String, _ text: String, _ expected: String
    ) -> FathomError {
        FathomError(
            .usage, operation: "use", subject: "--\(key) \(text)",
            cause: "the value isn't understood", remedy: "Give \(expected)")
    }
}

/// A configuration made of settings.
public protocol SettableConfiguration {
    /// Every setting, each key once.
    static var settings: [Setting<Self>] { get }
}

extension SettableConfiguration {
    /// Sets one value by its key; `no-KEY` turns a flag's meaning round.
    public mutating func set(_ key: String, _ text: String) throws(FathomError) {
        if let setting = Self.settings.first(where: { $0.key == key }) {
            return try setting.apply(&self, text)
        }
        if key.hasPrefix("no-"),
            let setting = Self.settings.first(where: { $0.isFlag && $0.key == key.dropFirst(3) })
        {
            var opposite = self
            try setting.apply(&opposite, text)
            let inverted = ["true", "yes", "on"].contains(text.lowercased()) ? "false" : "true"
            return try setting.apply(&self, inverted)
        }
        let keys = Self.settings.flatMap { $0.isFlag ? [$0.key, "no-\($0.key)"] : [$0.key] }
        let hint = nearestName(to: key, among: keys).map { "Did you mean '\($0)'?" }
        throw FathomError(
            .usage, operation: "use", subject: "the setting '\(key)'",
            cause: "there is none of this name",
            remedy: hint ?? "The program's --help lists them")
    }
}
