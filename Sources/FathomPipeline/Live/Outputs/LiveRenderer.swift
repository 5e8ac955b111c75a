import FathomCore
import FathomMedia
import FathomPicture
import Glibc

/// Draws the frames of a live source as a person sees them. One thread at a time may use it.
package final class LiveRenderer {
    private let options: RenderOptions
    private var drawing: Drawing?

    private struct Drawing {
        let source: PictureFormat
        let renderer: FrameRenderer
        let pool: FramePool
        let mark: SignalLostMark
    }

    package init(_ configuration: RunConfiguration) {
        options = RenderOptions(
            layout: configuration.layout, opacity: configuration.opacity ?? 0.6,
            colorMap: configuration.colormap, isInverted: configuration.invert,
            upsampling: configuration.upsampling, legend: configuration.legend,
            hud: configuration.hud)
    }

    /// The frame with its depth; while the source is away, the last one darkened, with a plate.
    package func render(
        _ frame: LiveFrame, framesPerSecond: Double
    ) throws(FathomError) -> VideoFrame {
        let drawing = try drawing(for: frame.picture.format)
        let result = try drawing.pool.makeFrame(like: frame.picture)
        let text = HUDText(line: Self.line(frame, framesPerSecond: framesPerSecond))
        frame.picture.withPicture { source in
            result.withMutablePicture { target in
                drawing.renderer.render(
                    source: source, depth: frame.depth.map, range: frame.depth.range, text: text,
                    into: target)
                if let seconds = frame.lostFor { drawing.mark.draw(seconds: seconds, into: target) }
            }
        }
        return result
    }

    private func drawing(for source: PictureFormat) throws(FathomError) -> Drawing {
        if let drawing, drawing.source == source { return drawing }
        let renderer = FrameRenderer(source: source, options: options)
        let made = Drawing(
            source: source, renderer: renderer, pool: try FramePool(format: renderer.outputFormat),
            mark: SignalLostMark(format: renderer.outputFormat))
        drawing = made
        return made
    }

    /// `14:03:07.250  #1234  29.9 fps  age 48 ms`: the time of day at which it was recorded, in the local zone.
    static func line(_ frame: LiveFrame, framesPerSecond: Double) -> String {
        var line = "\(clock(frame.wallTime.seconds))  #\(frame.number)"
        if framesPerSecond > 0, framesPerSecond < 10_000 {
            line += "  \((framesPerSecond * 10).rounded() / 10) fps"
        }
        if frame.lostFor == nil { line += "  age \(Int(min(frame.ageMs, 1e9).rounded())) ms" }
        return line
    }

    private static func clock(_ seconds: Double) -> String {
        guard seconds.isFinite, (0..<2.5e11).contains(seconds) else { return "--:--:--" }
        let milliseconds = Int((seconds * 1000).rounded())
        var time = time_t(milliseconds / 1000)
        var parts = tm()
        localtime_r(&time, &parts)
        func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let rest = String(1000 + milliseconds % 1000).dropFirst()
        return "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)).\(rest)"
    }
}
