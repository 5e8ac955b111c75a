import FathomCore
import FathomDepth
import FathomGraph

/// The shapes that a network's inputs get where no picture says them: for a description, a measurement, an export.
package struct InputShapes {
    /// The longest side that is accepted.
    private static let greatestSide = 8192
    private let width: Int
    private let height: Int

    /// A size such as "384x224"; without one that of a 16:9 picture with the card's long side.
    package init(size: String?, card: ModelCard) throws(FathomError) {
        guard let size else {
            let geometry = NetworkGeometry(
                width: 16, height: 9, sampleAspectRatio: Rational(1, 1), longSide: card.size,
                multiple: card.sizeMultiple)
            (width, height) = (geometry.inputWidth, geometry.inputHeight)
            return
        }
        let parts = size.lowercased().split(separator: "x", omittingEmptySubsequences: false)
            .map { Int($0) }
        guard parts.count == 2, let width = parts[0], let height = parts[1],
            (1...Self.greatestSide).contains(width), (1...Self.greatestSide).contains(height)
        else {
            throw FathomError(
                .usage, operation: "use", subject: "--size \(size)",
                cause: "it isn't a size", remedy: "Give WxH such as 384x224")
        }
        (self.width, self.height) = (width, height)
    }

    /// An axis that is called `height/8` or the like: a part of the picture's.
    private func part(_ name: String) -> Int? {
        let words = name.split(separator: "/")
        guard words.count == 2, let divisor = Int(words[1]), divisor > 0 else { return nil }
        switch words[0] {
        case "height": return height / divisor
        case "width": return width / divisor
        default: return nil
        }
    }

    /// Free axes of a picture (N×3×H×W) are bound to batch 1 and the size or what part of it they are called, all others
    /// to 1.
    package func shapes(of graph: Graph) throws(FathomError) -> [String: Shape] {
        var shapes: [String: Shape] = [:]
        for input in graph.inputs {
            let dimensions = input.dimensions ?? []
            let usual = dimensions.count == 4 ? [1, 3, height, width] : []
            let lengths = dimensions.enumerated().map { place, dimension in
                if case .fixed(let length) = dimension { return length }
                if case .named(let name) = dimension, let part = self.part(name) { return part }
                return place < usual.count ? usual[place] : 1
            }
            guard let shape = Shape(checking: lengths) else {
                throw FathomError(
                    operation: "use", subject: "model \(graph.name)",
                    cause:
                        "its input '\(input.name)' would be \(lengths.map(String.init).joined(separator: "x"))",
                    remedy: "Give a smaller --size")
            }
            shapes[input.name] = shape
        }
        return shapes
    }
}
