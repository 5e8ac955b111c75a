import FathomCore
import FathomDepth

/// How a dump carries a sample: both take 16 bits.
public enum FrameDumpDepth: String, Hashable, Sendable, CaseIterable {
    /// Unsigned: 0…65535 stand for the ends of the declared range. `--dump-as 16`.
    case unsigned16 = "16"
    /// IEEE 754 half float of the value itself. `--dump-as 16f`.
    case half = "16f"
}

/// The unit of depth values.
public enum DepthUnit: String, Hashable, Sendable, CaseIterable, Codable {
    /// None: scale and shift are unknown.
    case relative
    /// One over metres.
    case inverseMetres = "1/m"
    /// Metres.
    case metres = "m"
}

/// What the head of a frame dump says about what follows.
public struct FrameDumpDescription: Hashable, Sendable {
    /// The longest side: RFC 4175 has 15 bits for a line and for an offset.
    public static let longestSide = 32767
    /// The most samples a frame may have: keeps a hostile head from claiming gigabytes.
    public static let mostSamples = 1 << 26
    /// The longest side of RTP JPEG: RFC 2435 has a byte for each side in units of 8.
    public static let longestColorSide = 2040

    /// What the dump is of: the session's name.
    public var title: String
    /// Samples in a line.
    public var width: Int
    /// Lines.
    public var height: Int
    /// How samples are carried.
    public var encoding: FrameDumpDepth
    /// What the values are.
    public var kind: DepthKind
    /// Their unit.
    public var unit: DepthUnit
    /// The values that 0 and 65535 stand for; it holds for the whole dump. With `half` it only informs.
    public var range: ClosedRange<Float>
    /// The source's nominal frame rate; the packets' times are what counts.
    public var frameRate: Rational
    /// Sides of the source picture on channel 2; nil without `--dump-color`.
    public var colorSize: (width: Int, height: Int)? {
        get { colorWidth > 0 ? (colorWidth, colorHeight) : nil }
        set { (colorWidth, colorHeight) = newValue ?? (0, 0) }
    }
    private var colorWidth = 0
    private var colorHeight = 0

    /// Describes a dump; the writer and the reader check it with `validate`.
    public init(
        title: String, width: Int, height: Int, encoding: FrameDumpDepth = .unsigned16,
        kind: DepthKind = .inverseDepth, unit: DepthUnit = .relative, range: ClosedRange<Float>,
        frameRate: Rational = Rational(30, 1), colorSize: (width: Int, height: Int)? = nil
    ) {
        self.title = title
        self.width = width
        self.height = height
        self.encoding = encoding
        self.kind = kind
        self.unit = unit
        self.range = range
        self.frameRate = frameRate
        self.colorSize = colorSize
    }

    /// The distance between two neighbouring 16-bit values.
    public var step: Double {
        (Double(range.upperBound) - Double(range.lowerBound)) / 65535
    }

    /// Bytes of samples in a frame.
    var bytesPerFrame: Int { width * height * 2 }

    /// What stops such a dump, or nil.
    var problem: String? {
        let sides = 1...Self.longestSide
        guard sides.contains(width), sides.contains(height), width * height <= Self.mostSamples
        else { return "frames of \(width)x\(height) are outside what a dump can carry" }
        guard range.lowerBound.isFinite, range.upperBound.isFinite,
            range.lowerBound < range.upperBound
        else {
            return "the range \(range.lowerBound) to \(range.upperBound) is empty or not finite"
        }
        guard frameRate.isPositive else { return "the frame rate \(frameRate) is not positive" }
        if let colorSize {
            let sides = 1...Self.longestColorSide
            guard sides.contains(colorSize.width), sides.contains(colorSize.height) else {
                return "RTP JPEG carries at most 2040 pixels a side,"
                    + " not \(colorSize.width)x\(colorSize.height)"
            }
        }
        return nil
    }
}

/// The range over which values are stored in 16 bits.
public enum StorageRange {
    /// Where the range of metric inverse depth ends: half a metre.
    public static let nearestInverseMetres: Float = 2

    /// A range for a whole clip from its first frame, wide enough that later frames seldom leave it.
    ///
    /// Metric inverse depth: 0…2 (half a metre and beyond). Else from the smaller of 0 and the least finite
    /// value, as high as four times the first frame's span: relative networks have no bound, their maximum
    /// doubles when something comes near, and a quarter of 65,536 steps is still 14 bits for the first frame.
    public static func covering(
        _ values: UnsafeBufferPointer<Float>, unit: DepthUnit
    ) -> ClosedRange<Float> {
        if unit == .inverseMetres { return 0...nearestInverseMetres }
        var least = Float.infinity
        var greatest = -Float.infinity
        for value in values where value.isFinite {
            least = min(least, value)
            greatest = max(greatest, value)
        }
        let low = min(0, least)
        let high = low + 4 * (greatest - low)
        return low.isFinite && high.isFinite && high > low ? low...high : 0...1
    }
}
