import FathomCore
import FathomGraph

/// The card of a network that is widely used but does not describe itself: how its exports are recognised, and what
/// their `fathom.*` metadata would be.
public struct KnownNetwork: Sendable, Codable {
    /// What an export must have to be this network.
    public struct Recognition: Sendable, Codable {
        /// Side of the convolution that reads the picture: a stem's kernel, a transformer's patch.
        public var pictureKernel: Int?
        /// Operators that it has, all of them.
        public var operators: [String]?
        /// Operators of which it has none.
        public var without: [String]?
        /// The last operator that computes.
        public var ending: String?
    }

    /// The network's name.
    public var name: String
    /// What it is.
    public var description: String
    /// What an export must have.
    public var recognise: Recognition
    /// Mean of red, green and blue in 0…1.
    public var mean: [Float]
    /// Standard deviation of red, green and blue.
    public var std: [Float]
    /// Both sides of the input are multiples of it.
    public var sizeMultiple: Int
    /// The long side of the input in pixels.
    public var size: Int
    /// What the output means.
    public var output: DepthKind

    /// Why a network is this one, in words; nil if it is not.
    public func reasons(_ traits: NetworkTraits) -> [String]? {
        var reasons: [String] = []
        if let kernel = recognise.pictureKernel {
            guard traits.pictureKernel == kernel else { return nil }
            reasons.append("a \(kernel)×\(kernel) convolution reads the picture")
        }
        if let operators = recognise.operators {
            guard traits.operators.isSuperset(of: operators) else { return nil }
            reasons.append("it has \(operators.joined(separator: ", "))")
        }
        if let without = recognise.without {
            guard traits.operators.isDisjoint(with: without) else { return nil }
            reasons.append("it has no \(without.joined(separator: ", "))")
        }
        if let ending = recognise.ending {
            guard traits.ending == ending else { return nil }
            reasons.append("it ends in \(ending)")
        }
        return reasons
    }

    /// The metadata that a file of this network should have had; a graph that shifts and scales the picture itself
    /// gets it in 0…1.
    func metadata(_ traits: NetworkTraits) -> [String: String] {
        let mean: [Float] = traits.normalizesItself ? [0, 0, 0] : self.mean
        let std: [Float] = traits.normalizesItself ? [1, 1, 1] : self.std
        return [
            "fathom.name": name,
            "fathom.description": description,
            "fathom.mean": mean.map { "\($0)" }.joined(separator: ","),
            "fathom.std": std.map { "\($0)" }.joined(separator: ","),
            "fathom.sizeMultiple": "\(sizeMultiple)",
            "fathom.size": "\(size)",
            "fathom.output": output.rawValue,
        ]
    }
}

/// Where a network's card comes from.
public struct CardSource: Hashable, Sendable {
    /// Whether the file describes itself.
    public let isFile: Bool
    /// The reasons, for a person.
    public let words: String

    /// The file describes itself.
    public static let file = CardSource(isFile: true, words: "the file's own metadata")

    private init(isFile: Bool, words: String) {
        self.isFile = isFile
        self.words = words
    }

    private init(assumed: String) {
        self.init(
            isFile: false,
            words: "assumed: \(assumed); override with --mean, --std, --output-kind, --size")
    }

    /// Finds the card of a graph and gives the graph the metadata that its file lacks.
    ///
    /// A file with any `fathom.` key describes itself. Else the first known network that fits is taken. Else the
    /// contract's defaults hold, except that a graph that normalises the picture itself gets it in 0…1.
    public static func describe(_ graph: inout Graph, known: [KnownNetwork]) -> CardSource {
        guard !graph.metadata.keys.contains(where: { $0.hasPrefix("fathom.") }) else {
            return .file
        }
        let traits = NetworkTraits(graph)
        for network in known {
            guard var reasons = network.reasons(traits) else { continue }
            if traits.normalizesItself { reasons.append("it normalises the picture itself") }
            graph.metadata.merge(network.metadata(traits)) { own, _ in own }
            return CardSource(
                isFile: false,
                words: "recognised as \(network.name): \(reasons.joined(separator: "; "))")
        }
        guard traits.normalizesItself else {
            return CardSource(assumed: "ImageNet's mean and deviation, relative inverse depth")
        }
        graph.metadata["fathom.mean"] = "0,0,0"
        graph.metadata["fathom.std"] = "1,1,1"
        return CardSource(
            assumed:
                "red, green and blue in 0…1, which the network normalises itself; relative inverse depth"
        )
    }
}
