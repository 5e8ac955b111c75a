import FathomCore

/// Layouts of whole panels: side by side, stacked, depth alone.
extension Layout {
    func sideBySidePlan(_ source: PictureFormat) -> LayoutPlan {
        panels(source, columns: 2, rows: 1)
    }

    func stackedPlan(_ source: PictureFormat) -> LayoutPlan {
        panels(source, columns: 1, rows: 2)
    }

    func depthPlan(_ source: PictureFormat) -> LayoutPlan {
        panels(source, columns: 1, rows: 1)
    }

    /// A grid of panels of the source's size: the source first, the depth last.
    private func panels(_ source: PictureFormat, columns: Int, rows: Int) -> LayoutPlan {
        let panel = PixelRect(
            x: (columns - 1) * source.width, y: (rows - 1) * source.height, width: source.width,
            height: source.height)
        return LayoutPlan(
            output: PictureFormat(
                width: columns * source.width, height: rows * source.height,
                chroma: source.chroma, bitDepth: source.bitDepth),
            hasSource: columns * rows > 1, depth: panel, depthShare: 256, frame: 0,
            legendArea: panel)
    }
}
