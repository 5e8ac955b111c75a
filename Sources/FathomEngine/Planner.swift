import CKernels
import FathomCore
import FathomGraph

/// Turns the nodes of a graph into steps for one set of input shapes; lives while a plan is made.
struct Planner {
    let graph: Graph
    let facts: [String: Fact]
    let instructionSet: InstructionSet
    /// The types that edges have in the graph.
    private let types: [String: ElementType]
    /// Names of the engine's choices that are not to be made.
    let disabled: Set<String>
    /// The numbers to compute with.
    let precision: Precision
    private(set) var steps: [PlannedStep] = []
    var buffers: [ArenaLayout.Buffer] = []
    private(set) var inputs: [String: PlannedEdge] = [:]
    /// Edges that are not floating point, by their numbers among the session's boxes.
    private var boxes: [String: Int] = [:]
    private(set) var places: [String: [Layout: Place]] = [:]
    /// Nodes that are computed together with a depthwise convolution, by the edge that they write.
    private var chains: [String: DepthwiseChain] = [:]
    /// Edges that another node than their own computes: those within chains, and results of batch norms' limits.
    private var chained: Set<String> = []
    /// Batch norms in training that limit their results, by the edge that they would write.
    private(set) var limitedNorms: [String: LimitedNorm] = [:]
    /// Edges whose pixels are those of others; they are put together where a step wants them.
    var moved: [String: [MovedPart]] = [:]
    /// The joined edge, and the number in it, where an edge is best written.
    var joints: [String: Joint] = [:]
    /// The buffers of joined edges some piece of which has been written.
    var joinedBuffers: [String: Int] = [:]
    /// Edges that lie in the arena as bytes.
    private(set) var quantizedEdges: Set<String> = []
    /// The convolutions that write them, by their output.
    private(set) var quantizedConvolutions: [String: QuantizedConvolution] = [:]

    init(
        _ graph: Graph, facts: [String: Fact], instructionSet: InstructionSet,
        disabled: Set<String>, precision: Precision
    ) {
        self.disabled = disabled
        self.precision = precision
        self.graph = graph
        // Kernels compute every floating-point type in float32.
        self.facts = facts.mapValues(\.computed)
        types = facts.mapValues(\.type)
        self.instructionSet = instructionSet
    }

    /// The kernels in use, and how they want weights packed.
    var kernels: Kernels { Kernels(instructionSet) }

    /// How many edges are not floating point.
    var boxCount: Int { boxes.count }

    /// Plans all nodes; returns where each output lies.
    mutating func plan() throws(FathomError) -> [String: PlannedEdge] {
        for input in graph.inputs {
            guard let fact = facts[input.name] else { continue }
            let store: PlannedEdge.Store
            if fact.type == .float {
                let buffer = newBuffer(fact.shape.count)
                places[input.name] = [.planar: .buffer(buffer)]
                store = .floats(.buffer(buffer))
            } else {
                store = .box(box(input.name))
            }
            inputs[input.name] = edge(input.name, store, fact)
        }
        chains = precision == .bf16 ? [:] : try findChains()
        let limited = try findLimitedNorms()
        limitedNorms = limited.norms
        chained = limited.inner.union(chains.values.flatMap(\.inner))
        joints = try findJoints()
        quantizedConvolutions = try findQuantizedConvolutions()
        quantizedEdges = try findQuantizedEdges()
        for node in graph.nodes where !node.outputs.allSatisfy({ facts[$0]?.constant != nil }) {
            try lower(node)
        }
        var outputs: [String: PlannedEdge] = [:]
        for output in graph.outputs {
            guard let fact = facts[output.name] else { continue }
            let store: PlannedEdge.Store
            if fact.type == .float {
                let place = try operand(output.name, .planar)
                // Inputs and outputs keep their memory throughout.
                if let buffer = place.buffer { buffers[buffer].last = Int.max }
                store = .floats(place)
            } else if let constant = fact.constant {
                store = .constant(constant)
            } else {
                store = .box(box(output.name))
            }
            outputs[output.name] = edge(output.name, store, fact)
        }
        for case .floats(let place) in inputs.values.map(\.store) {
            guard let buffer = place.buffer else { continue }
            buffers[buffer].first = -1
            buffers[buffer].last = Int.max
        }
        return outputs
    }

