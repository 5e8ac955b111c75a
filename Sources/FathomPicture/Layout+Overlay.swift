import FathomCore

/// Depth over the source.
extension Layout {
    func overlayPlan(_ source: PictureFormat, opacity: Double) -> LayoutPlan {
        let all = PixelRect(x: 0, y: 0, width: source.width, height: source.height)
        return LayoutPlan(
            output: source, hasSource: true, depth: all,
            depthShare: Int((min(max(opacity, 0), 1) * 256).rounded()), frame: 0, legendArea: all)
    }
}
