import CCairo

/// How much of each pixel ink covers, 0…255.
struct GlyphMask: Sendable {
    var width: Int
    var height: Int
    var samples: [UInt8]
}

/// Letters of one size as masks, drawn once each by Cairo.
final class GlyphCache {
    /// Height of a line in pixels; even.
    let lineHeight: Int
    private let fontSize: Double
    private let ascent: Double
    private var masks: [Character: GlyphMask] = [:]

    /// A cache for a font size in pixels.
    init(fontSize: Int) {
        self.fontSize = Double(fontSize)
        var extents = cairo_font_extents_t()
        let surface = cairo_image_surface_create(CAIRO_FORMAT_A8, 1, 1)
        let context = cairo_create(surface)
        Self.choose(context, Double(fontSize))
        cairo_font_extents(context, &extents)
        cairo_destroy(context)
        cairo_surface_destroy(surface)
        ascent = extents.ascent
        lineHeight = (Int((extents.ascent + extents.descent).rounded(.up)) + 1) / 2 * 2
    }

    private static func choose(_ context: OpaquePointer?, _ size: Double) {
        cairo_select_font_face(
            context, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_BOLD)
        cairo_set_font_size(context, size)
    }

    /// A character's mask: as wide as its advance (rounded up to even), as high as a line.
    func mask(_ character: Character) -> GlyphMask {
        if let mask = masks[character] { return mask }
        let mask = draw(String(character))
        masks[character] = mask
        return mask
    }

    /// The width of a line of text.
    func width(_ text: String) -> Int { text.reduce(0) { $0 + mask($1).width } }

    private func draw(_ text: String) -> GlyphMask {
        var extents = cairo_text_extents_t()
        let probe = cairo_image_surface_create(CAIRO_FORMAT_A8, 1, 1)
        let measuring = cairo_create(probe)
        Self.choose(measuring, fontSize)
        cairo_text_extents(measuring, text, &extents)
        cairo_destroy(measuring)
        cairo_surface_destroy(probe)
        let width = max((Int(extents.x_advance.rounded(.up)) + 1) / 2 * 2, 2)
        let surface = cairo_image_surface_create(CAIRO_FORMAT_A8, Int32(width), Int32(lineHeight))
        defer { cairo_surface_destroy(surface) }
        let context = cairo_create(surface)
        Self.choose(context, fontSize)
        cairo_move_to(context, (Double(width) - extents.x_advance) / 2, ascent.rounded())
        cairo_show_text(context, text)
        cairo_destroy(context)
        cairo_surface_flush(surface)
        var mask = GlyphMask(
            width: width, height: lineHeight,
            samples: [UInt8](repeating: 0, count: width * lineHeight))
        guard let data = cairo_image_surface_get_data(surface) else { return mask }
        let stride = Int(cairo_image_surface_get_stride(surface))
        for y in 0..<lineHeight {
            for x in 0..<width { mask.samples[y * width + x] = data[y * stride + x] }
        }
        return mask
    }
}
