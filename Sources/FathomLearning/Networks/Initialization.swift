import FathomCore
import Foundation

/// How the weights of convolutions begin, as the paper of each network has it.
public enum Initialization: Hashable, Sendable {
    /// Normal numbers of variance 2 / (inputs of an output): He et al. 2015, for ReLU.
    case kaimingFanIn
    /// Normal numbers of variance 2 / (outputs of an input), as in ResNet's and MobileNet's usual codes.
    case kaimingFanOut
    /// Uniform numbers of variance 2 / (inputs + outputs): Glorot and Bengio 2010.
    case xavier
    /// Normal numbers of deviation 0.01: a last layer that begins by saying what its bias says (as in RetinaNet, Lin et
    /// al. 2017).
    case faint

    func weights(_ shape: Shape, fanIn: Int, fanOut: Int, random: SeededRandom) -> Tensor {
        var random = random
        let next: () -> Float
        switch self {
        case .kaimingFanIn, .kaimingFanOut:
            let fan = self == .kaimingFanIn ? fanIn : fanOut
            let deviation = (2 / Float(max(fan, 1))).squareRoot()
            next = { deviation * random.normal() }
        case .faint: next = { 0.01 * random.normal() }
        case .xavier:
            let limit = (6 / Float(max(fanIn + fanOut, 1))).squareRoot()
            next = { random.uniform(-limit...limit) }
        }
        return Tensor(shape: shape, values: (0..<shape.count).map { _ in next() })
    }
}

extension SeededRandom {
    /// The sequence that belongs to a name under a seed (the name as FNV-1a hashes it).
    init(seed: UInt64, name: String) {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        self.init(hash ^ (seed &* 0x9e37_79b9_7f4a_7c15))
    }

    /// A number of the normal distribution (Box and Muller 1958).
    mutating func normal() -> Float {
        let radius = (-2 * log(1 - unit())).squareRoot()
        return radius * cos(2 * .pi * unit())
    }
}
