import Foundation

extension DepthTarget {
    /// What the network's output is called.
    var edgeName: String {
        switch self {
        case .inverseDepth: "inverse_depth"
        case .depth: "depth"
        case .logDepth: "log_depth"
        }
    }

    /// A depth as pictures of streets and rooms have it, in metres: where an untrained network begins.
    static let typicalDepth: Float = 8

    /// The typical depth as the network says it.
    var typical: Float {
        switch self {
        case .inverseDepth: 1 / Self.typicalDepth
        case .depth: Self.typicalDepth
        case .logDepth: log(Self.typicalDepth)
        }
    }

    /// What softplus makes y of.
    static func softplusInverse(_ y: Float) -> Float { log(expm1(y)) }
}
