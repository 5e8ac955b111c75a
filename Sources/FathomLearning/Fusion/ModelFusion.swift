import FathomCore
import FathomDepth
import FathomGraph

/// How several predictions become one.
public enum FusionMethod: String, Hashable, Sendable, CaseIterable, Codable {
    /// The mean.
    case mean
    /// The median of each pixel.
    case median
    /// The mean by confidence: members count less where they are far from the median, e^(−|d − m| / s) with s the mean of
    /// |d − m| over members and pixels.
    case weighted
    /// A weighted sum whose weights are learnt by least squares on data with known depth.
    case learned
}

/// Joins depth networks into one ONNX graph that takes one picture.
///
/// Relative depths have scales of their own: each is divided by its mean over the picture first. Metres are taken as they
/// are. With flipping, each member also sees the mirrored picture, and the mean of both is its prediction.
public struct ModelFusion {
    /// How predictions become one.
    public var method: FusionMethod
    /// Whether members see the mirrored picture too.
    public var flip: Bool
    /// Weights of the members and what is added; for `learned`.
    public var weights: (members: [Double], shift: Double)?

    /// A fusion.
    public init(method: FusionMethod, flip: Bool = false) {
        self.method = method
        self.flip = flip
    }

    /// The smallest mean that is divided by.
    private static let tiny: Float = 1e-6
    /// Axes of a map's rows and columns.
    private static let plane = [2, 3]

    /// The joined graph, with the first member's mean, deviation and size.
    ///
    /// - Throws: where members differ in what they give, or in operator sets that can't be joined.
    public func joined(_ members: [Graph]) throws(FathomError) -> Graph {
        guard members.count >= 1, members.count > 1 || flip else {
            throw Self.failure("there is one network", "Give several, or --flip")
        }
        guard members.count <= 16 else { throw Self.failure("there are over 16", "Give fewer") }
        var cards: [ModelCard] = []
        for graph in members {
            cards.append(
                try ModelCard(
                    metadata: graph.metadata, subject: "model \(graph.name)",
                    defaultName: graph.name))
        }
        let first = cards[0]
        if let other = cards.first(where: { $0.outputKind != first.outputKind }) {
            throw Self.failure(
                "\(first.name) gives \(first.outputKind.rawValue) and \(other.name) \(other.outputKind.rawValue)",
                "Join networks that give the same")
        }
        let sets = members.map(\.operatorSet)
        let (oldest, newest) = (sets.min() ?? 17, sets.max() ?? 17)
        // Between 13 and 17 nothing changed that depth networks use.
        guard oldest == newest || (oldest >= 13 && newest <= 17) else {
            throw Self.failure(
                "they use operator sets \(oldest) and \(newest)",
                "Export them with the same operator set")
        }
        var builder = GraphBuilder(name: "fused", operatorSet: newest)
        let sides = try Self.sides(members)
        let image = builder.input("image", [.fixed(1), .fixed(3)] + sides)
        var depths: [String] = []
        for (number, graph) in members.enumerated() {
            let member = FusionMember(graph, prefix: "member\(number)/")
            let picture = Self.renormalized(image, from: first, to: cards[number], &builder)
            var depth = try member.add(to: &builder, picture: picture, run: "")
            if flip {
                let mirrored = Self.mirrored(picture, &builder)
                let other = try member.add(to: &builder, picture: mirrored, run: "mirrored/")
                let sum = builder.add(depth, Self.mirrored(other, &builder))
                depth = builder.multiply(sum, 0.5)
            }
            depths.append(
                first.outputKind == .metres || members.count == 1
                    ? depth : Self.scaled(depth, &builder))
        }
        let fused = try fused(depths, &builder)
        let output = builder.node("Identity", [fused], name: "depth")
        builder.output(output, [.fixed(1), .fixed(1)] + sides)
        var graph = try builder.finish()
        graph.metadata = members[0].metadata
        graph.metadata["fathom.name"] = "fused-\(method.rawValue)"
        graph.metadata["fathom.output"] = first.outputKind.rawValue
        graph.metadata["fathom.sizeMultiple"] = "\(Self.commonMultiple(cards.map(\.sizeMultiple)))"
        graph.metadata["fathom.description"] =
            "\(method.rawValue) of \(cards.map(\.name).joined(separator: ", "))\(flip ? ", each with its mirror picture" : "")"
        let licences = Set(cards.map(\.license).filter { !$0.isEmpty }).sorted()
        graph.metadata["fathom.license"] = licences.joined(separator: " and ")
        return graph
    }

    static func failure(_ cause: String, _ remedy: String) -> FathomError {
        FathomError(
            .usage, operation: "fuse", subject: "the networks", cause: cause, remedy: remedy)
    }

    /// Rows and columns of the picture: those of a member that has fixed ones, else free.
    private static func sides(_ members: [Graph]) throws(FathomError) -> [Dimension] {
        var sides: [Dimension] = [.named("height"), .named("width")]
        for graph in members {
            guard let own = graph.inputs.first?.dimensions, own.count == 4, graph.inputs.count == 1
            else { throw failure("\(graph.name) doesn't take one picture", "Leave it out") }
            for (axis, side) in own.suffix(2).enumerated() {
                guard case .fixed = side else { continue }
                if case .fixed = sides[axis], sides[axis] != side {
                    throw failure(
                        "they take pictures of different sizes", "Export them with one --size")
                }
                sides[axis] = side
            }
        }
        return sides
    }

