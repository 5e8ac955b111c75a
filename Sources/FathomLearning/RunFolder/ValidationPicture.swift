import FathomCore
import FathomPicture
import Foundation

/// A validation sample beside what the network makes of it.
public struct ValidationPicture: Sendable {
    /// The sample's name.
    public var name: String
    /// The picture, 3×H×W in 0…1.
    public var input: Tensor
    /// What the network gives, H×W in the unit that it learns.
    public var prediction: Tensor
    /// What it should give, H×W.
    public var truth: Tensor
    /// 1 where the truth is known, H×W.
    public var valid: Tensor
    /// What the numbers mean.
    public var unit: DepthTarget

    /// Puts a picture together; all parts are of one size.
    public init(
        name: String, input: Tensor, prediction: Tensor, truth: Tensor, valid: Tensor,
        unit: DepthTarget
    ) {
        self.name = name
        self.input = input
        self.prediction = prediction
        self.truth = truth
        self.valid = valid
        self.unit = unit
    }

    /// Picture, prediction and truth side by side, 3×H×3W.
    ///
    /// Prediction and truth each have a range of their own, since many losses leave scale and shift open; near is
    /// bright, and what is unknown is gray.
    public var sheet: Tensor {
        let (height, width) = (input.shape[1], input.shape[2])
        let known = valid.values
        let everywhere = [Float](repeating: 1, count: known.count)
        let panels = [
            input.values, Self.colors(nearness(prediction), everywhere),
            Self.colors(nearness(truth), known),
        ]
        return Tensor(shape: [3, height, 3 * width]) { target in
            for channel in 0..<3 {
                for y in 0..<height {
                    for (index, panel) in panels.enumerated() {
                        let from = (channel * height + y) * width
                        let to = (channel * height + y) * 3 * width + index * width
                        for x in 0..<width { target[to + x] = panel[from + x] }
                    }
                }
            }
        }
    }

    /// Inverse depth, whatever is learnt.
    private func nearness(_ tensor: Tensor) -> [Float] {
        tensor.values.map { value in
            switch unit {
            case .inverseDepth: value
            case .depth: 1 / max(value, 1e-3)
            case .logDepth: exp(-max(-20, min(value, 20)))
            }
        }
    }

    private static let map = ColorMap.inferno.colors(count: 256)

    /// Values as red, green and blue planes, over the range from their 2nd to their 98th percentile.
    private static func colors(_ values: [Float], _ valid: [Float]) -> [Float] {
        let known = zip(values, valid).filter { $0.1 > 0 && $0.0.isFinite }.map(\.0).sorted()
        let low = known.isEmpty ? 0 : known[known.count * 2 / 100]
        let high = known.isEmpty ? 1 : known[known.count * 98 / 100]
        let span = max(high - low, Float.leastNormalMagnitude)
        var planes = [Float](repeating: 0.5, count: 3 * values.count)
        for (index, value) in values.enumerated() where valid[index] > 0 && value.isFinite {
            let color = map[Int(255 * min(max((value - low) / span, 0), 1))]
            planes[index] = Float(color.red)
            planes[values.count + index] = Float(color.green)
            planes[2 * values.count + index] = Float(color.blue)
        }
        return planes
    }
}
