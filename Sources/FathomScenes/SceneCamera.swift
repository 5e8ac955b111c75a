import Glibc

/// A pinhole camera at a place, looking somewhere.
public struct SceneCamera: Hashable, Sendable {
    /// Where it is, in metres.
    public var position: Vector
    /// Angle to the right about the vertical, in radians.
    public var yaw: Float
    /// Angle upwards, in radians.
    public var pitch: Float
    /// Angle clockwise about the optical axis, in radians.
    public var roll: Float
    /// Focal length as a share of the picture's width: 0.5 is 90°, 0.8 is 64°.
    public var focalShare: Float

    /// Makes a camera.
    public init(
        position: Vector, yaw: Float = 0, pitch: Float = 0, roll: Float = 0,
        focalShare: Float = 0.8
    ) {
        self.position = position
        self.yaw = yaw
        self.pitch = pitch
        self.roll = roll
        self.focalShare = focalShare
    }

    /// The camera's right, up and ahead as directions of the world: an orthonormal basis.
    public var axes: (right: Vector, up: Vector, ahead: Vector) {
        let ahead = Vector(sin(yaw) * cos(pitch), sin(pitch), cos(yaw) * cos(pitch))
        let level = Vector(cos(yaw), 0, -sin(yaw))
        let upright = ahead.cross(level)
        let right = level * cos(roll) - upright * sin(roll)
        return (right, upright * cos(roll) + level * sin(roll), ahead)
    }

    /// The same camera some metres to its right.
    func moved(right distance: Float) -> SceneCamera {
        guard distance != 0 else { return self }
        var other = self
        other.position += axes.right * distance
        return other
    }

    /// Pose as 12 numbers, row by row: the 3×4 matrix from camera (x right, y down, z ahead) to world, as
    /// the KITTI odometry benchmark writes it, with the world's y pointing down likewise.
    public var pose: [Float] {
        let (right, up, ahead) = axes
        return [
            right.x, -up.x, ahead.x, position.x, -right.y, up.y, -ahead.y, -position.y, right.z,
            -up.z, ahead.z, position.z,
        ]
    }
}

/// A camera's rays through a grid of pixels, the centre of the top left one at (0.5, 0.5).
struct Projection {
    let width: Int
    let height: Int
    let focal: Float
    let centerX: Float
    let centerY: Float
    let position: Vector
    let right: Vector
    let up: Vector
    let ahead: Vector

    init(_ camera: SceneCamera, width: Int, height: Int) {
        self.width = width
        self.height = height
        focal = camera.focalShare * Float(width)
        centerX = Float(width) / 2
        centerY = Float(height) / 2
        position = camera.position
        (right, up, ahead) = camera.axes
    }

    /// The ray through a place of the picture; one metre long along the optical axis.
    @inline(__always)
    func ray(_ x: Float, _ y: Float) -> Vector {
        ahead + right * ((x - centerX) / focal) + up * ((centerY - y) / focal)
    }

    /// A point of the world in the camera's right, up, ahead.
    @inline(__always)
    func toCamera(_ point: Vector) -> Vector {
        let offset = point - position
        return Vector(offset.dot(right), offset.dot(up), offset.dot(ahead))
    }

    /// Where a point of the camera's space appears; its z must be positive.
    @inline(__always)
    func project(_ point: Vector) -> (x: Float, y: Float) {
        (centerX + focal * point.x / point.z, centerY - focal * point.y / point.z)
    }
}
