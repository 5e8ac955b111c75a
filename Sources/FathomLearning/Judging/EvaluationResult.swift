import FathomCore

/// What an evaluation found, with everything that the numbers depend on.
public struct EvaluationResult: Sendable {
    /// One picture's numbers.
    public struct Picture: Sendable {
        /// Its name in the data set.
        public var name: String
        /// Its number in the data set.
        public var index: Int
        /// The scene it is from.
        public var scene: String
        /// Pixels that were judged.
        public var pixels: Int
        /// What was found.
        public var metrics: [Metric: Double]
        /// Median of truth by that of prediction, where medians were aligned.
        public var ratio: Double?
        /// Values of the prediction that aren't depth.
        public var unusable: Int
    }

    /// A picture that was not judged.
    public struct Skipped: Sendable, Codable {
        /// Its name.
        public var name: String
        /// Why not.
        public var reason: String
    }

    /// Where predictions come from.
    public var predictor: PredictorDescription
    /// What the data set is called.
    public var dataset: String
    /// Crop, cap, floor, protocol.
    public var settings: JudgingSettings
    /// How predictions were aligned.
    public var alignment: DepthAlignment
    /// Means over pictures, or over clips.
    public var metrics: [Metric: Double] = [:]
    /// Why a metric is absent, or what part of the pictures it covers.
    public var notes: [Metric: String] = [:]
    /// Each picture's numbers, in the data set's order.
    public var pictures: [Picture] = []
    /// Pictures that were not judged.
    public var skipped: [Skipped] = []
    /// Errors by size and by distance.
    public var profile: ErrorProfile

    /// Pixels that were judged.
    public var pixels: Int { pictures.reduce(0) { $0 + $1.pixels } }

    /// Median of the pictures' scaling ratios, and the deviation of ratios by it, as monodepth2 reports them.
    public var scaling: (median: Double, deviation: Double)? {
        var ratios = pictures.compactMap(\.ratio)
        guard !ratios.isEmpty else { return nil }
        let middle = median(of: &ratios)
        let relative = ratios.map { $0 / middle }
        let mean = relative.reduce(0, +) / Double(relative.count)
        let variance =
            relative.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(relative.count)
        return (middle, variance.squareRoot())
    }

    /// Means of pictures by scene, scenes in order of appearance.
    public var scenes: [(name: String, pictures: Int, metrics: [Metric: Double])] {
        var order: [String] = []
        var groups: [String: [Picture]] = [:]
        for picture in pictures {
            if groups[picture.scene] == nil { order.append(picture.scene) }
            groups[picture.scene, default: []].append(picture)
        }
        return order.map { name in
            let group = groups[name] ?? []
            return (name, group.count, Self.means(group.map(\.metrics)))
        }
    }

    /// The mean of each metric over those that have it.
    static func means(_ all: [[Metric: Double]]) -> [Metric: Double] {
        Metric.allCases.reduce(into: [:]) { result, metric in
            let values = all.compactMap { $0[metric] }
            if !values.isEmpty { result[metric] = values.reduce(0, +) / Double(values.count) }
        }
    }
}

extension EvaluationResult {
    /// The lines of a table for a person: what was judged, how, and the numbers.
    public var table: [String] {
        var head = "\(predictor.source)  \(predictor.name)"
        if let precision = predictor.precision { head += ", \(precision)" }
        var lines = [head, "data  \(dataset)"]
        lines.append("pictures  \(pictures.count), pixels \(pixels)")
        if !skipped.isEmpty {
            lines.append(
                "skipped  \(skipped.count), such as \(skipped[0].name): \(skipped[0].reason)")
        }
        let unusable = pictures.reduce(0) { $0 + $1.unusable }
        if unusable > 0 { lines.append("unusable  \(unusable) predicted values, taken as far") }
        let name = settings.protocolName.map { "protocol \($0.rawValue): " } ?? ""
        lines.append("alignment  \(name)\(alignment.words)")
        lines.append(
            "crop  \(settings.crop.rawValue), cap \(Self.short(settings.cap)) m, floor \(Self.short(settings.floor)) m"
        )
        if let scaling {
            lines.append(
                "scaling ratios  median \(Self.number(scaling.median)), deviation \(Self.number(scaling.deviation))"
            )
        }
        for metric in Metric.allCases {
            let value = metrics[metric].map(Self.number) ?? "-"
            let note = notes[metric].map { " (\($0))" } ?? ""
            lines.append("\(metric.rawValue)  \(value)  \(metric.words)\(note)")
        }
        return lines.map(Self.columns)
    }

    /// Name, value and words at fixed places.
    private static func columns(_ line: String) -> String {
        let parts = line.split(separator: "  ", omittingEmptySubsequences: false).map(String.init)
        func padded(_ text: String, _ width: Int) -> String {
            text + String(repeating: " ", count: max(width - text.count, 0))
        }
        guard parts.count > 2 else { return padded(parts[0], 16) + parts.dropFirst().joined() }
        return padded(parts[0], 16) + padded(parts[1], 11)
            + parts.dropFirst(2).joined(separator: " ")
    }

    /// Four digits behind the point, more where a number is small.
    static func number(_ value: Double) -> String {
        let digits = abs(value) < 0.01 && value != 0 ? 6 : 4
        return value.formatted(digits: digits)
    }

    private static func short(_ value: Double) -> String {
        value == value.rounded() ? "\(Int(value))" : "\(value)"
    }
}

extension Double {
    /// A fixed number of digits behind the point, whatever the locale.
    func formatted(digits: Int) -> String {
        let scale = (0..<digits).reduce(1.0) { result, _ in result * 10 }
        guard isFinite, abs(self) < 1e12 else { return "\(self)" }
        let whole = (abs(self) * scale).rounded()
        let (units, rest) = (Int(whole / scale), Int(whole.truncatingRemainder(dividingBy: scale)))
        let sign = self < 0 && whole > 0 ? "-" : ""
        guard digits > 0 else { return "\(sign)\(units)" }
        let tail = String(rest)
        return "\(sign)\(units)." + String(repeating: "0", count: digits - tail.count) + tail
    }
}
