import Glibc

/// Weather, lamps and air of a stage.
struct StageLight {
    /// To the sun, and its light; zero where it doesn't shine.
    var toSun = Vector(0.3, 0.8, 0.2).normalized
    var sun = Vector.zero
    /// Light from above and from below.
    var skyLight = Vector(repeating: 0.5)
    var groundLight = Vector(repeating: 0.25)
    /// Lamps: where, and their light at a metre's distance.
    var lamps: [(place: Vector, light: Vector)] = []
    /// What the air adds, and the distance over which it takes 63 % of the contrast.
    var haze = Vector(0.66, 0.74, 0.82)
    var hazeDistance: Float = 400
    var zenith = Vector(0.16, 0.34, 0.68)
    /// How much of the sky is clouded: 0…1.
    var clouds: Float = 0.5
    /// Mean brightness of the picture in linear light, as a camera's automatic exposure aims at.
    var exposure: Float = 0.22
    var seed: UInt32 = 0
    /// Metres of the square within which the sun's shadows are worked out.
    var shadowReach: Float = 64
}

/// What lies in the light: a picture of the stage as the light sees it.
struct ShadowMap {
    private let buffer: VisibilityBuffer
    /// Metres that a sample of the map covers at a metre's distance.
    private let grain: Float

    /// Light from `place` towards `target`, over `focalShare` as a camera has it.
    init(_ surfaces: [Surface], from place: Vector, to target: Vector, focalShare: Float, side: Int)
    {
        let ahead = (target - place).normalized
        let camera = SceneCamera(
            position: place, yaw: atan2(ahead.x, ahead.z),
            pitch: asin(min(max(ahead.y, -1), 1)), focalShare: focalShare)
        buffer = VisibilityBuffer(surfaces, Projection(camera, width: side, height: side))
        grain = 1 / buffer.projection.focal
    }

    /// The share of the light that reaches a point: 0…1, softened over a sample's width.
    func light(_ point: Vector, _ normal: Vector) -> Float {
        let projection = buffer.projection
        let distance = (point - projection.position).dot(projection.ahead)
        guard distance > 0.05 else { return 1 }
        let texel = distance * grain
        let seen = projection.toCamera(point + normal * (1.6 * texel + 0.004))
        guard seen.z > 0.05 else { return 1 }
        let (x, y) = projection.project(seen)
        let inverse = 1 / (seen.z - 1.2 * texel - 0.004)
        var sum: Float = 0
        for (dx, dy) in [(-0.6, -0.25), (0.25, -0.6), (0.6, 0.25), (-0.25, 0.6)] as [(Float, Float)]
        {
            let (column, row) = (Int((x + dx).rounded(.down)), Int((y + dy).rounded(.down)))
            let isInside =
                column >= 0 && row >= 0 && column < projection.width && row < projection.height
            sum +=
                isInside && buffer.inverseDepth[row * projection.width + column] > inverse ? 0 : 1
        }
        return sum / 4
    }
}

/// Colours a stage's picture.
struct StagePainter {
    let surfaces: [Surface]
    let patterns: [Pattern]
    let light: StageLight
    let textures: SceneTextures
    private let sunShadow: ShadowMap?
    private let lampShadow: ShadowMap?

    init(
        surfaces: [Surface], patterns: [Pattern], light: StageLight, textures: SceneTextures,
        camera: SceneCamera
    ) {
        self.surfaces = surfaces
        self.patterns = patterns
        self.light = light
        self.textures = textures
        let hasSun = light.sun.sum() > 0
        // The sun stands far enough away for its rays to be parallel, near enough for single precision.
        let target = camera.position + camera.axes.ahead * Vector(1, 0, 1) * (light.shadowReach / 3)
        sunShadow =
            hasSun
            ? ShadowMap(
                surfaces, from: target + light.toSun * 500, to: target,
                focalShare: 500 / light.shadowReach,
                side: 640) : nil
        lampShadow = light.lamps.first.map {
            ShadowMap(
                surfaces, from: $0.place, to: $0.place - Vector(0.02, 1, 0.01), focalShare: 0.26,
                side: 320)
        }
    }

