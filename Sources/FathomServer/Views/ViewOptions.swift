import FathomCore
import FathomDepth
import FathomPicture
import FathomPipeline

/// What a viewer asked for; viewers who ask for the same share one picture.
struct ViewOptions: Hashable, Sendable {
    /// The source's number.
    var source: Int
    /// How picture and depth are put together.
    var layout: Layout
    /// The colours.
    var colorMap: ColorMap
    /// Far instead of near is bright.
    var isInverted: Bool
    /// What the colours are laid over; `nil` for what the source's other outputs use.
    var range: RangeMode?
    /// The most pixels across.
    var width: Int

    /// Pixels across that may be asked for.
    static let widths = 64...7680
    /// What a viewer gets who asks for nothing.
    static let usualWidth = 1920

    /// Reads a query; what it leaves open is as the program was told.
    init(
        _ query: [String: String], source: Int, defaults: RunConfiguration
    ) throws(HTTPRefusal) {
        self.source = source
        layout = try Self.choice("layout", query) ?? defaults.layout
        colorMap = try Self.choice("colormap", query) ?? defaults.colormap
        isInverted = try Self.flag("invert", query) ?? defaults.invert
        width = try Self.width(query)
        range = try Self.range(query)
    }

    private static func choice<Choice: CaseIterable & RawRepresentable<String>>(
        _ name: String, _ query: [String: String]
    ) throws(HTTPRefusal) -> Choice? {
        guard let text = query[name] else { return nil }
        guard let choice = Choice(rawValue: text) else {
            let all = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw HTTPRefusal(400, "The \(name) is none of \(all).")
        }
        return choice
    }

    private static func flag(
        _ name: String, _ query: [String: String]
    ) throws(HTTPRefusal) -> Bool? {
        switch query[name] {
        case nil: return nil
        case "1", "true", "": return true
        case "0", "false": return false
        default: throw HTTPRefusal(400, "\(name) is 0 or 1.")
        }
    }

    private static func width(_ query: [String: String]) throws(HTTPRefusal) -> Int {
        guard let text = query["width"] else { return usualWidth }
        guard let width = Int(text), widths.contains(width) else {
            throw HTTPRefusal(
                400,
                "The width is no whole number from \(widths.lowerBound) to \(widths.upperBound).")
        }
        // A few sizes for all, so that viewers whose windows differ by little share a view.
        return max(widths.lowerBound, width / 16 * 16)
    }

    private static func range(_ query: [String: String]) throws(HTTPRefusal) -> RangeMode? {
        guard let text = query["range"], text != "scene" else { return nil }
        guard let mode = try? RangeMode.parse(text), mode != .clip else {
            throw HTTPRefusal(400, "The range is none of scene, frame, fixed:MIN:MAX.")
        }
        return mode
    }

    /// The size at which a source's picture is drawn so that the whole fits, with square pixels and even sides.
    func panel(for format: PictureFormat, sampleAspectRatio: Double) -> (width: Int, height: Int) {
        let shape =
            sampleAspectRatio.isFinite && (0.05...20).contains(sampleAspectRatio)
            ? sampleAspectRatio : 1
        let shown = max(2, Int((Double(format.width) * shape).rounded()))
        let room = layout == .sideBySide ? width / 2 : width
        guard shown > room || shape != 1 else { return (format.width, format.height) }
        let across = max(16, min(shown, room) & ~1)
        let down = (Double(format.height) * Double(across) / Double(shown)).rounded()
        return (across, max(16, Int(min(down, 32768)) & ~1))
    }
}
