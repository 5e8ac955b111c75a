/// A point or direction: x to the right, y up, z ahead, in metres; or a colour: linear red, green, blue.
public typealias Vector = SIMD3<Float>

extension SIMD3<Float> {
    @inline(__always)
    func dot(_ other: Vector) -> Float { (self * other).sum() }

    @inline(__always)
    func cross(_ other: Vector) -> Vector {
        Vector(
            y * other.z - z * other.y, z * other.x - x * other.z, x * other.y - y * other.x)
    }

    @inline(__always)
    var length: Float { dot(self).squareRoot() }

    @inline(__always)
    var normalized: Vector { self / length }
}

/// Between `from` (at 0) and `to` (at 1).
@inline(__always)
func mix(_ from: Vector, _ to: Vector, _ share: Float) -> Vector { from + (to - from) * share }

/// 0 below `low`, 1 above `high`, smooth in between.
@inline(__always)
func smoothStep(_ low: Float, _ high: Float, _ value: Float) -> Float {
    let share = min(max((value - low) / (high - low), 0), 1)
    return share * share * (3 - 2 * share)
}

/// How much of a sample of width `blur` around `value` lies within `low...high`: a line without jagged edges.
@inline(__always)
func coverage(_ value: Float, _ low: Float, _ high: Float, blur: Float) -> Float {
    let begin = max(low, value - blur / 2)
    let end = min(high, value + blur / 2)
    return min(max((end - begin) / blur, 0), 1)
}

/// `value` within 0..<period.
@inline(__always)
func wrapped(_ value: Float, _ period: Float) -> Float {
    value - period * (value / period).rounded(.down)
}

/// Numbers that look random and depend on their place only.
enum Noise {
    /// A well-mixed number for a lattice point (after Bob Jenkins' and Thomas Wang's integer hashes).
    @inline(__always)
    static func hash(_ x: Int32, _ y: Int32, _ seed: UInt32 = 0) -> UInt32 {
        var bits = UInt32(bitPattern: x) &* 0x9e37_79b1
        bits ^= UInt32(bitPattern: y) &* 0x85eb_ca77
        bits ^= seed &* 0xc2b2_ae3d
        bits = (bits ^ (bits >> 15)) &* 0x2c1b_3c6d
        bits = (bits ^ (bits >> 12)) &* 0x297a_2d39
        return bits ^ (bits >> 15)
    }

    /// The same as a number in 0..<1.
    @inline(__always)
    static func unit(_ x: Int32, _ y: Int32, _ seed: UInt32 = 0) -> Float {
        Float(hash(x, y, seed) >> 8) * 0x1p-24
    }

    /// Smooth noise in 0..<1 with features of size 1.
    @inline(__always)
    static func smooth(_ x: Float, _ y: Float, _ seed: UInt32 = 0) -> Float {
        let column = x.rounded(.down)
        let row = y.rounded(.down)
        let (i, j) = (Int32(column), Int32(row))
        var (s, t) = (x - column, y - row)
        s = s * s * (3 - 2 * s)
        t = t * t * (3 - 2 * t)
        let above = unit(i, j, seed) * (1 - s) + unit(i &+ 1, j, seed) * s
        let below = unit(i, j &+ 1, seed) * (1 - s) + unit(i &+ 1, j &+ 1, seed) * s
        return above * (1 - t) + below * t
    }
}
