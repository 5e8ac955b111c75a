/// An exact ratio of two whole numbers, as FFmpeg's `AVRational`.
public struct Rational: Hashable, Sendable, CustomStringConvertible {
    /// The numerator.
    public var numerator: Int
    /// The denominator; positive in every valid value.
    public var denominator: Int

    /// Makes a ratio as given, not reduced.
    public init(_ numerator: Int, _ denominator: Int) {
        self.numerator = numerator
        self.denominator = denominator
    }

    /// Whether both parts are positive and within 32 bits, as FFmpeg wants them.
    public var isPositive: Bool {
        numerator > 0 && denominator > 0 && numerator <= Int(Int32.max)
            && denominator <= Int(Int32.max)
    }

    /// The quotient, for display and statistics only: never for media time.
    public var value: Double { Double(numerator) / Double(denominator) }

    /// The ratio turned over.
    public var inverse: Rational { Rational(denominator, numerator) }

    /// As `24000/1001`.
    public var description: String { "\(numerator)/\(denominator)" }
}

/// A moment in a stream: a whole number of ticks of a time base. No seconds in floating point in between.
public struct Timestamp: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The number of ticks.
    public var value: Int64
    /// The length of a tick in seconds.
    public var timeBase: Rational

    /// Makes a moment of `value` ticks of `timeBase` seconds.
    public init(_ value: Int64, _ timeBase: Rational) {
        self.value = value
        self.timeBase = timeBase
    }

    /// Seconds, for display, statistics and comparison with what a person typed.
    public var seconds: Double {
        Double(value) * Double(timeBase.numerator) / Double(timeBase.denominator)
    }

    /// The same moment in ticks of another time base, to the nearest tick; a half goes away from zero.
    public func rescaled(to other: Rational) -> Timestamp {
        if other == timeBase { return self }
        let numerator = Int64(timeBase.numerator) * Int64(other.denominator)
        let denominator = Int64(timeBase.denominator) * Int64(other.numerator)
        let product = value.magnitude.multipliedFullWidth(by: numerator.magnitude)
        let half = denominator.magnitude / 2
        let (low, carry) = product.low.addingReportingOverflow(half)
        let high = product.high + (carry ? 1 : 0)
        guard high < denominator.magnitude else {
            return Timestamp(value < 0 ? .min + 1 : .max, other)
        }
        let quotient = denominator.magnitude.dividingFullWidth((high, low)).quotient
        let bounded = Int64(clamping: quotient)
        return Timestamp(value < 0 ? -bounded : bounded, other)
    }

    /// Whether two moments are the same, whatever their time bases.
    public static func == (left: Timestamp, right: Timestamp) -> Bool {
        !(left < right) && !(right < left)
    }

    /// Equal moments hash alike, whatever their time bases.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(seconds)
    }

    /// Exact order, also between time bases.
    public static func < (left: Timestamp, right: Timestamp) -> Bool {
        let leftScale = Int64(left.timeBase.numerator) * Int64(right.timeBase.denominator)
        let rightScale = Int64(right.timeBase.numerator) * Int64(left.timeBase.denominator)
        let a = left.value.multipliedFullWidth(by: leftScale)
        let b = right.value.multipliedFullWidth(by: rightScale)
        return a.high == b.high ? a.low < b.low : a.high < b.high
    }

    /// As `1001 × 1/30000`.
    public var description: String { "\(value) × \(timeBase)" }
}
