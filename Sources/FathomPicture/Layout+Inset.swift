import FathomCore

/// A small depth picture in the upper right corner of the source.
extension Layout {
    func insetPlan(_ source: PictureFormat) -> LayoutPlan {
        let all = PixelRect(x: 0, y: 0, width: source.width, height: source.height)
        // A third of the sides, on even pixels so that its chroma is its own; a tiny source is covered whole.
        func third(_ side: Int) -> Int { side < 12 ? side : max(side / 3 / 2 * 2, 2) }
        let width = third(source.width)
        let height = third(source.height)
        let isSmall = width < source.width && height < source.height
        let margin = isSmall ? max(min(source.width, source.height) / 40 / 2 * 2, 2) : 0
        let x = isSmall ? (source.width - width - margin) / 2 * 2 : 0
        let inset = PixelRect(x: x, y: margin, width: width, height: height)
        return LayoutPlan(
            output: source, hasSource: true, depth: inset, depthShare: 256, frame: isSmall ? 2 : 0,
            legendArea: all)
    }
}
