import Glibc

/// What a stage is besides its surfaces.
struct StagePlan {
    var light: StageLight
    var path: CameraPath
}

/// Where the camera is at a moment: a straight way with the sway of a hand or a car.
struct CameraPath: Sendable {
    var start: SceneCamera
    /// Metres a second.
    var velocity = Vector.zero
    /// How far it sways, and how fast in radians a second.
    var sway = Vector.zero
    var rate: Float = 1
    /// Radians by which it looks about.
    var turn: Float = 0
    var phase: Float = 0

    /// The camera at a moment.
    func camera(at time: Double) -> SceneCamera {
        let t = Float(time)
        var camera = start
        let swing = Vector(
            sinf(rate * t + phase) - sinf(phase), sinf(1.7 * rate * t + phase) - sinf(phase),
            sinf(0.8 * rate * t + 2 * phase) - sinf(2 * phase))
        camera.position += velocity * t + sway * swing
        camera.yaw += turn * (sinf(0.7 * rate * t + phase) - sinf(phase))
        camera.pitch += 0.3 * turn * (sinf(1.3 * rate * t) + 0.2 * sinf(5 * rate * t))
        camera.roll += 0.15 * turn * sinf(rate * t)
        return camera
    }

    /// A camera in a hand that stays about where it is.
    static func wandering(
        _ builder: inout StageBuilder, from eye: Vector, yaw: Float, pitch: Float, reach: Float
    ) -> CameraPath {
        CameraPath(
            start: lens(&builder, eye, yaw: yaw, pitch: pitch, roll: 0.12),
            sway: Vector(builder.number(0, reach), 0.3 * reach, builder.number(0, reach)),
            rate: builder.number(0.5, 1.8), turn: builder.number(0, 0.2),
            phase: builder.number(0, 6))
    }

    /// A camera that goes straight ahead.
    static func ahead(
        _ builder: inout StageBuilder, from eye: Vector, speed: Float, yaw: Float, pitch: Float
    ) -> CameraPath {
        CameraPath(
            start: lens(&builder, eye, yaw: yaw, pitch: pitch, roll: 0.05),
            velocity: Vector(0, 0, speed),
            sway: Vector(0.04, 0.015, 0.02), rate: builder.number(1, 4),
            turn: builder.number(0, 0.06), phase: builder.number(0, 6))
    }

    /// Fields of view from 40° to 100°.
    private static func lens(
        _ builder: inout StageBuilder, _ eye: Vector, yaw: Float, pitch: Float, roll: Float
    ) -> SceneCamera {
        let view = builder.chance(0.7) ? builder.number(50, 80) : builder.number(40, 100)
        return SceneCamera(
            position: eye, yaw: yaw, pitch: pitch, roll: builder.number(-roll, roll),
            focalShare: 0.5 / tanf(view * .pi / 360))
    }
}

extension Float {
    static func sine(_ angle: Float) -> Float { sinf(angle) }
    static func cosine(_ angle: Float) -> Float { cosf(angle) }
}
