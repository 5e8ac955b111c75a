import FathomCore
import FathomGraph

/// An input or output of a plan.
struct PlannedEdge: Sendable {
    /// Where its elements are.
    enum Store: Sendable {
        /// In the arena, or among the constants.
        case floats(Place)
        /// In the session's boxes: they are not floating point.
        case box(Int)
        /// They never change, and are not floating point.
        case constant(Value)
    }

    let store: Store
    let shape: Shape
    let type: ElementType
}

/// The steps that compute a graph's outputs for one set of input shapes, and where everything lies in memory.
///
/// Holds the packed weights; any number of sessions may share a plan.
public struct Plan: Sendable {
    let steps: [PlannedStep]
    let arena: ArenaLayout
    let inputs: [String: PlannedEdge]
    let outputs: [String: PlannedEdge]
    /// How many edges are not floating point.
    let boxes: Int
    let name: String

    /// The most memory that a plan may want, in numbers of four bytes: 4 GiB.
    static let largestArena = 1 << 30

    /// What the engine may do in a quicker but less exact way, by the names under which it can be disabled.
    public static let choices: Set<String> = [WinogradStep.name]

    /// Plans a graph, which should have been through the passes, without the `choices` in `disabled`.
    public init(
        _ graph: Graph, inputShapes: [String: Shape], instructionSet: InstructionSet = .current,
        disabled: Set<String> = [], precision: Precision = .fp32
    ) throws(FathomError) {
        let facts = try graph.facts(inputShapes: inputShapes)
        var planner = Planner(
            graph, facts: facts, instructionSet: instructionSet, disabled: disabled,
            precision: precision)
        let places = try planner.plan()
        let buffers = planner.buffers
        arena = ArenaLayout(buffers, shared: Self.shared(planner.steps, buffers))
        guard arena.count <= Self.largestArena else {
            throw planner.error("it needs \(arena.count / (1 << 18)) MiB for inputs of this size")
        }
        steps = planner.steps
        name = graph.name
        boxes = planner.boxCount
        inputs = planner.inputs
        outputs = places
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
                !homes.contains(operand),
                step.reads.allSatisfy({ place in
                    // A part of the operand would be written before it is read.
                    if case .part(operand, _) = place { false } else { true }
                })
            else { continue }
            owner[result] = owner[operand]
        }
        return owner
    }
}
