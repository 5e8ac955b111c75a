import FathomDepth

/// Synthetic maps and pictures for the tests of this room.
enum Scenes {
    /// A repeatable random number in 0…1 for a whole number.
    static func noise(_ seed: Int) -> Float {
        var state = UInt64(bitPattern: Int64(seed)) &* 0x9E37_79B9_7F4A_7C15
        state ^= state >> 31
        state = state &* 0xBF58_476D_1CE4_E5B9
        state ^= state >> 27
        return Float(state >> 40) / Float(1 << 24)
    }

    /// Smooth texture of a scene, at a place shifted by (`x`, `y`): lattice noise over 12-pixel cells.
    static func texture(_ scene: Int, _ x: Float, _ y: Float) -> Float {
        let (u, v) = (x / 12 + 1000, y / 12 + 1000)
        let (i, j) = (Int(u), Int(v))
        let (a, b) = (u - Float(i), v - Float(j))
        func corner(_ di: Int, _ dj: Int) -> Float {
            noise((scene * 1_000_003 + (i + di)) * 10_007 + j + dj)
        }
        let top = corner(0, 0) + (corner(1, 0) - corner(0, 0)) * a
        let bottom = corner(0, 1) + (corner(1, 1) - corner(0, 1)) * a
        return top + (bottom - top) * b
    }

    /// A map whose brightness is the scene's texture and whose depth is given per pixel.
    static func map(
        _ scene: Int, width: Int = 96, height: Int = 64, shift: (Float, Float) = (0, 0),
        gain: Float = 0.8, lift: Float = 0.1, kind: DepthKind = .inverseDepth,
        depth: (Int, Int) -> Float = { x, y in 1 + Float(y) / 32 }
    ) -> DepthMap {
        var light: [Float] = []
        var values: [Float] = []
        for y in 0..<height {
            for x in 0..<width {
                let value = texture(scene, Float(x) + shift.0, Float(y) + shift.1)
                light.append(min(max(value * gain + lift, 0), 1))
                values.append(depth(x, y))
            }
        }
        return DepthMap(width: width, height: height, kind: kind, values: values, brightness: light)
    }
}

extension UnsafeMutableBufferPointer {
    /// The first element's address; the buffers of these tests are never empty.
    var start: UnsafeMutablePointer<Element> {
        guard let baseAddress else { preconditionFailure("the buffer is empty") }
        return baseAddress
    }
}

extension UnsafeBufferPointer {
    /// The first element's address; the buffers of these tests are never empty.
    var start: UnsafePointer<Element> {
        guard let baseAddress else { preconditionFailure("the buffer is empty") }
        return baseAddress
    }
}
