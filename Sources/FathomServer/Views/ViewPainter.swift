import FathomCore
import FathomDepth
import FathomMedia
import FathomPicture
import FathomPipeline

/// Draws frames as one view wants them, as JPEG. One thread at a time may use it.
final class ViewPainter {
    private struct Tools {
        let source: PictureFormat
        let sampleAspectRatio: Rational
        let scaler: FrameScaler?
        let renderer: FrameRenderer
        let pool: FramePool
        let encoder: JPEGEncoder
    }

    private let options: ViewOptions
    private let defaults: RunConfiguration
    private var tracker: DepthRangeTracker?
    private var tools: Tools?

    init(_ options: ViewOptions, defaults: RunConfiguration) {
        self.options = options
        self.defaults = defaults
        tracker = options.range.map { DepthRangeTracker(mode: $0) }
    }

    func jpeg(of frame: LiveFrame) throws(FathomError) -> [UInt8] {
        let tools = try tools(for: frame.picture)
        let picture = try tools.scaler.map { (scaler) throws(FathomError) in
            try scaler.scale(frame.picture)
        }
        let source = picture ?? frame.picture
        let drawn = try tools.pool.makeFrame(like: source)
        let range =
            tracker?.update(
                frame.depth.map, at: frame.picture.timestamp.seconds,
                isCut: frame.depth.flags.contains(.cut)
            ).range ?? frame.depth.range
        source.withPicture { from in
            drawn.withMutablePicture { to in
                tools.renderer.render(
                    source: from, depth: frame.depth.map, range: range, text: nil, into: to)
            }
        }
        return try tools.encoder.encode(drawn)
    }

    private func tools(for picture: VideoFrame) throws(FathomError) -> Tools {
        if let tools, tools.source == picture.format,
            tools.sampleAspectRatio == picture.sampleAspectRatio
        {
            return tools
        }
        let format = picture.format
        let size = options.panel(
            for: format, sampleAspectRatio: picture.sampleAspectRatio.value)
        let isScaled = size.width != format.width || size.height != format.height
        let scaler =
            isScaled
            ? try FrameScaler(from: format, width: size.width, height: size.height) : nil
        let renderer = FrameRenderer(
            source: PictureFormat(
                width: size.width, height: size.height, chroma: format.chroma,
                bitDepth: format.bitDepth),
            options: RenderOptions(
                layout: options.layout, opacity: defaults.opacity ?? 0.6,
                colorMap: options.colorMap, isInverted: options.isInverted,
                upsampling: defaults.upsampling, legend: defaults.legend, hud: defaults.hud))
        let made = Tools(
            source: format, sampleAspectRatio: picture.sampleAspectRatio, scaler: scaler,
            renderer: renderer, pool: try FramePool(format: renderer.outputFormat),
            encoder: try JPEGEncoder(format: renderer.outputFormat))
        tools = made
        return made
    }
}
