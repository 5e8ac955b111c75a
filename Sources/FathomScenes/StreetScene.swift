import FathomCore
import Glibc

/// A camera that drives along a street: the same seed and time give the same picture on every machine.
///
/// Everything about a frame is known exactly: depth, pose and motion of each pixel.
public struct StreetScene: Sendable {
    /// Picks the street.
    public let seed: UInt32

    private let layout: StreetLayout
    private let traffic: Traffic

    /// How far is drawn, in metres; haze hides the end.
    static let sight: Float = 260

    /// The street of a seed.
    public init(seed: UInt32) {
        self.seed = seed
        layout = StreetLayout(seed: seed)
        traffic = Traffic(seed: seed)
    }

    /// The camera at a moment: 1.35 m above the right lane, swaying as a car does.
    public func camera(at time: Double) -> SceneCamera {
        let drift = 0.22 * sin(0.55 * time) + 0.05 * sin(2.3 * time)
        let bounce = 0.012 * sin(9.1 * time) + 0.008 * sin(14.3 * time)
        return SceneCamera(
            position: Vector(
                StreetMeasures.laneWidth / 2 + Float(drift), 1.35 + Float(bounce),
                Float(traffic.cameraTravel(at: time))),
            yaw: Float(0.022 * sin(0.5 * time + 1)),
            pitch: Float(0.004 * sin(8.7 * time) - 0.012), roll: Float(0.006 * sin(1.9 * time)),
            focalShare: 0.78)
    }

    /// Renders the frame at a moment from the scene's own camera.
    public func frame(at time: Double, _ options: RenderOptions) -> SceneFrame {
        let next = time + options.frameInterval
        let camera = self.camera(at: time).moved(right: options.eyeOffset)
        var list = SurfaceList()
        let (start, end) = (camera.position.z - 12, camera.position.z + Self.sight)
        layout.add(from: start, to: end, into: &list)
        traffic.add(at: time, until: next, into: &list)

        let lighting = Lighting(casters: list.casters, from: start, to: end)
        let exact = VisibilityBuffer(
            list.surfaces,
            Projection(camera, width: options.width, height: options.height))
        let fine =
            options.samples == 1
            ? exact
            : VisibilityBuffer(
                list.surfaces,
                Projection(
                    camera, width: options.width * options.samples,
                    height: options.height * options.samples))
        let ahead = Projection(
            self.camera(at: next).moved(right: options.eyeOffset), width: options.width,
            height: options.height)
        return SceneFrame(
            width: options.width, height: options.height, time: time, camera: camera,
            rgb: lighting.picture(fine, list.surfaces, samples: options.samples),
            depth: exact.inverseDepth.map { $0 > 0 ? 1 / $0 : .infinity },
            flow: options.withFlow ? Flow.field(exact, list.surfaces, to: ahead) : [],
            focalLength: exact.projection.focal)
    }
}

/// Motion of pixels from one frame to the next.
enum Flow {
    /// Right and down of each pixel's centre; the sky turns with the camera.
    static func field(
        _ buffer: VisibilityBuffer, _ surfaces: [Surface], to next: Projection
    ) -> [Float] {
        let now = buffer.projection
        var field = [Float](repeating: .nan, count: 2 * now.width * now.height)
        for row in 0..<now.height {
            for column in 0..<now.width {
                let at = row * now.width + column
                let (x, y) = (Float(column) + 0.5, Float(row) + 0.5)
                let ray = now.ray(x, y)
                let index = Int(buffer.surface[at])
                var point = ray
                if index >= 0 {
                    // Both cameras' difference first: far along the street whole positions lose digits.
                    point = ray / buffer.inverseDepth[at] + (now.position - next.position)
                    point += surfaces[index].motion
                }
                let seen = Vector(
                    point.dot(next.right), point.dot(next.up), point.dot(next.ahead))
                guard seen.z > 0 else { continue }
                let place = next.project(seen)
                field[2 * at] = place.x - x
                field[2 * at + 1] = place.y - y
            }
        }
        return field
    }
}
