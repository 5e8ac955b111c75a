import FathomCore
import FathomMedia
import FathomPicture
import Foundation

/// Draws the parts of a case for a page.
struct CasePicture {
    let item: CaseGallery.Case
    /// Inverse depth of the colour map's ends: those of the truth, without its outermost hundredths.
    let range: ClosedRange<Float>
    /// What the error map's last colour stands for.
    static let largestError: Float = 0.5
    private static let unknown: (UInt8, UInt8, UInt8) = (84, 88, 96)
    private static let steps = 256

    init(_ item: CaseGallery.Case) {
        self.item = item
        let known = item.truth.filter { $0 > 0 }.map { 1 / $0 }.sorted()
        let low = known.isEmpty ? 0 : known[known.count / 50]
        let high = known.isEmpty ? 1 : known[known.count - 1 - known.count / 50]
        range = low...max(high, low * 1.01, low + 1e-6)
    }

    private static func table(_ map: ColorMap) -> [(UInt8, UInt8, UInt8)] {
        func byte(_ value: Double) -> UInt8 { UInt8(min(max(value, 0), 1) * 255 + 0.5) }
        return map.colors(count: steps).map { (byte($0.red), byte($0.green), byte($0.blue)) }
    }

    private static let depthColors = table(.inferno)
    private static let errorColors = table(.viridis)
    private static let saliencyColors = table(.magma)

    /// A colour bar from 0 to 1 as CSS.
    static func gradient(_ map: ColorMap) -> String {
        let stops = map.colors(count: 12).map { color in
            let parts = [color.red, color.green, color.blue].map { "\(Int($0 * 255 + 0.5))" }
            return "rgb(\(parts.joined(separator: ",")))"
        }
        return "linear-gradient(90deg,\(stops.joined(separator: ",")))"
    }

    /// The picture itself.
    func input() throws(FathomError) -> String {
        let shape: Shape = [3, item.height, item.width]
        return try encoded(StillImage.interleaved(Tensor(shape: shape, values: item.picture)))
    }

    /// Depth, near is bright.
    func depth(_ values: [Float]) throws(FathomError) -> String {
        let width = range.upperBound - range.lowerBound
        return try painted(values, Self.depthColors) { metres in
            metres > 0 ? (1 / metres - range.lowerBound) / width : nil
        }
    }

    /// Relative error.
    func error() throws(FathomError) -> String {
        try painted(item.error, Self.errorColors) { $0.isNaN ? nil : $0 / Self.largestError }
    }

    /// What decided.
    func saliency(_ values: [Float]) throws(FathomError) -> String {
        try painted(values, Self.saliencyColors) { $0 }
    }

    private func painted(
        _ values: [Float], _ colors: [(UInt8, UInt8, UInt8)], _ place: (Float) -> Float?
    ) throws(FathomError) -> String {
        var rgb: [UInt8] = []
        rgb.reserveCapacity(3 * values.count)
        for value in values {
            let color =
                place(value).map { share in
                    colors[Int(min(max(share, 0), 1) * Float(Self.steps - 1))]
                } ?? Self.unknown
            rgb += [color.0, color.1, color.2]
        }
        return try encoded(rgb)
    }

    private func encoded(_ rgb: [UInt8]) throws(FathomError) -> String {
        let bytes = try StillImage.png(rgb: rgb, width: item.width, height: item.height)
        return "data:image/png;base64," + Data(bytes).base64EncodedString()
    }
}
