import FathomCore

/// How a depth model wants its picture and what its output means: the `fathom.*` metadata of its ONNX file.
public struct ModelCard: Hashable, Sendable {
    /// The model's name.
    public var name: String
    /// The model's version; empty when it has none.
    public var version: String
    /// Mean of red, green and blue in 0…1, subtracted from the picture.
    public var mean: [Float]
    /// Standard deviation of red, green and blue, by which the picture is then divided.
    public var std: [Float]
    /// Both sides of the input are multiples of it.
    public var sizeMultiple: Int
    /// The long side of the input in pixels.
    public var size: Int
    /// What the output means.
    public var outputKind: DepthKind
    /// The licence's name; empty when the file states none.
    public var license: String
    /// What the model is.
    public var description: String
    /// Recurrent inputs and the outputs that feed them in the next frame.
    public var state: [StatePair]

    /// A recurrent input and its output.
    public struct StatePair: Hashable, Sendable {
        /// The name of the graph's input.
        public var input: String
        /// The name of the graph's output.
        public var output: String
    }

    /// The longest side that is accepted; absurd sizes are refused, not allocated.
    public static let greatestSize = 4096

    private static let imageNetMean: [Float] = [0.485, 0.456, 0.406]
    private static let imageNetDeviation: [Float] = [0.229, 0.224, 0.225]

    /// Reads the `fathom.*` keys; absent ones have the contract's defaults.
    ///
    /// - Parameters:
    ///   - metadata: the file's `metadata_props`.
    ///   - subject: the file, for errors.
    ///   - defaultName: the name where the metadata has none.
    public init(
        metadata: [String: String], subject: String, defaultName: String
    ) throws(FathomError) {
        let keys = MetadataKeys(metadata: metadata, subject: subject)
        name = keys.text("name") ?? defaultName
        version = keys.text("version") ?? ""
        license = keys.text("license") ?? ""
        description = keys.text("description") ?? ""
        mean = try keys.triple("mean") ?? Self.imageNetMean
        std = try keys.triple("std") ?? Self.imageNetDeviation
        guard std.allSatisfy({ $0 > 0 }) else {
            throw keys.error("std", "three positive numbers")
        }
        sizeMultiple = try keys.whole("sizeMultiple", 1...256) ?? 32
        size = try keys.whole("size", 16...Self.greatestSize) ?? 384
        if let text = keys.text("output") {
            guard let kind = DepthKind(rawValue: text) else {
                throw keys.error("output", "inverse-depth, depth or metres")
            }
            outputKind = kind
        } else {
            outputKind = .inverseDepth
        }
        state = try keys.pairs("state")
    }

    /// The card with what a person asked for in its place.
    public func overridden(by overrides: ModelOverrides) throws(FathomError) -> ModelCard {
        var card = self
        if let mean = overrides.mean {
            card.mean = try Self.checked(mean, "--mean", positive: false)
        }
        if let std = overrides.std { card.std = try Self.checked(std, "--std", positive: true) }
        if let kind = overrides.outputKind { card.outputKind = kind }
        if let size = overrides.size {
            guard (16...Self.greatestSize).contains(size) else {
                throw FathomError(
                    .usage, operation: "use", subject: "--size \(size)",
                    cause:
                        "the long side of the network's input is 16 to \(Self.greatestSize) pixels",
                    remedy: "384 is usual")
            }
            card.size = size
        }
        return card
    }

    private static func checked(
        _ values: [Float], _ option: String, positive: Bool
    ) throws(FathomError) -> [Float] {
        let valid = values.count == 3 && values.allSatisfy { $0.isFinite && (!positive || $0 > 0) }
        guard valid else {
            let wanted = positive ? "three positive numbers" : "three numbers"
            throw FathomError(
                .usage, operation: "use", subject: option,
                cause: "it takes \(wanted), for red, green and blue in 0…1",
                remedy: "For example \(option) 0.485,0.456,0.406")
        }
        return values
    }
}

/// What options or a configuration say in place of a model's own card; nil leaves the card's value.
public struct ModelOverrides: Hashable, Sendable {
    /// Three numbers for red, green and blue in 0…1.
    public var mean: [Float]?
    /// Three positive numbers for red, green and blue.
    public var std: [Float]?
    /// What the output means.
    public var outputKind: DepthKind?
    /// The long side of the input in pixels.
    public var size: Int?

    /// Overrides of some values.
    public init(
        mean: [Float]? = nil, std: [Float]? = nil, outputKind: DepthKind? = nil, size: Int? = nil
    ) {
        self.mean = mean
        self.std = std
        self.outputKind = outputKind
        self.size = size
    }
}

/// Checked access to the `fathom.*` keys.
private struct MetadataKeys {
    let metadata: [String: String]
    let subject: String

    func text(_ key: String) -> String? { metadata["fathom.\(key)"] }

    func error(_ key: String, _ wanted: String) -> FathomError {
        FathomError(
            operation: "use", subject: subject,
            cause: "its metadata fathom.\(key) is '\(text(key) ?? "")', not \(wanted)",
            remedy: "Correct the file's metadata")
    }

    func triple(_ key: String) throws(FathomError) -> [Float]? {
        guard let text = text(key) else { return nil }
        let parts = text.split(whereSeparator: { ", ;[]()".contains($0) })
        let numbers = parts.compactMap { Float(String($0)) }
        guard parts.count == 3, numbers.count == 3, numbers.allSatisfy(\.isFinite) else {
            throw error(key, "three numbers")
        }
        return numbers
    }

    func whole(_ key: String, _ range: ClosedRange<Int>) throws(FathomError) -> Int? {
        guard let text = text(key) else { return nil }
        guard let number = Int(text), range.contains(number) else {
            throw error(key, "a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    func pairs(_ key: String) throws(FathomError) -> [ModelCard.StatePair] {
        guard let text = text(key) else { return [] }
        var pairs: [ModelCard.StatePair] = []
        for part in text.split(whereSeparator: { ", ;".contains($0) }) {
            let names = part.split(separator: "=", omittingEmptySubsequences: false)
            guard names.count == 2, !names[0].isEmpty, !names[1].isEmpty else {
                throw error(key, "pairs input=output")
            }
            pairs.append(.init(input: String(names[0]), output: String(names[1])))
        }
        return pairs
    }
}
