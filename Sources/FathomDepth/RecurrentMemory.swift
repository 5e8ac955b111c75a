import FathomCore
import FathomEngine
import FathomGraph

/// What a recurrent network is given of the frame before: the outputs that `fathom.state` names, or zeros at the beginning
/// of a scene. Empty for other networks.
struct RecurrentMemory: Stateful {
    private let pairs: [ModelCard.StatePair]
    private let inputs: [String: ValueInfo]
    private let name: String
    private let picture: ValueInfo?
    /// Whether the picture begins a new scene is seen in its brightness, before the network runs.
    private var cuts = SceneCutDetector()
    private var values: [String: [Float]] = [:]

    /// Checks that the pairs exist.
    init(graph: Graph, card: ModelCard) throws(FathomError) {
        pairs = card.state
        name = graph.name
        var inputs: [String: ValueInfo] = [:]
        for pair in pairs {
            guard let input = graph.inputs.first(where: { $0.name == pair.input }),
                graph.outputs.contains(where: { $0.name == pair.output }), input.type == .float
            else {
                throw FathomError(
                    operation: "use", subject: "model \(graph.name)",
                    cause: "fathom.state names '\(pair.input)=\(pair.output)', which it has not",
                    remedy: "Export the model with pairs of float32 inputs and outputs")
            }
            inputs[pair.input] = input
        }
        self.inputs = inputs
        let states = Set(pairs.map(\.input))
        picture = graph.inputs.first { !states.contains($0.name) }
    }

    /// The shapes of all inputs for a picture of a shape: a state's axes are fixed, or named as an axis of the picture's,
    /// as `height/8` where they are shorter.
    func shapes(picture name: String, _ shape: Shape) throws(FathomError) -> [String: Shape] {
        var shapes = [name: shape]
        var lengths: [String: Int] = [:]
        for (dimension, length) in zip(picture?.dimensions ?? [], shape.dimensions) {
            if case .named(let axis) = dimension { lengths[axis] = length }
        }
        for (input, info) in inputs {
            var dimensions: [Int] = []
            for dimension in info.dimensions ?? [.unknown] {
                guard let length = Self.length(dimension, lengths) else {
                    throw FathomError(
                        operation: "use", subject: "model \(self.name)",
                        cause: "the size of its state '\(input)' (\(dimension)) cannot be told",
                        remedy:
                            "Name its axes as the picture's, such as height/8, or fix them")
                }
                dimensions.append(length)
            }
            guard let shape = Shape(checking: dimensions), shape.count <= 1 << 26 else {
                throw FathomError(
                    operation: "use", subject: "model \(self.name)",
                    cause: "its state '\(input)' is too large")
            }
            shapes[input] = shape
        }
        return shapes
    }

    private static func length(_ dimension: Dimension, _ lengths: [String: Int]) -> Int? {
        switch dimension {
        case .fixed(let length): return length
        case .unknown: return nil
        case .named(let axis):
            if let length = lengths[axis] { return length }
            let parts = axis.split(separator: "/")
            guard parts.count == 2, let whole = lengths[String(parts[0])],
                let part = Int(parts[1]), part > 0, whole.isMultiple(of: part)
            else { return nil }
            return whole / part
        }
    }

    /// Gives the network what it remembers, or zeros where the picture of `map` begins a scene.
    mutating func recall(_ session: Session, before map: DepthMap) {
        guard !pairs.isEmpty else { return }
        if cuts.update(map) { values = [:] }
        for pair in pairs {
            session.withInput(pair.input) { target in
                if let kept = values[pair.input], kept.count == target.count {
                    _ = target.update(fromContentsOf: kept)
                } else {
                    target.update(repeating: 0)
                }
            }
        }
    }

    /// Keeps what the network gave for the next frame; numbers that are none would stay for ever.
    mutating func keep(_ session: Session) {
        for pair in pairs {
            session.withOutput(pair.output) { output, _ in
                values[pair.input] = output.allSatisfy(\.isFinite) ? Array(output) : nil
            }
        }
    }

    /// Begins anew.
    mutating func forget() {
        values = [:]
        cuts = SceneCutDetector()
    }

    func saveState() -> [UInt8] {
        var writer = StateWriter(tag: "RNNM", version: 1)
        writer.write(cuts.saveState())
        for pair in pairs { writer.write(values[pair.input] ?? []) }
        return writer.bytes
    }

    mutating func restoreState(_ bytes: [UInt8]) throws(FathomError) {
        var reader = try StateReader(bytes, tag: "RNNM", version: 1)
        var copy = self
        try copy.cuts.restoreState(try reader.readBytes())
        for pair in pairs {
            let kept = try reader.readFloats()
            copy.values[pair.input] = kept.isEmpty ? nil : kept
        }
        try reader.finish()
        self = copy
    }
}
