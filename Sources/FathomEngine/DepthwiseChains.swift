import CKernels
import FathomCore
import FathomGraph

/// Nodes that are computed together with the depthwise convolution between them.
struct DepthwiseChain: Sendable {
    /// A pointwise convolution or an interpolation whose output only the depthwise convolution reads.
    var before: Node?
    let depthwise: Node
    /// A pointwise convolution that alone reads the depthwise one's output.
    var after: Node?

    /// The edge that is written.
    var output: String { (after ?? depthwise).outputs[0] }
    /// The edges that are not.
    var inner: [String] {
        (before?.outputs ?? []) + (after == nil ? [] : depthwise.outputs)
    }
}

extension Planner {
    /// Pixels from which on what lies between the convolutions is too large for the second-level cache.
    private static let fewestPixels = 1024
    /// Input channels of a pointwise convolution from which on computing the rows anew that two strips share costs
    /// more than writing them to memory.
    private static let mostExpandedChannels = 128

    /// The chains that are worth computing strip by strip, by the edge that they write.
    func findChains() throws(FathomError) -> [String: DepthwiseChain] {
        let readers = graph.readerCounts
        let writers = Dictionary(
            graph.nodes.map { ($0.outputs[0], $0) }, uniquingKeysWith: { first, _ in first })
        var nextNodes: [String: Node] = [:]
        for node in graph.nodes where !node.inputs.isEmpty { nextNodes[node.inputs[0]] = node }
        var result: [String: DepthwiseChain] = [:]
        var taken: Set<String> = []
        for node in graph.nodes {
            guard node.inputs.count <= 3, let depthwise = try chainable(node),
                depthwise.isDepthwise
            else { continue }
            let window = depthwise.convolution.window
            guard window.rows.input * window.columns.input >= Self.fewestPixels else { continue }
            var chain = DepthwiseChain(depthwise: node)
            var isExpanded = false
            if readers[node.inputs[0]] == 1, let writer = writers[node.inputs[0]],
                !taken.contains(node.inputs[0])
            {
                isExpanded = try isExpansion(writer)
                let isInterpolated = try isInterpolation(writer)
                if isExpanded || isInterpolated { chain.before = writer }
            }
            // An expansion's rows that two strips share are computed twice, so its strips are few and tall, and
            // the cache has no room for all channels of them.
            if !isExpanded, readers[node.outputs[0]] == 1, let next = nextNodes[node.outputs[0]],
                try isProjection(next)
            {
                chain.after = next
            }
            guard chain.before != nil || chain.after != nil else { continue }
            taken.insert(chain.output)
            result[chain.output] = chain
        }
        return result
    }

    /// A convolution of pictures by a kernel.
    private func chainable(_ node: Node) throws(FathomError) -> ConstantConvolution? {
        guard Operator.table[node.operation]?.lowering == .convolution, node.outputs.count == 1,
            let convolution = try constantConvolution(node),
            convolution.convolution.outputShape.rank == 4
        else { return nil }
        return convolution
    }

    private func isExpansion(_ node: Node) throws(FathomError) -> Bool {
        guard node.inputs.count <= 3, let source = try chainable(node), source.isPointwise else {
            return false
        }
        return (Kernels.block...Self.mostExpandedChannels).contains(
            source.convolution.inputChannels)
    }

    private func isProjection(_ node: Node) throws(FathomError) -> Bool {
        guard let source = try chainable(node), source.isPointwise else { return false }
        return source.convolution.outputChannels > Self.mostNarrowChannels
    }

    /// Whether a node interpolates rows and columns of blocks of channels.
    private func isInterpolation(_ node: Node) throws(FathomError) -> Bool {
        guard Operator.table[node.operation]?.lowering == .resize,
            let shape = facts[node.outputs[0]]?.shape, shape.rank == 4,
            shape[1] >= Kernels.block, shape.count > 0
        else { return false }
        let tables = try resize(node).tables
        return tables[0].isIdentity && tables[1].isIdentity && tables[2].taps > 1
            && tables[3].taps > 1
    }

    private func resize(_ node: Node) throws(FathomError) -> Resize {
        try Resize(
            Operands(node, node.inputs.map { facts[$0] }, operatorSet: graph.operatorSet))
    }

    /// Plans a chain.
    mutating func lowerChain(_ chain: DepthwiseChain) throws(FathomError) -> Bool {
        guard let depthwise = try constantConvolution(chain.depthwise) else { return false }
        var expansion: ConstantConvolution?
        var resizer: RowResizer?
        if let before = chain.before {
            if try isExpansion(before) {
                expansion = try constantConvolution(before)
            } else {
                let tables = try resize(before).tables
                resizer = RowResizer(
                    rows: tables[2], columns: tables[3], lanes: Kernels.block, kernels: kernels)
            }
        }
        var projection: ConstantConvolution?
        if let after = chain.after { projection = try constantConvolution(after) }
        let input = try operand((chain.before ?? chain.depthwise).inputs[0], .blocked)
        var residual: Place?
        if let after = chain.after, after.inputs.count > 3 {
            residual = try operand(after.inputs[3], .blocked)
        }
        let output = try result(chain.output, .blocked)
        let band = DepthwiseBand(
            depthwise.convolution,
            source: expansion != nil ? .pointwise : resizer != nil ? .resize : .picture,
            isProjected: projection != nil, sourceScratch: resizer?.scratchCount ?? 0)
        let scratch = newBuffer(band.slots * band.slotCount)
        let kernels = kernels
        let middle = PackedPart(depthwise, kernels)
        let first = expansion.map { PackedPart($0, kernels) }
        let last = projection.map { PackedPart($0, kernels) }
        let nodes = [chain.before, chain.depthwise, chain.after].compactMap { $0 }
        append(
            PlannedStep(
                node: nodes.map(\.name).joined(separator: ", "),
                operation: nodes.map(\.operation).joined(separator: ", "),
                reads: [input] + (residual.map { [$0] } ?? []), writes: [output, scratch],
                worksInPlace: false
            ) { [residual, resizer] memory in
                let source = memory.readable(input)
                let target = memory.writable(output)
                return DepthwiseBandStep(
                    band: band,
                    expansion: first.map { $0.bind(memory, source, target, nil) },
                    resize: resizer.map { ($0, source) },
                    depthwise: middle.bind(memory, source, target, nil),
                    projection: last.map {
                        $0.bind(memory, source, target, residual.map(memory.readable))
                    }, kernels: kernels,
                    slots: ScratchSlots(
                        memory.writable(scratch), slots: band.slots, slotCount: band.slotCount))
            })
        return true
    }
}

/// A convolution of a chain before it has addresses.
private struct PackedPart: Sendable {
    let packed: PackedWeights
    let geometry: ConvolutionGeometry

    init(_ source: ConstantConvolution, _ kernels: Kernels) {
        packed = PackedWeights(source, kernels)
        geometry = ConvolutionGeometry(
            source.convolution, isPlanar: false, isDepthwise: source.isDepthwise,
            groupBlocks: Int(kernels.table.group_blocks))
    }

    func bind(
        _ memory: Memory, _ input: UnsafePointer<Float>, _ output: UnsafeMutablePointer<Float>,
        _ residual: UnsafePointer<Float>?
    ) -> DepthwiseBandStep.Part {
        var conv = geometry.conv
        conv.input = input
        conv.output = output
        conv.residual = residual
        conv.weights = memory.readable(.constant(packed.weights))
        conv.bias = memory.readable(.constant(packed.bias))
        return DepthwiseBandStep.Part(
            conv: conv, inputImage: geometry.inputImage, outputImage: geometry.outputImage)
    }
}
