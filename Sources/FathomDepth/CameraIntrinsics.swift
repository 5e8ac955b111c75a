import FathomCore
import Foundation

/// A pinhole camera: focal lengths and principal point in pixels of a picture of a stated size.
///
/// They turn a depth along the optical axis into a point in space. They don't turn relative depth into metres:
/// metres come from a model of kind `metres` only, whose focal length they can correct.
public struct CameraIntrinsics: Hashable, Sendable {
    /// Width of the picture that the numbers belong to.
    public var width: Int
    /// Height of the picture that the numbers belong to.
    public var height: Int
    /// Focal length across, in pixels.
    public var fx: Double
    /// Focal length down, in pixels.
    public var fy: Double
    /// Principal point from the left edge, in pixels.
    public var cx: Double
    /// Principal point from the top edge, in pixels.
    public var cy: Double

    /// Makes intrinsics as given; focal lengths must be positive and finite.
    public init(
        width: Int, height: Int, fx: Double, fy: Double, cx: Double, cy: Double
    ) throws(FathomError) {
        let valid =
            width > 0 && height > 0 && fx > 0 && fy > 0
            && [fx, fy, cx, cy].allSatisfy(\.isFinite)
        guard valid else {
            throw FathomError(
                .usage, operation: "use", subject: "the camera",
                cause: "sizes and focal lengths must be positive",
                remedy: "Check width, height, fx, fy, cx and cy")
        }
        self.width = width
        self.height = height
        self.fx = fx
        self.fy = fy
        self.cx = cx
        self.cy = cy
    }

    /// A camera with square pixels and a centred axis from its horizontal field of view in degrees.
    public init(width: Int, height: Int, horizontalFieldOfView degrees: Double) throws(FathomError)
    {
        guard degrees > 1, degrees < 179 else {
            throw FathomError(
                .usage, operation: "use", subject: "--fov \(degrees)",
                cause: "a field of view is between 1 and 179 degrees",
                remedy: "Give the horizontal angle of the picture; a phone has about 65")
        }
        let focal = Double(width) / 2 / tan(degrees * .pi / 360)
        try self.init(
            width: width, height: height, fx: focal, fy: focal, cx: Double(width) / 2,
            cy: Double(height) / 2)
    }

    /// The same camera for a picture of another size.
    public func scaled(toWidth newWidth: Int, height newHeight: Int) throws(FathomError)
        -> CameraIntrinsics
    {
        let across = Double(newWidth) / Double(width)
        let down = Double(newHeight) / Double(height)
        return try CameraIntrinsics(
            width: newWidth, height: newHeight, fx: fx * across, fy: fy * down, cx: cx * across,
            cy: cy * down)
    }

    /// By what metres of a model trained for `modelFocal` (pixels at this picture's width) are multiplied.
    public func metresScale(forModelFocal modelFocal: Double) -> Double { fx / modelFocal }
}
