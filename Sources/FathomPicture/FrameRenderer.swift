import FathomCore
import FathomDepth

/// How frames are drawn.
public struct RenderOptions: Hashable, Sendable {
    /// How source and depth are arranged.
    public var layout: Layout
    /// Opacity of the depth in `overlay`, 0…1.
    public var opacity: Double
    /// The colours.
    public var colorMap: ColorMap
    /// Whether near and far swap colours.
    public var isInverted: Bool
    /// How depth reaches the picture's size.
    public var upsampling: UpsamplingMethod
    /// Whether the legend is drawn; nil leaves it to the layout.
    public var legend: Bool?
    /// Whether the HUD line is drawn; nil leaves it to the layout.
    public var hud: Bool?

    /// Options; the defaults are the contract's.
    public init(
        layout: Layout = .sideBySide, opacity: Double = 0.6, colorMap: ColorMap = .inferno,
        isInverted: Bool = false, upsampling: UpsamplingMethod = .guided, legend: Bool? = nil,
        hud: Bool? = nil
    ) {
        self.layout = layout
        self.opacity = opacity
        self.colorMap = colorMap
        self.isInverted = isInverted
        self.upsampling = upsampling
        self.legend = legend
        self.hud = hud
    }
}

/// Draws source and depth into output pictures of one format.
///
/// Depth is enlarged, coloured and written row by row straight into the output's Y′CbCr planes; there is no RGB
/// picture in between. One renderer is used by one thread at a time; it spreads rows over a pool if given one.
public final class FrameRenderer: @unchecked Sendable {
    // Sendable: moved between threads, never used by two at once.

    /// The format of the source pictures.
    public let sourceFormat: PictureFormat
    /// The format of the pictures drawn.
    public let outputFormat: PictureFormat
    /// Where things are in the output.
    public let plan: LayoutPlan
    private let options: RenderOptions
    private let table: ColorTable
    private let painter: DepthPainter
    private let frame: OverlayPatch?
    private var legend: Legend?
    private var hud: HUD?

    /// A renderer for sources of one format.
    public init(source: PictureFormat, options: RenderOptions) {
        sourceFormat = source
        self.options = options
        plan = options.layout.plan(source: source, opacity: options.opacity)
        outputFormat = plan.output
        table = ColorTable(
            options.colorMap, isInverted: options.isInverted, bitDepth: source.bitDepth)
        frame = Self.framePatch(plan)
        painter = DepthPainter(
            source: source, plan: plan, table: table, upsampling: options.upsampling)
    }

    /// Draws one frame.
    ///
    /// - Parameters:
    ///   - source: the source picture, of `sourceFormat`.
    ///   - depth: its depth at the network's size.
    ///   - range: what the colours span.
    ///   - text: the HUD's line; nil leaves it off.
    ///   - output: the picture to fill, of `outputFormat`.
    ///   - pool: whose threads share the rows; nil keeps them on the caller's. The result is the same.
    public func render(
        source: PictureView, depth: DepthMap, range: DepthRange, text: HUDText?,
        into output: MutablePictureView, pool: WorkerPool? = nil
    ) {
        precondition(
            source.format == sourceFormat && output.format == outputFormat,
            "the renderer was made for other formats")
        if plan.hasSource { copy(source, into: output) }
        frame?.blend(
            into: output, x: plan.depth.x - plan.frame, y: plan.depth.y - plan.frame)
        painter.paint(source: source, depth: depth, range: range, into: output, pool: pool)
        annotate(depth.kind, range, text, output)
    }

    private func annotate(
        _ kind: DepthKind, _ range: DepthRange, _ text: HUDText?, _ output: MutablePictureView
    ) {
        let wantsLegend = options.legend ?? options.layout.hasAnnotations
        let wantsText = options.hud ?? options.layout.hasAnnotations
        guard wantsLegend || wantsText else { return }
        if legend == nil {
            // Letters of a thirtieth of the picture's height, but never too small to read.
            let side = min(sourceFormat.height, sourceFormat.width * 3 / 4)
            let glyphs = GlyphCache(fontSize: max(side / 32, 11))
            legend = Legend(
                glyphs: glyphs, table: table, output: outputFormat, area: plan.legendArea)
            hud = HUD(glyphs: glyphs, output: outputFormat)
        }
        if wantsLegend { legend?.draw(kind: kind, range: range, into: output) }
        if wantsText, let text { hud?.draw(text, into: output) }
    }

    /// Where the legend's bar is in the output, far end first, for tests; nil before it is drawn.
    package var legendBar: PixelRect? {
        guard let legend, legend.bar.width > 0 else { return nil }
        let origin = legend.origin(height: legend.height)
        return PixelRect(
            x: origin.x + legend.bar.x, y: origin.y + legend.bar.y, width: legend.bar.width,
            height: legend.bar.height)
    }

    private func copy(_ source: PictureView, into output: MutablePictureView) {
        let from = [source.planes.0, source.planes.1, source.planes.2]
        let to = [output.planes.0, output.planes.1, output.planes.2]
        let fromStrides = [source.strides.0, source.strides.1, source.strides.2]
        let toStrides = [output.strides.0, output.strides.1, output.strides.2]
        for plane in 0..<3 {
            let bytes = sourceFormat.planeWidth(plane) * sourceFormat.bytesPerSample
            for y in 0..<sourceFormat.planeHeight(plane) {
                (to[plane] + y * toStrides[plane]).copyMemory(
                    from: from[plane] + y * fromStrides[plane], byteCount: bytes)
            }
        }
    }

    /// What darkens the frame around the depth (which covers the inside afterwards); nil without a frame.
    private static func framePatch(_ plan: LayoutPlan) -> OverlayPatch? {
        guard plan.frame > 0 else { return nil }
        let canvas = OverlayPatch.Canvas(
            width: plan.depth.width + 2 * plan.frame, height: plan.depth.height + 2 * plan.frame,
            bitDepth: plan.output.bitDepth)
        return OverlayPatch(canvas, chroma: plan.output.chroma)
    }
}
