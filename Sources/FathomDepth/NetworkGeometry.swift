import FathomCore

/// Where a picture lies in a network's input.
///
/// With free sides the input has the picture's display aspect, rounded to multiples, and the picture fills it.
/// With fixed sides the picture keeps its aspect inside and the rest is filled with the mean (letterbox).
public struct NetworkGeometry: Hashable, Sendable {
    /// Width of the network's input.
    public let inputWidth: Int
    /// Height of the network's input.
    public let inputHeight: Int
    /// Left edge of the picture in the input.
    public let contentX: Int
    /// Top edge of the picture in the input.
    public let contentY: Int
    /// Width of the picture in the input.
    public let contentWidth: Int
    /// Height of the picture in the input.
    public let contentHeight: Int

    /// The geometry for one picture size.
    ///
    /// - Parameters:
    ///   - width: the picture's width in samples, `height` likewise.
    ///   - sampleAspectRatio: width of a sample by its height; anything not positive counts as 1.
    ///   - longSide: the wanted long side of the input in pixels.
    ///   - multiple: both sides are multiples of it.
    ///   - fixedWidth: the width if the model allows only one, `fixedHeight` likewise.
    public init(
        width: Int, height: Int, sampleAspectRatio: Rational, longSide: Int, multiple: Int,
        fixedWidth: Int? = nil, fixedHeight: Int? = nil
    ) {
        let samples = sampleAspectRatio.isPositive ? sampleAspectRatio.value : 1
        // A ratio beyond any real film is a broken header: the samples count as square.
        let ratio = (0.05...20).contains(samples) ? samples : 1
        let aspect = min(max(Double(width) * ratio / Double(height), 1.0 / 64), 64)
        let wide = aspect >= 1
        func rounded(_ side: Double) -> Int {
            max(1, Int((side / Double(multiple)).rounded())) * multiple
        }
        let long = rounded(Double(longSide))
        let short = rounded(Double(longSide) * (wide ? 1 / aspect : aspect))
        inputWidth = fixedWidth ?? (wide ? long : short)
        inputHeight = fixedHeight ?? (wide ? short : long)
        guard fixedWidth != nil || fixedHeight != nil else {
            (contentX, contentY) = (0, 0)
            (contentWidth, contentHeight) = (inputWidth, inputHeight)
            return
        }
        let byWidth = Double(inputWidth) / aspect <= Double(inputHeight)
        let across = byWidth ? Double(inputWidth) : Double(inputHeight) * aspect
        let down = byWidth ? Double(inputWidth) / aspect : Double(inputHeight)
        contentWidth = min(max(Int(across.rounded()), 1), inputWidth)
        contentHeight = min(max(Int(down.rounded()), 1), inputHeight)
        contentX = (inputWidth - contentWidth) / 2
        contentY = (inputHeight - contentHeight) / 2
    }
}
