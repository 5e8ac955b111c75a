import FathomCore

/// How source and depth are arranged in the output picture.
public enum Layout: String, CaseIterable, Hashable, Sendable {
    /// Source left, depth right.
    case sideBySide = "side-by-side"
    /// Depth alone.
    case depth
    /// Source above, depth below.
    case stacked
    /// Depth over the source, partly transparent.
    case overlay
    /// A small depth picture in a corner of the source.
    case inset

    /// Whether legend and HUD are drawn unless switched off.
    public var hasAnnotations: Bool { self != .depth }

    /// Where things go for a source of a format.
    ///
    /// - Parameters:
    ///   - source: the source's format; the output has its chroma and bit depth.
    ///   - opacity: of the depth in `overlay`, 0…1; the other layouts ignore it.
    public func plan(source: PictureFormat, opacity: Double) -> LayoutPlan {
        switch self {
        case .sideBySide: sideBySidePlan(source)
        case .depth: depthPlan(source)
        case .stacked: stackedPlan(source)
        case .overlay: overlayPlan(source, opacity: opacity)
        case .inset: insetPlan(source)
        }
    }
}

/// The places in an output picture, in pixels of luma.
public struct LayoutPlan: Hashable, Sendable {
    /// The output's format.
    public var output: PictureFormat
    /// Whether the source is copied to the top left corner at its own size.
    public var hasSource: Bool
    /// Where the depth is painted. Its left and top edges may be odd only where the source ends.
    public var depth: PixelRect
    /// Share of the depth's colour, 0…256.
    public var depthShare: Int
    /// Width of a dark frame around the depth; even.
    public var frame: Int
    /// The area in whose lower left corner the legend stands.
    public var legendArea: PixelRect
}

/// A rectangle of pixels.
public struct PixelRect: Hashable, Sendable {
    /// Left edge.
    public var x: Int
    /// Top edge.
    public var y: Int
    /// Width.
    public var width: Int
    /// Height.
    public var height: Int

    /// A rectangle.
    public init(x: Int, y: Int, width: Int, height: Int) {
        self.x = x
        self.y = y
        self.width = width
        self.height = height
    }
}
