import FathomCore
import Foundation

/// What the HUD line says about a frame.
public struct HUDText: Hashable, Sendable {
    /// The line.
    public let line: String

    /// Time as `H:MM:SS.mmm`, frame number and the source's frame rate.
    ///
    /// - Parameters:
    ///   - seconds: the frame's time in the source.
    ///   - frame: the frame's number, from 0.
    ///   - framesPerSecond: the source's rate; left off when nil or not positive.
    public init(seconds: Double, frame: Int, framesPerSecond: Double?) {
        var line = "\(Self.clock(seconds))  #\(frame)"
        if let rate = framesPerSecond, rate.isFinite, rate > 0, rate < 10_000 {
            var text = String(format: "%.2f", rate)
            while text.hasSuffix("0") { text.removeLast() }
            if text.hasSuffix(".") { text.removeLast() }
            line += "  \(text) fps"
        }
        self.line = line
    }

    /// Any line, for programs that say something else.
    public init(line: String) { self.line = line }

    private static func clock(_ seconds: Double) -> String {
        let bounded = seconds.isFinite ? min(max(seconds, -3.6e8), 3.6e8) : 0
        let milliseconds = Int((abs(bounded) * 1000).rounded())
        let sign = bounded < 0 && milliseconds > 0 ? "-" : ""
        return String(
            format: "%@%d:%02d:%02d.%03d", sign, milliseconds / 3_600_000,
            milliseconds / 60_000 % 60, milliseconds / 1000 % 60, milliseconds % 1000)
    }
}

/// Draws a line of text on a dark plate in the upper left corner; letters are kept as finished patches.
final class HUD {
    private let glyphs: GlyphCache
    private let output: PictureFormat
    private var patches: [Character: OverlayPatch] = [:]

    init(glyphs: GlyphCache, output: PictureFormat) {
        self.glyphs = glyphs
        self.output = output
    }

    func draw(_ text: HUDText, into picture: MutablePictureView) {
        let margin = glyphs.lineHeight / 2 / 2 * 2
        var x = margin
        for character in " \(text.line) " {
            let patch = patch(character)
            if x + patch.width > output.width { return }
            patch.blend(into: picture, x: x, y: margin)
            x += patch.width
        }
    }

    private func patch(_ character: Character) -> OverlayPatch {
        if let patch = patches[character] { return patch }
        let mask = glyphs.mask(character)
        let pad = max(glyphs.lineHeight / 6 / 2 * 2, 2)
        var canvas = OverlayPatch.Canvas(
            width: mask.width, height: glyphs.lineHeight + pad, bitDepth: output.bitDepth)
        canvas.draw(mask, x: 0, y: pad / 2)
        let patch = OverlayPatch(canvas, chroma: output.chroma)
        patches[character] = patch
        return patch
    }
}
