/// What a network learns to give, in a training configuration's words (`data: {target: …}`).
public enum LearnedDepth: String, CaseIterable, Hashable, Sendable {
    /// One over the depth in metres: large is near, 0 is infinitely far.
    case inverseDepth = "inverse-depth"
    /// Depth in metres.
    case depth
    /// The natural logarithm of the depth in metres.
    case logDepth = "log-depth"

    /// What `fathom.output` says of a network that learnt it. A logarithm is undone within the exported network.
    public var outputName: String { self == .inverseDepth ? "inverse-depth" : "metres" }

    /// What the network's output is called.
    var edgeName: String {
        switch self {
        case .inverseDepth: "inverse_depth"
        case .depth: "depth"
        case .logDepth: "log_depth"
        }
    }
}
