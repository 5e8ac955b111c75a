import FathomCore
import FathomGraph

/// A graph's picture input and depth output, checked.
struct PictureInput: Sendable {
    /// The input's name.
    let name: String
    /// The only width the model takes, nil if it is free.
    let fixedWidth: Int?
    /// The only height the model takes, nil if it is free.
    let fixedHeight: Int?
    /// The output's name.
    let output: String

    /// Finds both; throws when the model does not take a picture or gives no map.
    init(graph: Graph, card: ModelCard) throws(FathomError) {
        func error(_ cause: String, _ remedy: String) -> FathomError {
            FathomError(
                operation: "use", subject: "model \(graph.name)", cause: cause, remedy: remedy)
        }
        let states = Set(card.state.map(\.input))
        let pictures = graph.inputs.filter { !states.contains($0.name) }
        guard pictures.count == 1, let input = pictures.first else {
            throw error(
                "it has \(pictures.count) inputs (\(Self.list(pictures))), not one picture",
                "Use a model whose only input is a picture, but for those that fathom.state names")
        }
        guard input.type == .float, let dimensions = input.dimensions, dimensions.count == 4,
            Self.allows(dimensions[0], 1), Self.allows(dimensions[1], 3)
        else {
            throw error(
                "its input \(Self.list([input])) is not a picture (1 × 3 × height × width, float32)",
                "Export the model with a picture as its input")
        }
        guard let result = graph.outputs.first else {
            throw error("it has no output", "Export the model with its depth as the output")
        }
        name = input.name
        output = result.name
        fixedHeight = Self.fixed(dimensions[2])
        fixedWidth = Self.fixed(dimensions[3])
        for side in [fixedWidth, fixedHeight].compactMap({ $0 })
        where !(1...ModelCard.greatestSize).contains(side) {
            throw error(
                "its input has a side of \(side)",
                "Sides are 1 to \(ModelCard.greatestSize) pixels")
        }
    }

    private static func fixed(_ dimension: Dimension) -> Int? {
        if case .fixed(let size) = dimension { size } else { nil }
    }

    private static func allows(_ dimension: Dimension, _ size: Int) -> Bool {
        fixed(dimension).map { $0 == size } ?? true
    }

    private static func list(_ values: [ValueInfo]) -> String {
        values.map { value in
            let shape = value.dimensions.map { $0.map(\.description).joined(separator: "×") }
            return "\(value.name): \(value.type) \(shape ?? "of unknown shape")"
        }.joined(separator: ", ")
    }
}
