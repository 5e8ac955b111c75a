import FathomCore
import Foundation

/// What is searched for: the section `search` of a tuning file.
public struct SearchConfiguration: Hashable, Sendable {
    /// How values are tried.
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        /// Every combination of the listed values.
        case grid
        /// Combinations drawn by chance, which find good values of few keys that matter sooner (Bergstra & Bengio 2012).
        case random
        /// Drawn by chance; all are trained a little, and time after time only the best of them go on (successive
        /// halving, Jamieson & Talwalkar 2016).
        case halving
    }

    /// The values that a key may have.
    public enum Values: Hashable, Sendable {
        /// One of these texts.
        case list([String])
        /// Anything between two numbers; `isLogarithmic`: each power of ten as likely as another.
        case range(ClosedRange<Double>, isLogarithmic: Bool, isWhole: Bool)
    }

    /// One key, and what it may be.
    public struct Key: Hashable, Sendable {
        /// The key's path, such as `optimizer.rate`.
        public var path: String
        /// What it may be.
        public var values: Values
    }

    /// How values are tried.
    public var kind: Kind
    /// Combinations that are tried; nil: all of a grid.
    public var trials: Int?
    /// Decides what is drawn.
    public var seed: UInt64
    /// The validation metric that decides.
    public var metric: String
    /// `halving`: of how many one goes on.
    public var factor: Int
    /// What is searched, in the file's order.
    public var keys: [Key] = []

    /// Whether a larger value of the metric is better.
    public var prefersLarge: Bool { metric.hasPrefix("delta") || metric == "ssim" }

    /// Reads `{kind: random, trials: 20, keys: {optimizer.rate: {min: 1e-4, max: 1e-2, log: true}}}`.
    public init(_ section: ConfigurationSection) throws(FathomError) {
        kind = try section.choice("kind", default: .random)
        trials = try section.integer("trials", in: 1...100_000)
        if trials == nil, kind != .grid { trials = 16 }
        seed = UInt64(try section.integer("seed", in: 0...Int(Int32.max)) ?? 0)
        metric = try section.text("metric") ?? "absRel"
        factor = try section.integer("factor", in: 2...16) ?? 3
        guard let keys = try section.section("keys"), !keys.keys.isEmpty else {
            throw section.error(
                "'keys' is missing", "For example keys: {optimizer.rate: [1e-3, 3e-3]}")
        }
        for path in keys.keys {
            self.keys.append(Key(path: path, values: try Self.values(keys, path)))
        }
        try section.finish()
        guard kind == .grid else { return }
        for key in self.keys {
            guard case .list = key.values else {
                throw keys.error(
                    "'\(key.path)' is a range, and a grid needs values",
                    "Give a list, or take 'kind: random'")
            }
        }
    }

    private static func values(
        _ section: ConfigurationSection, _ path: String
    ) throws(FathomError) -> Values {
        if let texts = try? section.texts(path) {
            guard !texts.isEmpty else {
                throw section.error("'\(path)' is an empty list", "Give at least one value")
            }
            return .list(texts)
        }
        guard let range = try section.section(path) else {
            throw section.error("'\(path)' has no values", "Give a list or {min: 0, max: 1}")
        }
        guard let low = try range.number("min"), let high = try range.number("max"), low < high
        else {
            throw range.error("'min' and 'max' must be there and rise", "Write {min: 0, max: 1}")
        }
        let isLogarithmic = try range.flag("log", default: false)
        let isWhole = try range.flag("whole", default: false)
        try range.finish()
        guard !isLogarithmic || low > 0 else {
            throw range.error("'min' is \(low)", "With 'log' it must be above 0")
        }
        guard !isWhole || (abs(low) < 1e15 && abs(high) < 1e15) else {
            throw range.error("the numbers are too large to be whole", "Give smaller ones")
        }
        return .range(low...high, isLogarithmic: isLogarithmic, isWhole: isWhole)
    }

    /// The combinations to try, each a text for each key.
    public var combinations: [[String]] {
        guard kind == .grid else {
            var random = SeededRandom(seed)
            return (0..<(trials ?? 1)).map { _ in
                keys.map { Self.draw($0.values, &random) }
            }
        }
        var all: [[String]] = [[]]
        for key in keys {
            guard case .list(let texts) = key.values else { continue }
            all = all.flatMap { start in texts.map { start + [$0] } }
        }
        return trials.map { Array(all.prefix($0)) } ?? all
    }

    private static func draw(_ values: Values, _ random: inout SeededRandom) -> String {
        switch values {
        case .list(let texts):
            return texts[Int(random.next() % UInt64(texts.count))]
        case .range(let range, let isLogarithmic, let isWhole):
            let share = Double(random.unit())
            let (low, high) = (range.lowerBound, range.upperBound)
            let value =
                isLogarithmic
                ? exp(log(low) + share * (log(high) - log(low))) : low + share * (high - low)
            // Four digits say enough of a rate, and a person may type them.
            return isWhole ? "\(Int(value.rounded()))" : String(format: "%.4g", value)
        }
    }

    /// The steps to which trials are trained, and how many of them: one rung for all but `halving`.
    ///
    /// - Parameters:
    ///   - steps: of a whole training.
    ///   - multiple: rungs end at multiples of it, where there is a validation.
    public func rungs(trials: Int, steps: Int, multiple: Int) -> [(trials: Int, steps: Int)] {
        guard kind == .halving else { return [(trials, steps)] }
        var counts = [trials]
        while let last = counts.last, last >= factor { counts.append(last / factor) }
        return counts.enumerated().map { index, count in
            var part = steps
            for _ in index..<(counts.count - 1) { part = (part + factor - 1) / factor }
            let rounded = (part + multiple - 1) / multiple * multiple
            return (count, min(rounded, steps))
        }
    }
}
