import FathomCore
import FathomGraph

/// The steps that compute a graph's outputs for one set of input shapes, and where everything lies in memory.
///
/// Holds the packed weights; any number of sessions may share a plan.
public struct Plan: Sendable {
    let steps: [PlannedStep]
    let arena: ArenaLayout
    let inputs: [String: (buffer: Int, shape: Shape)]
    let outputs: [String: (place: Place, shape: Shape)]
    let name: String

    /// The most memory that a plan may want, in numbers of four bytes: 4 GiB.
    static let largestArena = 1 << 30

    /// Plans a graph, which should have been through the passes.
    public init(
        _ graph: Graph, inputShapes: [String: Shape], instructionSet: InstructionSet = .current
    ) throws(FathomError) {
        let facts = try graph.facts(inputShapes: inputShapes)
        var planner = Planner(graph, facts: facts, instructionSet: instructionSet)
        let places = try planner.plan()
        let buffers = planner.buffers
        arena = ArenaLayout(buffers, shared: Self.shared(planner.steps, buffers))
        guard arena.count <= Self.largestArena else {
            throw planner.error("it needs \(arena.count / (1 << 18)) MiB for inputs of this size")
        }
        steps = planner.steps
        name = graph.name
        var inputs: [String: (Int, Shape)] = [:]
        for (name, buffer) in planner.inputs { inputs[name] = (buffer, try planner.shape(name)) }
        self.inputs = inputs
        var outputs: [String: (Place, Shape)] = [:]
        for (name, place) in places { outputs[name] = (place, try planner.shape(name)) }
        self.outputs = outputs
    }

    /// Bytes of the arena.
    public var arenaBytes: Int { arena.count * MemoryLayout<Float>.stride }

    /// Lets the result of a step take the place of its first operand where that is not needed later.
    private static func shared(_ steps: [PlannedStep], _ buffers: [ArenaLayout.Buffer]) -> [Int] {
        var owner = Array(buffers.indices)
        // Pieces of a buffer may be needed longer than the whole.
        let homes = Set(buffers.compactMap { $0.home?.buffer })
        for (index, step) in steps.enumerated() where step.worksInPlace {
            guard let result = step.writes.first, case .buffer(let operand)? = step.reads.first,
                operand != result, buffers[operand].last == index,
                buffers[operand].count == buffers[result].count,
                buffers[operand].home == nil, buffers[result].home == nil,
                !homes.contains(operand)
            else { continue }
            owner[result] = owner[operand]
        }
        return owner
    }
}
