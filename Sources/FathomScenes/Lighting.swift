import Glibc

/// Sun, sky, haze, and the picture that they make.
struct Lighting {
    private static let toSun = Vector(-0.60, 0.66, -0.42).normalized
    private static let sun = Vector(1.55, 1.42, 1.20)
    private static let skyLight = Vector(0.46, 0.54, 0.66)
    private static let groundLight = Vector(0.26, 0.24, 0.21)
    private static let haze = Vector(0.66, 0.74, 0.82)
    private static let zenith = Vector(0.16, 0.34, 0.68)
    /// Distance in metres over which haze takes 63 % of the contrast.
    private static let hazeDistance: Float = 210

    private let shadows: Shadows
    private let materials = Materials()

    init(casters: [ShadowCaster], from start: Float, to end: Float) {
        shadows = Shadows(casters, toSun: Self.toSun, from: start, to: end)
    }

    /// Colours every sample, averages those of a pixel and gives sRGB bytes.
    func picture(_ buffer: VisibilityBuffer, _ surfaces: [Surface], samples: Int) -> [UInt8] {
        let width = buffer.projection.width / samples
        let height = buffer.projection.height / samples
        var bytes = [UInt8](repeating: 0, count: 3 * width * height)
        let share = 1 / Float(samples * samples)
        for row in 0..<height {
            for column in 0..<width {
                var sum = Vector.zero
                for y in row * samples..<(row + 1) * samples {
                    for x in column * samples..<(column + 1) * samples {
                        sum += color(buffer, surfaces, x, y)
                    }
                }
                let at = 3 * (row * width + column)
                let average = sum * share
                bytes[at] = Self.encoded(average.x)
                bytes[at + 1] = Self.encoded(average.y)
                bytes[at + 2] = Self.encoded(average.z)
            }
        }
        return bytes
    }

    @inline(__always)
    private func color(
        _ buffer: VisibilityBuffer, _ surfaces: [Surface], _ x: Int, _ y: Int
    ) -> Vector {
        let projection = buffer.projection
        let at = y * projection.width + x
        let ray = projection.ray(Float(x) + 0.5, Float(y) + 0.5)
        let index = Int(buffer.surface[at])
        guard index >= 0 else { return sky(ray.normalized) }
        return surfaces.withUnsafeBufferPointer { items in
            lit(items[index], ray, 1 / buffer.inverseDepth[at], projection)
        }
    }

    @inline(__always)
    private func lit(
        _ item: Surface, _ ray: Vector, _ depth: Float, _ projection: Projection
    ) -> Vector {
        let point = projection.position + ray * depth
        let view = ray.normalized
        var normal = item.normal
        if case .ball(let radius) = item.shape { normal = (point - item.corners.0) / radius }
        let facing = max(abs(normal.dot(view)), 0.08)
        let blur = depth / projection.focal / facing
        let base = materials.reflectance(item, point, blur: blur)

        var sunlight = max(0, normal.dot(Self.toSun))
        if item.material == .foliage { sunlight = 0.25 + 0.6 * sunlight }
        let isGround = normal.y > 0.99 && point.y < 0.2
        if isGround, shadows.covers(point) { sunlight = 0 }
        let upwards = normal.y * 0.5 + 0.5
        var light = mix(Self.groundLight, Self.skyLight, upwards) + Self.sun * sunlight
        if item.material == .tailLight || item.material == .headLight {
            light += Vector(repeating: 0.5)
        }
        var color = base * light
        if item.material == .paint || item.material == .glass {
            // A mirror image of the sky, stronger at a grazing angle (Schlick 1994).
            let mirror = view - normal * (2 * view.dot(normal))
            let grazing = 1 - facing
            let strength = 0.06 + 0.7 * grazing * grazing * grazing * grazing
            let reflected =
                mirror.y > 0
                ? mix(Self.haze, Self.zenith, min(mirror.y * 1.4, 1)) : Vector(repeating: 0.16)
            color += reflected * strength
            let glint = max(0, mirror.dot(Self.toSun))
            color += Self.sun * (0.9 * powf(glint, 60))
        }
        let clearness = expf(-depth / Self.hazeDistance)
        return mix(Self.haze, color, clearness)
    }

    /// The sky in a direction: deeper blue higher up, thin clouds, a glow about the sun.
    private func sky(_ direction: Vector) -> Vector {
        let height = max(direction.y, 0)
        var color = mix(Self.haze, Self.zenith, powf(min(height * 1.6, 1), 0.6))
        if height > 0.01 {
            let spread = 1.4 / (height + 0.12)
            let (x, z) = (direction.x * spread, direction.z * spread)
            let shape =
                0.55 * Noise.smooth(x * 0.9, z * 1.6, 5) + 0.28 * Noise.smooth(x * 2.1, z * 3.3, 6)
                + 0.17 * Noise.smooth(x * 4.7, z * 6.8, 7)
            let cloud = smoothStep(0.50, 0.78, shape) * smoothStep(0.01, 0.12, height)
            color = mix(color, Vector(0.93, 0.93, 0.94), 0.85 * cloud)
        }
        let glow = max(0, direction.dot(Self.toSun))
        return color + Self.sun * (0.25 * powf(glow, 12))
    }

    /// Light as an sRGB byte (IEC 61966-2-1), with highlights rolled off softly.
    static func encoded(_ light: Float) -> UInt8 {
        let exposed = light < 0.7 ? light : 0.7 + 0.3 * (1 - expf(-(light - 0.7) / 0.3))
        let index = min(max(exposed, 0), 1) * Float(gamma.count - 1)
        return gamma[Int(index + 0.5)]
    }

    private static let gamma: [UInt8] = (0..<4096).map { step in
        let light = Float(step) / 4095
        let value = light <= 0.0031308 ? 12.92 * light : 1.055 * powf(light, 1 / 2.4) - 0.055
        return UInt8(value * 255 + 0.5)
    }
}
