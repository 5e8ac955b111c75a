import FathomCore
import FathomGraph

/// How weights are taken out of a network.
public enum PruningMethod: String, CaseIterable, Hashable, Sendable {
    /// The least weights of all convolutions become 0 (Han et al. 2015): the network keeps its shape and speed.
    case magnitude
    /// The channels with the least weights go, throughout the network (Li et al. 2017): it gets smaller and faster.
    case channel
}

extension Graph {
    /// The network without `amount` (0…1) of its weights.
    ///
    /// - Parameters:
    ///   - method: `magnitude`: that share of the convolutions' weights becomes 0. `channel`: as many channels go, the same
    ///     share everywhere, as make the network's parameters fewer by that share at least; channels that belong together
    ///     by sums and concatenations go together.
    ///   - inputShapes: any shapes that fit.
    /// - Throws: when so much cannot be removed.
    public func pruned(
        amount: Double, method: PruningMethod, inputShapes: [String: Shape]
    ) throws(FathomError) -> Graph {
        guard amount > 0, amount < 1 else {
            throw FathomError(
                .usage, operation: "prune", subject: "model \(name)",
                cause: "--amount is \(amount)", remedy: "Give a share above 0 and below 1")
        }
        switch method {
        case .magnitude: return withoutLeastWeights(amount)
        case .channel:
            let pruning = ChannelPruning(self, facts: try facts(inputShapes: inputShapes))
            var (low, high) = (0.0, 1.0)
            // The least share of channels that is enough.
            for _ in 0..<12 {
                let middle = (low + high) / 2
                if pruning.removedShare(channels: middle) >= amount {
                    high = middle
                } else {
                    low = middle
                }
            }
            guard pruning.removedShare(channels: high) >= amount else {
                throw FathomError(
                    operation: "prune", subject: "model \(name)",
                    cause: "no \(amount) of its parameters can go with whole channels",
                    remedy: "Give less, or --method magnitude")
            }
            return try pruning.graph(channels: high)
        }
    }

    /// Weights of convolutions.
    private var filters: [String] {
        let names = nodes.filter { ["Conv", "ConvTranspose"].contains($0.operation) }
            .compactMap { $0.inputs.dropFirst().first }
        return Set(names).filter { initializers[$0]?.tensor != nil }.sorted()
    }

    private func withoutLeastWeights(_ amount: Double) -> Graph {
        var graph = self
        var sizes = filters.flatMap { initializers[$0]?.floatValues ?? [] }.map(abs)
        sizes.sort()
        guard !sizes.isEmpty else { return self }
        let limit = sizes[min(Int(Double(sizes.count) * amount), sizes.count - 1)]
        for name in filters {
            guard let tensor = initializers[name]?.tensor else { continue }
            let values = tensor.values.map { abs($0) < limit ? 0 : $0 }
            graph.initializers[name] = .floats(Tensor(shape: tensor.shape, values: values))
        }
        return graph
    }
}

/// Removes channels.
private struct ChannelPruning {
    private let source: Graph
    private let groups: ChannelGroups
    /// The sum of squares of the weights that make each channel, by group; only of groups that may be cut.
    private let importance: [Int: [Float]]
    private let parameters: Int
    /// Channels of a group stay a multiple of this, for kernels' sake.
    private static let multiple = 8

    init(_ graph: Graph, facts: [String: Fact]) {
        source = graph
        groups = ChannelGroups(graph, facts: facts)
        var importance: [Int: [Float]] = [:]
        for node in graph.nodes {
            guard let made = Self.filter(node, graph), let output = node.outputs.first,
                let parts = groups.parts[output], parts.count == 1
            else { continue }
            let group = groups.root(parts[0].group)
            guard groups.isFree(group) else { continue }
            var sums = importance[group] ?? Array(repeating: 0, count: parts[0].count)
            guard sums.count == made.norms.count else { continue }
            // Each layer counts alike, whatever the size of its weights.
            let total = max(made.norms.reduce(0, +), .leastNormalMagnitude)
            for index in sums.indices { sums[index] += made.norms[index] / total }
            importance[group] = sums
        }
        self.importance = importance
        parameters = Self.parameters(of: graph)
    }

    private static func parameters(of graph: Graph) -> Int {
        graph.initializers.values.reduce(0) { $0 + ($1.tensor?.shape.count ?? 0) }
    }

