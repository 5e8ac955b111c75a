import FathomCore

/// Marks a picture whose source is away: darkened, with a plate in its middle that says for how long.
public final class SignalLostMark: @unchecked Sendable {
    // Sendable: moved between threads, never used by two at once.
    private let format: PictureFormat
    private var plate: (text: String, patch: OverlayPatch)?

    /// Share of the picture's light that is left, out of 256.
    private static let lightLeft = 112

    /// For pictures of one format.
    public init(format: PictureFormat) { self.format = format }

    /// Darkens the picture and writes the plate; `seconds` is how long the source has been silent.
    public func draw(seconds: Double, into picture: MutablePictureView) {
        precondition(picture.format == format, "the mark was made for another format")
        darken(picture)
        let patch = patch(for: "SIGNAL LOST \(Self.text(seconds))")
        patch.blend(
            into: picture, x: max(0, (format.width - patch.width) / 4 * 2),
            y: max(0, (format.height - patch.height) / 4 * 2))
    }

    /// `12 s`, `3 min`, `2 h 5 min`.
    static func text(_ seconds: Double) -> String {
        let whole = seconds.isFinite ? Int(min(max(seconds, 0), 3.6e8)) : 0
        if whole < 60 { return "\(whole) s" }
        if whole < 3600 { return "\(whole / 60) min" }
        return "\(whole / 3600) h \(whole / 60 % 60) min"
    }

    private func patch(for text: String) -> OverlayPatch {
        if let plate, plate.text == text { return plate.patch }
        var glyphs = GlyphCache(fontSize: max(format.height / 12, 12))
        let wanted = glyphs.width(text)
        if wanted > format.width * 9 / 10 {
            // A narrow picture has smaller letters.
            let size = max(format.height / 12, 12) * format.width * 9 / 10 / max(wanted, 1)
            glyphs = GlyphCache(fontSize: max(size, 6))
        }
        let margin = glyphs.lineHeight / 2 / 2 * 2
        var canvas = OverlayPatch.Canvas(
            width: min(glyphs.width(text) + 2 * margin, max(format.width, 2)),
            height: glyphs.lineHeight + 2 * (margin / 2), bitDepth: format.bitDepth)
        var x = max(0, (canvas.width - glyphs.width(text)) / 2)
        for character in text {
            let mask = glyphs.mask(character)
            canvas.draw(mask, x: x, y: margin / 2)
            x += mask.width
        }
        let patch = OverlayPatch(canvas, chroma: format.chroma)
        plate = (text, patch)
        return patch
    }

    private func darken(_ picture: MutablePictureView) {
        let planes = [picture.planes.0, picture.planes.1, picture.planes.2]
        let strides = [picture.strides.0, picture.strides.1, picture.strides.2]
        let shift = format.bitDepth - 8
        for plane in 0..<3 {
            let black = Int32((plane == 0 ? 16 : 128) << shift)
            for y in 0..<format.planeHeight(plane) {
                let row = planes[plane] + y * strides[plane]
                if format.bytesPerSample == 1 {
                    Self.darken(
                        row.assumingMemoryBound(to: UInt8.self), format.planeWidth(plane), black)
                } else {
                    Self.darken(
                        row.assumingMemoryBound(to: UInt16.self), format.planeWidth(plane), black)
                }
            }
        }
    }

    private static func darken<Sample: FixedWidthInteger>(
        _ row: UnsafeMutablePointer<Sample>, _ count: Int, _ black: Int32
    ) {
        for x in 0..<count {
            let above = Int32(truncatingIfNeeded: row[x]) - black
            row[x] = Sample(truncatingIfNeeded: black + (above * Int32(lightLeft)) >> 8)
        }
    }
}