    private func edge(_ name: String, _ store: PlannedEdge.Store, _ fact: Fact) -> PlannedEdge {
        PlannedEdge(store: store, shape: fact.shape, type: types[name] ?? fact.type)
    }

    private mutating func lower(_ node: Node) throws(FathomError) {
        guard let entry = Operator.table[node.operation] else {
            throw node.error("the operator is unknown")
        }
        // The last node of a chain plans it, a batch norm what limits it.
        if node.outputs.count == 1, chained.contains(node.outputs[0]) { return }
        let operands = Operands(
            node, node.inputs.map { facts[$0] }, operatorSet: graph.operatorSet)
        guard entry.lowering == .quantized || isNumeric(node) else {
            return try lowerReference(operands, entry)
        }
        if try lowerMovedPixels(operands) { return }
        let isLowered =
            switch entry.lowering {
            case .convolution: try lowerConvolutions(node)
            case .transposedConvolution:
                if try lowerTransposedConvolution(operands) {
                    true
                } else {
                    try lowerVariableTransposedConvolution(operands)
                }
            case .unary: try lowerUnary(operands)
            case .binary: try lowerBinary(operands)
            case .resize: try lowerResize(operands)
            case .view: try lowerView(operands)
            case .matrix: try lowerMatrix(operands)
            case .concatenation: try lowerConcatenation(operands)
            case .reference: try lowerByName(operands)
            case .quantized: try lowerQuantized(operands)
            }
        if !isLowered { try lowerReference(operands, entry) }
    }

    /// Plans operators that have a kernel, but no kind of their own.
    private mutating func lowerByName(_ operands: Operands<Fact>) throws(FathomError) -> Bool {
        switch operands.node.operation {
        case Operator.fusedAttention: try lowerAttention(operands)
        case "LayerNormalization", "RMSNormalization", "InstanceNormalization",
            "GroupNormalization":
            try lowerNormalization(operands)
        case "Softmax", "LogSoftmax": try lowerSoftmax(operands)
        case "MaxPool", "AveragePool", "GlobalMaxPool", "GlobalAveragePool":
            try lowerPool(operands)
        case "PRelu" where isBroadcast(operands): try lowerBinary(operands)
        case "BatchNormalization":
            if try lowerBatchNormalization(operands) {
                true
            } else {
                try lowerBatchNormalizationTraining(operands)
            }
        case let name where name.hasPrefix("Reduce"): try lowerReduction(operands)
        case let name where Rearrangement.operators.contains(name): try lowerMovement(operands)
        default: if try lowerGradient(operands) { true } else { try lowerUnary(operands) }
        }
    }

    /// Whether two operands fit each other by NumPy's rule alone.
    private func isBroadcast(_ operands: Operands<Fact>) -> Bool {
        Broadcast(operands.inputs.compactMap { $0?.shape }) != nil
    }

    /// Whether all that a node reads and writes is floating point, constants apart.
    private func isNumeric(_ node: Node) -> Bool {
        node.outputs.allSatisfy { $0.isEmpty || facts[$0]?.type == .float }
            && node.inputs.allSatisfy {
                $0.isEmpty || facts[$0]?.type == .float || facts[$0]?.constant != nil
            }
    }

    private mutating func lowerConvolutions(_ node: Node) throws(FathomError) -> Bool {
        guard try shape(node.inputs[0]).rank <= 4 else { return false }
        if let chain = chains[node.outputs[0]] { return try lowerChain(chain) }
        if try lowerNarrowConvolution(node) { return true }
        if try lowerBFloatConvolution(node) { return true }
        if try lowerConvolution(node) { return true }
        return try lowerVariableConvolution(node)
    }

    /// An error about the model.
    func error(_ cause: String) -> FathomError {
        FathomError(operation: "plan", subject: "model \(graph.name)", cause: cause)
    }

