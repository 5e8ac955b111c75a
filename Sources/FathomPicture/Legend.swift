import FathomCore
import FathomDepth
import Foundation

/// A bar of the colour map from far to near with its values, drawn from the same table as the picture.
///
/// Relative kinds have numbers without a unit beside "far" and "near"; metres have their unit. The patch is
/// kept until a label changes.
final class Legend {
    private let glyphs: GlyphCache
    private let table: ColorTable
    private let output: PictureFormat
    private let area: PixelRect
    private var labels: (far: String, near: String)?
    private var patch: OverlayPatch?

    /// Where the bar lies inside the patch; empty when there is no room for one.
    private(set) var bar = PixelRect(x: 0, y: 0, width: 0, height: 0)

    /// The patch's height; 0 before it is drawn.
    var height: Int { patch?.height ?? 0 }

    init(glyphs: GlyphCache, table: ColorTable, output: PictureFormat, area: PixelRect) {
        self.glyphs = glyphs
        self.table = table
        self.output = output
        self.area = area
    }

    /// Draws the legend for a range.
    func draw(kind: DepthKind, range: DepthRange, into picture: MutablePictureView) {
        let wanted = Self.labels(kind: kind, range: range)
        if labels.map({ $0 != wanted }) ?? true {
            labels = wanted
            patch = makePatch(wanted)
        }
        guard let patch else { return }
        let place = origin(height: patch.height)
        patch.blend(into: picture, x: place.x, y: place.y)
    }

    /// Where a patch of some height stands: the lower left corner of the area, on even pixels.
    func origin(height: Int) -> (x: Int, y: Int) {
        let margin = glyphs.lineHeight / 2
        return (
            (area.x + margin + 1) / 2 * 2,
            max((area.y + area.height - margin - height) / 2 * 2, (area.y + 1) / 2 * 2)
        )
    }

    /// The words at the ends of the bar.
    static func labels(kind: DepthKind, range: DepthRange) -> (far: String, near: String) {
        let far = kind.isLargeNear ? range.minimum : range.maximum
        let near = kind.isLargeNear ? range.maximum : range.minimum
        let unit = kind.unit.map { " \($0)" } ?? ""
        return (
            "far \(number(far, in: range))\(unit)", "\(number(near, in: range))\(unit) near"
        )
    }

    /// Two digits that matter for the range's size, so that the labels stay still while the range creeps.
    private static func number(_ value: Float, in range: DepthRange) -> String {
        let size = max(abs(range.minimum), abs(range.maximum))
        if size >= 1e5 || size < 1e-3 { return String(format: "%.1e", Double(value)) }
        let digits = size >= 30 ? 0 : size >= 3 ? 1 : size >= 0.3 ? 2 : 3
        return String(format: "%.\(digits)f", Double(value))
    }

    private func makePatch(_ labels: (far: String, near: String)) -> OverlayPatch? {
        let gap = max(glyphs.lineHeight / 3 / 2 * 2, 2)
        let room = area.width - 2 * (glyphs.lineHeight / 2 + 2)
        // With little room the numbers go first, then the bar is all there is.
        let choices = [labels, ("far", "near"), ("", "")]
        guard
            let words = choices.first(where: {
                glyphs.width($0.0) + glyphs.width($0.1) + 4 * gap + 3 * glyphs.lineHeight <= room
            }) ?? (room >= 3 * glyphs.lineHeight ? choices[2] : nil)
        else { return nil }
        let far = glyphs.width(words.0)
        let near = glyphs.width(words.1)
        let barWidth =
            min(8 * glyphs.lineHeight, room - far - near - 4 * gap) / 2 * 2
        let height = (glyphs.lineHeight + gap + 1) / 2 * 2
        guard barWidth > 0, height <= area.height else { return nil }
        var canvas = OverlayPatch.Canvas(
            width: far + near + barWidth + 4 * gap, height: height, bitDepth: output.bitDepth)
        var x = gap
        func write(_ text: String) {
            for character in text {
                let mask = glyphs.mask(character)
                canvas.draw(mask, x: x, y: gap / 2)
                x += mask.width
            }
        }
        write(words.0)
        x += gap
        bar = PixelRect(x: x, y: gap, width: barWidth, height: max((height - 2 * gap) / 2 * 2, 2))
        for column in 0..<barWidth {
            let place = column * (ColorTable.entries - 1) / max(barWidth - 1, 1)
            for row in 0..<bar.height {
                canvas.set(x: x + column, y: bar.y + row, code: table.codes[place])
            }
        }
        x += barWidth + gap
        write(words.1)
        return OverlayPatch(canvas, chroma: output.chroma)
    }
}
