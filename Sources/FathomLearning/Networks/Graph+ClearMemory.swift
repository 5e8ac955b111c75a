import FathomCore
import FathomGraph

extension Graph {
    /// A recurrent network that remembers nothing: its states are zeros and no longer inputs.
    ///
    /// - Parameters:
    ///   - states: the inputs, whose axes are fixed or named after the picture's, such as `height/8`; a first axis of any
    ///     length is for one picture.
    ///   - width: the picture's.
    ///   - height: the picture's.
    /// - Throws: when a state's size can't be told.
    func withClearMemory(_ states: [String], width: Int, height: Int) throws(FathomError) -> Graph {
        var graph = self
        for state in states {
            guard let index = graph.inputs.firstIndex(where: { $0.name == state }) else { continue }
            let axes = (graph.inputs[index].dimensions ?? []).enumerated()
            let lengths = axes.compactMap { axis, dimension -> Int? in
                switch dimension {
                case .fixed(let length): length
                case .named where axis == 0, .unknown where axis == 0: 1
                case .named(let name): Self.part(of: ["height": height, "width": width], name)
                case .unknown: nil
                }
            }
            guard let shape = Shape(checking: lengths), shape.rank == 4, shape.count <= 1 << 26
            else {
                throw FathomError(
                    operation: "use", subject: "model \(graph.name)",
                    cause: "the size of its state '\(state)' isn't known")
            }
            graph.initializers[state] = .floats(Tensor(shape: shape))
            graph.inputs.remove(at: index)
        }
        return graph
    }

    /// What a network's `height/8` is for pictures of a size.
    private static func part(of sides: [String: Int], _ name: String) -> Int? {
        let words = name.split(separator: "/")
        guard let side = sides[String(words.first ?? "")],
            let divisor = words.count == 2 ? Int(words[1]) : 1, divisor > 0
        else { return nil }
        return side / divisor
    }
}