    /// The shape of an edge.
    func shape(_ name: String) throws(FathomError) -> Shape {
        guard let fact = facts[name] else { throw error("the edge '\(name)' has no shape") }
        return fact.shape
    }

    // MARK: Buffers

    /// A new buffer; its life is that of the steps that use it.
    mutating func newBuffer(_ count: Int) -> Int {
        buffers.append(ArenaLayout.Buffer(count: count, first: steps.count, last: steps.count))
        return buffers.count - 1
    }

    /// The number among the session's boxes of an edge that is not floating point.
    mutating func box(_ name: String) -> Int {
        if let number = boxes[name] { return number }
        boxes[name] = boxes.count
        return boxes.count - 1
    }

    /// Numbers that a shape takes in a layout.
    static func count(_ shape: Shape, _ layout: Layout) -> Int {
        if layout == .quantized { return QuantizedPicture(shape).count }
        guard layout == .blocked else { return shape.count }
        return shape[0] * Kernels.blocks(shape[1]) * Kernels.block
            * (shape.count / max(1, shape[0] * shape[1]))
    }

    /// The buffer that an edge is to be written to.
    mutating func result(_ name: String, _ layout: Layout) throws(FathomError) -> Int {
        let buffer = newBuffer(Self.count(try shape(name), layout))
        if layout == .blocked, let joint = joints[name] {
            buffers[buffer].home = (try joinedBuffer(joint.edge), joint.offset)
        }
        places[name] = [layout: .buffer(buffer)]
        return buffer
    }

    /// Makes an edge another name of a place.
    mutating func alias(_ name: String, _ layout: Layout, _ place: Place) {
        places[name] = [layout: place]
    }

    /// The layout in which an edge already lies; blocked where both.
    func layout(_ name: String) -> Layout {
        if places[name] == nil, let parts = moved[name] { return movedLayout(parts) }
        return places[name]?[.blocked] != nil ? .blocked : .planar
    }

    /// An edge in a layout; a step that reorders it is added where it lies in the other one only.
    mutating func operand(_ name: String, _ layout: Layout) throws(FathomError) -> Place {
        if let place = places[name]?[layout] { return place }
        if let constant = facts[name]?.constant { return .constant(tensor(constant, layout)) }
        let shape = try shape(name)
        if places[name] == nil, let parts = moved[name] {
            try putTogether(name, parts)
            return try operand(name, layout)
        }
        let other: Layout = layout == .planar ? .blocked : .planar
        guard layout != .quantized, let source = places[name]?[other] else {
            throw error("the edge '\(name)' is used before it is computed")
        }
        let target = newBuffer(Self.count(shape, layout))
        append(ReorderStep.planned(name, shape, from: source, to: target, layout, kernels))
        places[name]?[layout] = .buffer(target)
        return .buffer(target)
    }

    /// A constant in a layout.
    private func tensor(_ constant: Value, _ layout: Layout) -> Tensor {
        let shape = constant.shape
        let planar = constant.tensor ?? Tensor(shape: shape, values: constant.floatValues)
        guard layout == .blocked else { return planar }
        let plane = shape.count / max(1, shape[0] * shape[1])
        let blocks = Kernels.blocks(shape[1])
        let blocked = Tensor(shape: [Self.count(shape, .blocked)])
        planar.withUnsafeBuffer { source in
            blocked.withUnsafeMutableBuffer { target in
                for index in source.indices {
                    let (channel, pixel) = (index / plane % shape[1], index % plane)
                    let block = index / (plane * shape[1]) * blocks + channel / Kernels.block
                    target[(block * plane + pixel) * Kernels.block + channel % Kernels.block] =
                        source[index]
                }
            }
        }
        return blocked
    }

    /// Where an edge lies in a layout, if it does.
    func place(_ name: String, _ layout: Layout) -> Place? { places[name]?[layout] }

    /// Adds a step and lengthens the lives of what it uses.
    mutating func append(_ step: PlannedStep) {
        for buffer in step.reads.compactMap(\.buffer) { buffers[buffer].last = steps.count }
        for buffer in step.writes { buffers[buffer].last = steps.count }
        steps.append(step)
    }
}
