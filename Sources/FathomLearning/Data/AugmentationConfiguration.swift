import FathomCore

/// How training pictures are varied: the `augmentation:` mapping of a training configuration. All off by default.
public struct AugmentationConfiguration: Hashable, Sendable {
    /// What a zoom changes besides the picture.
    public enum Zoom: String, Hashable, Sendable, CaseIterable {
        /// The focal length: depth stays as it is, and the intrinsics say so. What a pinhole camera does.
        case focal
        /// Depth is divided by the zoom and the camera stays the same, as sparse-to-dense and FastDepth do (Ma and
        /// Karaman 2018): for networks that must learn metres of one camera.
        case depth
    }

    /// Share of pictures that are mirrored.
    public var flip = 0.0
    /// Degrees by which a picture is turned at most, either way.
    public var rotate = 0.0
    /// Smallest and largest share of the sides that is cut out and brought to the full size.
    public var crop: ClosedRange<Double> = 1...1
    /// What a zoom changes.
    public var zoom = Zoom.focal
    /// Strength of changes of brightness, contrast, saturation, hue and gamma: 0…1.
    public var color = 0.0
    /// Share of pictures that are blurred.
    public var blur = 0.0
    /// Largest standard deviation of added noise, in 0…1.
    public var noise = 0.0
    /// Share of pictures that go through JPEG.
    public var jpeg = 0.0

    /// Nothing is varied.
    public init() {}

    /// Reads the mapping.
    public init(_ section: ConfigurationSection) throws(FathomError) {
        flip = try section.number("flip", default: 0, in: 0...1)
        rotate = try section.number("rotate", default: 0, in: 0...45)
        if let share = try section.numbers("crop") {
            guard share.count == 2, share[0] > 0.05, share[0] <= share[1], share[1] <= 1 else {
                throw section.error(
                    "'crop' must be two shares in order, above 0.05 and at most 1",
                    "Write 'crop: [0.6, 1.0]'")
            }
            crop = share[0]...share[1]
        }
        zoom = try section.choice("zoom", default: .focal)
        color = try section.number("color", default: 0, in: 0...1)
        blur = try section.number("blur", default: 0, in: 0...1)
        noise = try section.number("noise", default: 0, in: 0...0.5)
        jpeg = try section.number("jpeg", default: 0, in: 0...1)
        try section.finish()
    }
}
