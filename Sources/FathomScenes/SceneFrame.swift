/// A rendered picture and what is known about it exactly.
public struct SceneFrame: Sendable {
    /// Pixels in a row.
    public let width: Int
    /// Rows.
    public let height: Int
    /// Seconds since the scene's beginning.
    public let time: Double
    /// The camera.
    public let camera: SceneCamera
    /// Red, green, blue of each pixel, sRGB, row by row from the top: `3 * width * height` bytes.
    public let rgb: [UInt8]
    /// Metres along the optical axis at each pixel's centre; infinite in the sky.
    public let depth: [Float]
    /// How far each pixel's centre moves to the next frame, in pixels: right and down alternating,
    /// `2 * width * height` numbers. A point that will be behind the camera has NaN.
    public let flow: [Float]
    /// Focal length in pixels; pixels are square, and the principal point is the picture's centre.
    public let focalLength: Float
}

/// What is rendered of a frame.
public struct RenderOptions: Hashable, Sendable {
    /// Pixels in a row.
    public var width: Int
    /// Rows.
    public var height: Int
    /// Samples of colour in each direction of a pixel: 1 is fast, 2 has smooth edges.
    public var samples: Int
    /// Seconds to the next frame, for the flow.
    public var frameInterval: Double
    /// Whether motion is worked out; without it a frame's `flow` is empty.
    public var withFlow: Bool
    /// Metres to the right of the camera's own place, for the other eye's picture.
    public var eyeOffset: Float = 0

    /// Makes options; sides within 1…8192, samples within 1…4.
    public init(
        width: Int, height: Int, samples: Int = 2, frameInterval: Double = 1.0 / 30,
        withFlow: Bool = true
    ) {
        precondition((1...8192).contains(width) && (1...8192).contains(height), "sides of a frame")
        precondition((1...4).contains(samples), "samples of a pixel")
        self.width = width
        self.height = height
        self.samples = samples
        self.frameInterval = frameInterval
        self.withFlow = withFlow
    }
}