    /// sRGB bytes: each surface within a pixel is coloured once and weighed by the samples it covers.
    func picture(_ buffer: VisibilityBuffer, samples: Int) -> [UInt8] {
        let width = buffer.projection.width / samples
        let height = buffer.projection.height / samples
        var colors = [Vector](repeating: .zero, count: width * height)
        let share = 1 / Float(samples * samples)
        surfaces.withUnsafeBufferPointer { items in
            buffer.surface.withUnsafeBufferPointer { indices in
                for row in 0..<height {
                    for column in 0..<width {
                        var sum = Vector.zero
                        var done = 0
                        for first in 0..<samples * samples where done & 1 << first == 0 {
                            let index = indices[
                                Self.at(first, samples, row, column, buffer.projection.width)]
                            var count: Float = 0
                            var (x, y): (Float, Float) = (0, 0)
                            for other in first..<samples * samples {
                                let place = Self.at(
                                    other, samples, row, column, buffer.projection.width)
                                guard indices[place] == index else { continue }
                                done |= 1 << other
                                count += 1
                                x += Float(other % samples)
                                y += Float(other / samples)
                            }
                            let color = self.color(
                                buffer, items, index,
                                Float(column * samples) + x / count + 0.5,
                                Float(row * samples) + y / count + 0.5,
                                Self.at(first, samples, row, column, buffer.projection.width),
                                samples)
                            sum += color * (count * share)
                        }
                        colors[row * width + column] = sum
                    }
                }
            }
        }
        return exposed(colors)
    }

    @inline(__always)
    private static func at(_ sample: Int, _ samples: Int, _ row: Int, _ column: Int, _ stride: Int)
        -> Int
    {
        (row * samples + sample / samples) * stride + column * samples + sample % samples
    }

    /// Brightens or darkens as a camera does, then encodes.
    private func exposed(_ colors: [Vector]) -> [UInt8] {
        var sum: Float = 0
        for color in colors { sum += min(color.sum() / 3, 2) }
        let gain = light.exposure / max(sum / Float(colors.count), 0.01)
        var bytes = [UInt8](repeating: 0, count: 3 * colors.count)
        for (index, color) in colors.enumerated() {
            let bright = color * gain
            bytes[3 * index] = Lighting.encoded(bright.x)
            bytes[3 * index + 1] = Lighting.encoded(bright.y)
            bytes[3 * index + 2] = Lighting.encoded(bright.z)
        }
        return bytes
    }

    @inline(__always)
    private func color(
        _ buffer: VisibilityBuffer, _ items: UnsafeBufferPointer<Surface>, _ index: Int32,
        _ x: Float, _ y: Float, _ at: Int, _ samples: Int
    ) -> Vector {
        let projection = buffer.projection
        let ray = projection.ray(x, y)
        guard index >= 0 else { return sky(ray.normalized) }
        let item = items[Int(index)]
        let depth: Float
        var normal = item.normal
        var offset: Vector
        if case .ball(let radius) = item.shape {
            depth = 1 / buffer.inverseDepth[at]
            offset = projection.position + ray * depth - item.corners.0
            normal = offset / radius
        } else {
            // A plane's depth is exact at the middle of the samples, too.
            let towards = item.normal.dot(ray)
            let there = item.normal.dot(item.corners.0 - projection.position) / towards
            depth = there > 0.05 && there < 1e5 ? there : 1 / buffer.inverseDepth[at]
            offset = projection.position + ray * depth - item.corners.0
        }
        let point = projection.position + ray * depth
        let view = ray.normalized
        let facing = max(abs(normal.dot(view)), 0.08)
        let blur = depth * Float(samples) / projection.focal / facing
        let (u, v): (Float, Float)
        if case .ball = item.shape {
            (u, v) = (offset.x + 0.6 * offset.z, offset.y - 0.5 * offset.z)
        } else {
            (u, v) = (offset.dot(item.uAxis), offset.dot(item.vAxis))
        }
        let pattern = patterns[Int(item.pattern)]
        let base = pattern.reflectance(u, v, blur: blur, photographs: textures)
        var sum = mix(light.groundLight, light.skyLight, normal.y * 0.5 + 0.5)
        sum *= openness(buffer, at, point, normal, depth)
        let towardsSun = normal.dot(light.toSun)
        if let sunShadow, towardsSun > 0 || item.material == .foliage {
            let strength = item.material == .foliage ? 0.25 + 0.6 * max(towardsSun, 0) : towardsSun
            sum += light.sun * (strength * sunShadow.light(point, normal))
        }
        for (number, lamp) in light.lamps.enumerated() {
            let way = lamp.place - point
            let square = max(way.dot(way), 0.05)
            let strength = normal.dot(way) / square.squareRoot()
            guard strength > 0 else { continue }
            let reach = number == 0 ? lampShadow?.light(point, normal) ?? 1 : 1
            sum += lamp.light * (strength * reach / square)
        }
        var color = base * sum + pattern.first * pattern.glow
        if pattern.gloss > 0 {
            let mirror = view - normal * (2 * view.dot(normal))
            let grazing = 1 - facing
            let strength = pattern.gloss * (0.12 + 0.7 * grazing * grazing * grazing)
            let reflected = mix(light.groundLight, light.skyLight, mirror.y * 0.5 + 0.5)
            color += reflected * strength
            let glint = max(0, mirror.dot(light.toSun))
            color += light.sun * (pattern.gloss * powf(glint, 50))
        }
        return mix(light.haze, color, expf(-depth / light.hazeDistance))
    }

