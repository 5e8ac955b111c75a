import FathomDepth

/// A colour map as packed Y′CbCr codes of the output's bit depth, from far to near: what picture and legend
/// are both drawn from.
public struct ColorTable: Sendable {
    /// Y | Cb << 10 | Cr << 20, far first.
    public let codes: [UInt32]

    /// Fine enough that neighbours differ by less than a 10-bit code value almost everywhere.
    public static let entries = 2048

    /// The table of a map; `isInverted` swaps near and far.
    public init(_ map: ColorMap, isInverted: Bool, bitDepth: Int) {
        let colors = map.colors(count: Self.entries).map { color in
            let (y, cb, cr) = color.codes(bitDepth: bitDepth)
            return UInt32(y) | UInt32(cb) << 10 | UInt32(cr) << 20
        }
        codes = isInverted ? colors.reversed() : colors
    }

    /// How a depth becomes a place in the table: `(depth - origin) * scale`.
    static func placement(kind: DepthKind, range: DepthRange) -> (origin: Float, scale: Float) {
        let steps = Float(entries - 1) / range.width
        return kind.isLargeNear ? (range.minimum, steps) : (range.maximum, -steps)
    }
}
