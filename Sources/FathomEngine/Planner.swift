import CKernels
import FathomCore
import FathomGraph

/// Turns the nodes of a graph into steps for one set of input shapes; lives while a plan is made.
struct Planner {
    let graph: Graph
    let facts: [String: Fact]
    let instructionSet: InstructionSet
    private(set) var steps: [PlannedStep] = []
    private(set) var buffers: [ArenaLayout.Buffer] = []
    private(set) var inputs: [String: Int] = [:]
    private var places: [String: [Layout: Place]] = [:]
    /// Pointwise convolutions that are computed together with the depthwise one that alone reads their output, by
    /// that output.
    private(set) var expansions: [String: Node] = [:]

    init(_ graph: Graph, facts: [String: Fact], instructionSet: InstructionSet) {
        self.graph = graph
        // Kernels compute every floating-point type in float32.
        self.facts = facts.mapValues(\.computed)
        self.instructionSet = instructionSet
    }

    /// The kernels in use, and how they want weights packed.
    var kernels: Kernels { Kernels(instructionSet) }

    /// Plans all nodes; returns where each output lies.
    mutating func plan() throws(FathomError) -> [String: Place] {
        for input in graph.inputs {
            guard let fact = facts[input.name] else { continue }
            guard fact.type == .float else {
                throw error(
                    "its input '\(input.name)' is not floating point, which is not supported")
            }
            let buffer = newBuffer(fact.shape.count)
            inputs[input.name] = buffer
            places[input.name] = [.planar: .buffer(buffer)]
        }
        expansions = try findExpansions()
        for node in graph.nodes where !node.outputs.allSatisfy({ facts[$0]?.constant != nil }) {
            try lower(node)
        }
        var outputs: [String: Place] = [:]
        for output in graph.outputs {
            let place = try operand(output.name, .planar)
            outputs[output.name] = place
            // Inputs and outputs keep their memory throughout.
            if case .buffer(let buffer) = place { buffers[buffer].last = Int.max }
        }
        for buffer in inputs.values {
            buffers[buffer].first = -1
            buffers[buffer].last = Int.max
        }
        return outputs
    }

    private mutating func lower(_ node: Node) throws(FathomError) {
        guard let entry = Operator.table[node.operation] else {
            throw node.error("the operator is unknown")
        }
        let operands = Operands(
            node, node.inputs.map { facts[$0] }, operatorSet: graph.operatorSet)
        let isLowered =
            switch entry.lowering {
            case .convolution: try lowerConvolutions(node)
            case .unary: try lowerUnary(operands)
            case .binary: try lowerBinary(operands)
            case .resize: try lowerResize(operands)
            case .view: try lowerView(operands)
            case .matrix: try lowerMatrix(operands)
            case .concatenation: try lowerConcatenation(operands)
            case .reference: false
            }
        if !isLowered { try lowerReference(operands, entry) }
    }

    private mutating func lowerConvolutions(_ node: Node) throws(FathomError) -> Bool {
        // The one that reads its output plans it.
        if expansions[node.outputs[0]] != nil { return true }
        guard try shape(node.inputs[0]).rank <= 4 else { return false }
        if try lowerExpandedDepthwise(node) { return true }
        return try lowerConvolution(node)
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

    /// Numbers that a shape takes in a layout.
    static func count(_ shape: Shape, _ layout: Layout) -> Int {
        guard layout == .blocked else { return shape.count }
        return shape[0] * Kernels.blocks(shape[1]) * Kernels.block
            * (shape.count / max(1, shape[0] * shape[1]))
    }

    /// The buffer that an edge is to be written to.
    mutating func result(_ name: String, _ layout: Layout) throws(FathomError) -> Int {
        let buffer = newBuffer(Self.count(try shape(name), layout))
        places[name] = [layout: .buffer(buffer)]
        return buffer
    }

    /// Makes an edge another name of a place.
    mutating func alias(_ name: String, _ layout: Layout, _ place: Place) {
        places[name] = [layout: place]
    }

    /// The layout in which an edge already lies; blocked where both.
    func layout(_ name: String) -> Layout {
        places[name]?[.blocked] != nil ? .blocked : .planar
    }

    /// An edge in a layout; a step that reorders it is added where it lies in the other one only.
    mutating func operand(_ name: String, _ layout: Layout) throws(FathomError) -> Place {
        if let place = places[name]?[layout] { return place }
        if let constant = facts[name]?.constant {
            guard layout == .planar, let tensor = constant.tensor else {
                throw error("the constant '\(name)' is used where data is wanted")
            }
            return .constant(tensor)
        }
        let shape = try shape(name)
        let other: Layout = layout == .planar ? .blocked : .planar
        guard let source = places[name]?[other] else {
            throw error("the edge '\(name)' is not floating point, which is not supported")
        }
        let target = newBuffer(Self.count(shape, layout))
        append(ReorderStep.planned(name, shape, from: source, to: target, layout, kernels))
        places[name]?[layout] = .buffer(target)
        return .buffer(target)
    }

    /// Adds a step and lengthens the lives of what it uses.
    mutating func append(_ step: PlannedStep) {
        for case .buffer(let buffer) in step.reads { buffers[buffer].last = steps.count }
        for buffer in step.writes { buffers[buffer].last = steps.count }
        steps.append(step)
    }
}
