/// How stored pixels must be turned to be upright: one of the eight ways to lay a rectangle on itself.
///
/// First the picture is transposed (rows become columns) if `isTransposed`, then mirrored.
public struct Orientation: Hashable, Sendable, Codable, CustomStringConvertible {
    /// Whether rows become columns.
    public var isTransposed: Bool
    /// Whether left and right are then exchanged.
    public var mirrorsHorizontally: Bool
    /// Whether top and bottom are then exchanged.
    public var mirrorsVertically: Bool

    /// Stored upright.
    public static let upright = Orientation(
        isTransposed: false, mirrorsHorizontally: false, mirrorsVertically: false)

    /// Makes an orientation from its three steps.
    public init(isTransposed: Bool, mirrorsHorizontally: Bool, mirrorsVertically: Bool) {
        self.isTransposed = isTransposed
        self.mirrorsHorizontally = mirrorsHorizontally
        self.mirrorsVertically = mirrorsVertically
    }

    /// The nearest orientation to a display matrix of nine 16.16 and 2.30 numbers (ISO/IEC 14496-12, 8.2.2).
    ///
    /// The matrix maps a stored point (x, y) to (a·x + c·y, b·x + d·y); translation is of no interest.
    init(displayMatrix matrix: UnsafePointer<Int32>) {
        let a = Int(matrix[0])
        let b = Int(matrix[1])
        let c = Int(matrix[3])
        let d = Int(matrix[4])
        if abs(a) + abs(d) >= abs(b) + abs(c) {
            self.init(isTransposed: false, mirrorsHorizontally: a < 0, mirrorsVertically: d < 0)
        } else {
            self.init(isTransposed: true, mirrorsHorizontally: c < 0, mirrorsVertically: b < 0)
        }
    }

    /// The orientation that EXIF's tag 0x0112 means by 1…8; nil for other numbers.
    init?(exif value: Int) {
        switch value {
        case 1: self = .upright
        case 2: self.init(isTransposed: false, mirrorsHorizontally: true, mirrorsVertically: false)
        case 3: self.init(isTransposed: false, mirrorsHorizontally: true, mirrorsVertically: true)
        case 4: self.init(isTransposed: false, mirrorsHorizontally: false, mirrorsVertically: true)
        case 5: self.init(isTransposed: true, mirrorsHorizontally: false, mirrorsVertically: false)
        case 6: self.init(isTransposed: true, mirrorsHorizontally: true, mirrorsVertically: false)
        case 7: self.init(isTransposed: true, mirrorsHorizontally: true, mirrorsVertically: true)
        case 8: self.init(isTransposed: true, mirrorsHorizontally: false, mirrorsVertically: true)
        default: return nil
        }
    }

    /// As a person says it.
    public var description: String {
        switch (isTransposed, mirrorsHorizontally, mirrorsVertically) {
        case (false, false, false): "upright"
        case (false, true, true): "turned by 180 degrees"
        case (true, true, false): "turned by 90 degrees clockwise"
        case (true, false, true): "turned by 90 degrees counterclockwise"
        case (false, true, false): "mirrored left to right"
        case (false, false, true): "mirrored top to bottom"
        case (true, false, false): "mirrored along the diagonal"
        case (true, true, true): "mirrored along the other diagonal"
        }
    }
}