    /// How much of the surroundings' light reaches a point between the bodies near it (screen-space ambient
    /// occlusion after Mittring 2007).
    @inline(__always)
    private func openness(
        _ buffer: VisibilityBuffer, _ at: Int, _ point: Vector, _ normal: Vector, _ depth: Float
    ) -> Float {
        let projection = buffer.projection
        let (row, column) = (at / projection.width, at % projection.width)
        let reach = min(0.5, 0.12 * depth + 0.04)
        let pixels = min(max(projection.focal * reach * 0.6 / depth, 2), 40)
        var covered: Float = 0
        for (dx, dy) in [(1, 0.3), (0.3, -1), (-1, -0.3), (-0.3, 1), (0.5, 0.5), (-0.5, -0.4)]
            as [(Float, Float)]
        {
            let (x, y) = (column + Int(dx * pixels), row + Int(dy * pixels))
            guard x >= 0, y >= 0, x < projection.width, y < projection.height else { continue }
            let inverse = buffer.inverseDepth[y * projection.width + x]
            guard inverse > 0 else { continue }
            let there =
                projection.position + projection.ray(Float(x) + 0.5, Float(y) + 0.5) / inverse
            let way = there - point
            let height = way.dot(normal)
            let distance = way.length
            if height > 0.15 * distance, distance < 2 * reach {
                covered += (1 - distance / (2 * reach)) * height / max(distance, 1e-4)
            }
        }
        return 1 - min(0.75, covered * 0.34)
    }

    private func sky(_ direction: Vector) -> Vector {
        let height = max(direction.y, 0)
        var color = mix(light.haze, light.zenith, powf(min(height * 1.5, 1), 0.6))
        if light.clouds > 0, height > 0.005 {
            let spread = 1.4 / (height + 0.12)
            let (x, z) = (direction.x * spread, direction.z * spread)
            let shape =
                0.55 * Noise.smooth(x * 0.9, z * 1.6, light.seed)
                + 0.28 * Noise.smooth(x * 2.1, z * 3.3, light.seed &+ 1)
                + 0.17 * Noise.smooth(x * 4.7, z * 6.8, light.seed &+ 2)
            let edge = 0.85 - 0.6 * light.clouds
            let cloud = smoothStep(edge, edge + 0.25, shape) * smoothStep(0.005, 0.1, height)
            color = mix(color, light.skyLight * 1.5 + light.sun * 0.25, 0.85 * cloud)
        }
        let glow = max(0, direction.dot(light.toSun))
        return color + light.sun * (0.25 * powf(glow, 12))
    }
}
