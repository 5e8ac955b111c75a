import FathomCore

/// A made-up place: streets, rooms, corridors, table tops and open country of random geometry, textures, light,
/// weather and lens. The same seed gives the same place on every machine; everything about a frame is known exactly.
public struct SyntheticScene: Sendable {
    /// What kind of place it is.
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        /// A street or country road with houses, trees and traffic.
        case street
        /// A furnished room.
        case room
        /// A corridor with doors.
        case corridor
        /// Things on a table, from near.
        case table
        /// Fields, trees and hills.
        case country
    }

    /// What kind it is.
    public let kind: Kind
    /// Its seed.
    public let seed: UInt64

    private let surfaces: [Surface]
    private let patterns: [Pattern]
    private let plan: StagePlan
    private let textures: SceneTextures

    /// The place of a seed; without a kind the seed picks one. Surfaces may wear the photographs.
    public init(seed: UInt64, kind: Kind? = nil, textures: SceneTextures = SceneTextures()) {
        var random = SeededRandom(seed)
        let chosen = kind ?? Self.mixture[Int(random.next() % UInt64(Self.mixture.count))]
        var attempt = Self.build(random.next(), chosen, textures)
        // A lens against a wall shows nothing to learn from: another try.
        for _ in 0..<8 where !Self.isClear(attempt.0.surfaces, attempt.1.path) {
            attempt = Self.build(random.next(), chosen, textures)
        }
        self.seed = seed
        self.kind = chosen
        surfaces = attempt.0.surfaces
        patterns = attempt.0.patterns
        plan = attempt.1
        self.textures = textures
    }

    /// Streets and rooms, where cameras are, more often than the rest.
    private static let mixture: [Kind] = [
        .street, .street, .street, .street, .room, .room, .room, .room, .corridor, .table, .table,
        .country, .country,
    ]

    private static func build(
        _ seed: UInt64, _ kind: Kind, _ textures: SceneTextures
    ) -> (StageBuilder, StagePlan) {
        var builder = StageBuilder(seed: seed, textures: textures.count)
        let plan =
            switch kind {
            case .street: builder.street()
            case .room: builder.room()
            case .corridor: builder.corridor()
            case .table: builder.tabletop()
            case .country: builder.country()
            }
        return (builder, plan)
    }

    /// Whether the camera sees something at a distance, and isn't within a body.
    private static func isClear(_ surfaces: [Surface], _ path: CameraPath) -> Bool {
        let buffer = VisibilityBuffer(
            surfaces, Projection(path.camera(at: 0), width: 32, height: 20))
        let near = buffer.inverseDepth.count { $0 > 1 / 0.45 }
        return near < buffer.inverseDepth.count / 3
    }

    /// The camera at a moment.
    public func camera(at time: Double) -> SceneCamera { plan.path.camera(at: time) }

    /// Everything where it is at a moment; `motion` is that until `interval` seconds later.
    private func surfaces(at time: Double, interval: Double) -> [Surface] {
        surfaces.map { item in
            guard item.motion != .zero else { return item }
            var moved = item
            let way = item.motion * Float(time)
            moved.corners = (
                item.corners.0 + way, item.corners.1 + way, item.corners.2 + way,
                item.corners.3 + way
            )
            moved.motion = item.motion * Float(interval)
            return moved
        }
    }

    /// Renders the frame at a moment from the place's own camera.
    public func frame(at time: Double, _ options: RenderOptions) -> SceneFrame {
        let camera = self.camera(at: time).moved(right: options.eyeOffset)
        let now = surfaces(at: time, interval: options.frameInterval)
        let exact = VisibilityBuffer(
            now, Projection(camera, width: options.width, height: options.height))
        let fine =
            options.samples == 1
            ? exact
            : VisibilityBuffer(
                now,
                Projection(
                    camera, width: options.width * options.samples,
                    height: options.height * options.samples))
        let painter = StagePainter(
            surfaces: now, patterns: patterns, light: plan.light, textures: textures,
            camera: camera)
        let ahead = Projection(
            self.camera(at: time + options.frameInterval).moved(right: options.eyeOffset),
            width: options.width, height: options.height)
        return SceneFrame(
            width: options.width, height: options.height, time: time, camera: camera,
            rgb: painter.picture(fine, samples: options.samples),
            depth: exact.inverseDepth.map { $0 > 0 ? 1 / $0 : .infinity },
            flow: options.withFlow ? Flow.field(exact, now, to: ahead) : [],
            focalLength: exact.projection.focal)
    }
}