    /// The squares of the weights of each channel that a convolution makes; nil for depthwise ones.
    private static func filter(_ node: Node, _ graph: Graph) -> (axis: Int, norms: [Float])? {
        guard ["Conv", "ConvTranspose"].contains(node.operation), node.inputs.count > 1,
            let tensor = graph.initializers[node.inputs[1]]?.tensor, tensor.shape.rank == 4
        else { return nil }
        if case .integer(let count)? = node.attributes["group"], count > 1 { return nil }
        let axis = node.operation == "Conv" ? 0 : 1
        var norms = [Float](repeating: 0, count: tensor.shape[axis])
        let step = tensor.shape.strides[axis]
        for (index, value) in tensor.values.enumerated() {
            norms[index / step % tensor.shape[axis]] += value * value
        }
        return (axis, norms)
    }

    /// The channels of each group that stay when a share goes.
    private func staying(channels share: Double) -> [Int: [Int]] {
        importance.mapValues { sums in
            let wanted = Double(sums.count) * (1 - share)
            let unit = sums.count >= 2 * Self.multiple ? Self.multiple : 1
            let count = min(sums.count, max(unit, Int(wanted) / unit * unit))
            let order = sums.indices.sorted { (sums[$0], $1) > (sums[$1], $0) }
            return order.prefix(count).sorted()
        }
    }

    func removedShare(channels share: Double) -> Double {
        let cut = cut(staying(channels: share))
        return 1 - Double(Self.parameters(of: cut)) / Double(max(parameters, 1))
    }

    func graph(channels share: Double) throws(FathomError) -> Graph {
        let cut = cut(staying(channels: share))
        return try Graph(
            name: cut.name, inputs: cut.inputs, outputs: cut.outputs, nodes: cut.nodes,
            initializers: cut.initializers, metadata: cut.metadata, operatorSet: cut.operatorSet)
    }

    /// The channels of an edge that stay; nil where all do.
    private func staying(_ edge: String, _ staying: [Int: [Int]]) -> [Int]? {
        guard let parts = groups.parts[edge],
            parts.contains(where: { staying[groups.root($0.group)] != nil })
        else { return nil }
        var result: [Int] = []
        var offset = 0
        for part in parts {
            let kept = staying[groups.root(part.group)] ?? Array(0..<part.count)
            result += kept.map { $0 + offset }
            offset += part.count
        }
        return result
    }

    private func cut(_ staying: [Int: [Int]]) -> Graph {
        var graph = source
        var done: Set<String> = []
        func select(_ name: String, _ axis: Int, _ kept: [Int]?) {
            guard let kept, done.insert("\(name) \(axis)").inserted,
                let tensor = graph.initializers[name]?.tensor
            else { return }
            graph.initializers[name] = .floats(tensor.selecting(kept, axis: axis))
        }
        for index in graph.nodes.indices {
            let node = graph.nodes[index]
            guard let output = node.outputs.first, let input = node.inputs.first else { continue }
            let (before, after) = (self.staying(input, staying), self.staying(output, staying))
            switch node.operation {
            case "Conv", "ConvTranspose":
                let isDepthwise = Self.filter(node, source) == nil
                let outputAxis = node.operation == "Conv" ? 0 : 1
                select(node.inputs[1], outputAxis, after)
                if !isDepthwise { select(node.inputs[1], 1 - outputAxis, before) }
                if node.inputs.count > 2 { select(node.inputs[2], 0, after) }
                if isDepthwise, let after {
                    graph.nodes[index].attributes["group"] = .integer(after.count)
                }
            case "BatchNormalization":
                for name in node.inputs.dropFirst() { select(name, 0, after) }
            default: break
            }
        }
        return graph
    }
}

extension Tensor {
    /// Some places of an axis.
    fileprivate func selecting(_ places: [Int], axis: Int) -> Tensor {
        var lengths = shape.dimensions
        let step = shape.strides[axis]
        let length = lengths[axis]
        lengths[axis] = places.count
        let outer = length * step == 0 ? 0 : count / (length * step)
        var values: [Float] = []
        values.reserveCapacity(outer * places.count * step)
        withUnsafeBuffer { source in
            for block in 0..<outer {
                for place in places where place < length {
                    let start = (block * length + place) * step
                    values += source[start..<start + step]
                }
            }
        }
        return Tensor(shape: Shape(lengths), values: values)
    }
}