    private static func commonMultiple(_ numbers: [Int]) -> Int {
        numbers.reduce(1) { result, number in
            var (a, b) = (result, number)
            while b != 0 { (a, b) = (b, a % b) }
            return result / max(a, 1) * number
        }
    }

    /// A picture with another member's mean and deviation.
    private static func renormalized(
        _ image: String, from: ModelCard, to: ModelCard, _ builder: inout GraphBuilder
    ) -> String {
        guard from.mean != to.mean || from.std != to.std else { return image }
        func channels(_ values: [Float], _ builder: inout GraphBuilder) -> String {
            builder.constant(Tensor(shape: [1, 3, 1, 1], values: values), near: "normalization")
        }
        let scale = channels(zip(from.std, to.std).map { $0 / $1 }, &builder)
        let shift = channels((0..<3).map { (from.mean[$0] - to.mean[$0]) / to.std[$0] }, &builder)
        return builder.add(builder.multiply(image, scale), shift)
    }

    /// Left and right swapped.
    private static func mirrored(_ edge: String, _ builder: inout GraphBuilder) -> String {
        builder.slice(edge, axes: [3], from: [-1], to: [Int(Int32.min)], steps: [-1])
    }

    /// Divided by its mean over the picture.
    private static func scaled(_ depth: String, _ builder: inout GraphBuilder) -> String {
        let mean = builder.mean(depth, axes: plane)
        return builder.divide(depth, builder.node("Max", [mean, builder.constant(tiny)]))
    }

    private func fused(
        _ depths: [String], _ builder: inout GraphBuilder
    ) throws(FathomError) -> String {
        guard depths.count > 1 else { return depths[0] }
        switch method {
        case .mean:
            return builder.multiply(Self.sum(depths, &builder), 1 / Float(depths.count))
        case .median: return Self.median(depths, &builder)
        case .weighted: return Self.confident(depths, &builder)
        case .learned:
            guard let weights, weights.members.count == depths.count else {
                throw Self.failure("the weights haven't been learnt", "Give --data")
            }
            let parts = zip(depths, weights.members).map { depth, weight in
                builder.multiply(depth, Float(weight))
            }
            let sum = builder.add(Self.sum(parts, &builder), Float(weights.shift))
            return builder.node("Max", [sum, builder.constant(Float(0))])
        }
    }

    private static func sum(_ edges: [String], _ builder: inout GraphBuilder) -> String {
        edges.dropFirst().reduce(edges[0]) { builder.add($0, $1) }
    }

    /// The middle of each pixel's values by a sorting network (odd-even transposition).
    private static func median(_ edges: [String], _ builder: inout GraphBuilder) -> String {
        var sorted = edges
        for round in sorted.indices {
            for low in stride(from: round % 2, to: sorted.count - 1, by: 2) {
                let pair = [sorted[low], sorted[low + 1]]
                sorted[low] = builder.node("Min", pair)
                sorted[low + 1] = builder.node("Max", pair)
            }
        }
        let middle = sorted.count / 2
        guard sorted.count.isMultiple(of: 2) else { return sorted[middle] }
        return builder.multiply(builder.add(sorted[middle - 1], sorted[middle]), 0.5)
    }

    private static func confident(_ edges: [String], _ builder: inout GraphBuilder) -> String {
        let middle = median(edges, &builder)
        let apart = edges.map { edge in
            builder.node("Abs", [builder.subtract(edge, middle)])
        }
        let all = builder.multiply(sum(apart, &builder), 1 / Float(edges.count))
        let spread = builder.add(builder.mean(all, axes: plane), tiny)
        let weights = apart.map { edge in
            builder.node("Exp", [builder.node("Neg", [builder.divide(edge, spread)])])
        }
        let parts = zip(edges, weights).map { builder.multiply($0, $1) }
        return builder.divide(sum(parts, &builder), sum(weights, &builder))
    }
}

/// A network that is put into a larger graph, once or several times, with its weights there once.
struct FusionMember {
    private let graph: Graph
    private let prefix: String

    init(_ graph: Graph, prefix: String) {
        self.graph = graph
        self.prefix = prefix
    }

    /// Adds the nodes under names of their own and gives the depth, 1×1×H×W.
    func add(
        to builder: inout GraphBuilder, picture: String, run: String
    ) throws(FathomError) -> String {
        guard let input = graph.inputs.first?.name, let output = graph.outputs.first else {
            throw ModelFusion.failure("\(graph.name) has no input or output", "Leave it out")
        }
        var names: [String: String] = ["": "", input: picture]
        for (name, value) in graph.initializers {
            let own = prefix + name
            names[name] = own
            if run.isEmpty { builder.initializer(own, value) }
        }
        for node in graph.nodes {
            for edge in node.outputs where !edge.isEmpty { names[edge] = prefix + run + edge }
            var copy = node
            copy.name = prefix + run + node.name
            copy.inputs = node.inputs.map { names[$0] ?? $0 }
            copy.outputs = node.outputs.map { names[$0] ?? $0 }
            builder.append(copy)
        }
        let depth = names[output.name] ?? output.name
        guard output.dimensions?.count == 3 else { return depth }
        return builder.node("Unsqueeze", [depth, builder.constant([1])])
    }
}
