extension DepthTarget {
    /// What the network's output is called.
    var edgeName: String {
        switch self {
        case .inverseDepth: "inverse_depth"
        case .depth: "depth"
        case .logDepth: "log_depth"
        }
    }
}
