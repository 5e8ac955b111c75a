import FathomCore

/// A rewriting of a graph, for inputs of known shapes, that leaves its results as they are.
public struct GraphPass: Sendable {
    /// The name by which it can be disabled.
    public let name: String
    /// The rewriting; its result is verified by `apply`.
    package let rewrite: @Sendable (Graph, [String: Shape]) throws(FathomError) -> Graph

    /// All passes, in the order in which they are applied.
    public static let all: [GraphPass] = [
        computeInFloat, inlineBranches, fuseQuantized, fuseFakeQuantization, foldConstants,
        simplifyViews,
        removeIdentities, foldPadding, recognizeNorms,
        recognizeActivations, foldBatchNormalization, fuseConvolutions, fuseAttention, fuseProducts,
        removeDeadNodes,
    ]

    /// The passes that a graph for fixed shapes goes through before it is exported.
    static let binding: [GraphPass] = [
        inlineBranches, foldConstantsButWeights, removeIdentities, removeDeadNodes,
    ]

    /// Applies all passes but those named in `disabled`, which may name `choices` of whoever runs the graph, too.
    public static func apply(
        to graph: Graph, inputShapes: [String: Shape], disabled: Set<String> = [],
        besides choices: Set<String> = []
    ) throws(FathomError) -> Graph {
        let names = all.map(\.name) + choices.sorted()
        if let unknown = disabled.sorted().first(where: { !names.contains($0) }) {
            throw FathomError(
                .usage, operation: "disable", subject: "pass '\(unknown)'",
                cause: "there is no such pass",
                remedy: "Passes: \(names.joined(separator: ", "))")
        }
        var graph = graph
        for pass in all where !disabled.contains(pass.name) {
            graph = try pass.rewrite(graph, inputShapes).verified()
        }
        return graph
    }
}
