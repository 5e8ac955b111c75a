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
        let encoder: JPEGEncoder
    }

    private let options: ViewOptions
    private let renderer: LiveRenderer
    private var tracker: DepthRangeTracker?
    private var tools: Tools?

    init(_ options: ViewOptions, defaults: RunConfiguration) {
        self.options = options
        var look = defaults
        look.layout = options.layout
        look.colormap = options.colorMap
        look.invert = options.isInverted
        renderer = LiveRenderer(look)
        tracker = options.range.map { DepthRangeTracker(mode: $0) }
    }

    /// The frame as a file's bytes; while the source is away, darkened and marked.
    func jpeg(of frame: LiveFrame, framesPerSecond: Double) throws(FathomError) -> [UInt8] {
        var scaler: FrameScaler?
        if let tools, tools.source == frame.picture.format,
            tools.sampleAspectRatio == frame.picture.sampleAspectRatio
        {
            scaler = tools.scaler
        } else {
            tools = nil
            scaler = try makeScaler(for: frame.picture)
        }
        var picture = frame.picture
        if let scaler { picture = try scaler.scale(picture) }
        let range =
            tracker?.update(
                frame.depth.map, at: frame.picture.timestamp.seconds,
                isCut: frame.depth.flags.contains(.cut)
            ).range ?? frame.depth.range
        let drawn = try renderer.render(
            frame.shown(picture, range: range), framesPerSecond: framesPerSecond)
        let encoder: JPEGEncoder
        if let tools {
            encoder = tools.encoder
        } else {
            encoder = try JPEGEncoder(format: drawn.format)
        }
        tools = Tools(
            source: frame.picture.format, sampleAspectRatio: frame.picture.sampleAspectRatio,
            scaler: scaler, encoder: encoder)
        return try encoder.encode(drawn)
    }

    private func makeScaler(for picture: VideoFrame) throws(FathomError) -> FrameScaler? {
        let format = picture.format
        let size = options.panel(for: format, sampleAspectRatio: picture.sampleAspectRatio.value)
        guard size.width != format.width || size.height != format.height else { return nil }
        return try FrameScaler(from: format, width: size.width, height: size.height)
    }
}

extension LiveFrame {
    /// The same frame with its picture at another size, and another range for the colours.
    fileprivate func shown(_ picture: VideoFrame, range: DepthRange) -> LiveFrame {
        LiveFrame(
            number: number, picture: picture,
            depth: DepthSequence.Frame(map: depth.map, range: range, flags: depth.flags),
            arrival: arrival, published: published, wallTime: wallTime, followsGap: followsGap,
            lostFor: lostFor)
    }
}
