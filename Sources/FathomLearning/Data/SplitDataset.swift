import FathomCore

/// One part of a training configuration's data as a data set of its own; of clips, every picture in order.
public struct SplitDataset: DepthDataset {
    /// The configuration and the part.
    public let name: String
    private let dataset: any DepthDataset
    private let indices: [Int]

    /// Opens the part of the data that the configuration file's `data` describes.
    public init(configuration path: String, split: SplitName) throws(FathomError) {
        let document = try ConfigurationSection(file: path)
        guard let section = try document.section("data") else {
            throw document.error("'data' is missing", "Add 'data: {kind: …}'")
        }
        let configuration = try DataConfiguration(section)
        guard configuration.truth != .none else {
            throw section.error(
                "'truth: none' has no depth to compare with", "Judge on data whose depth is known")
        }
        let data = try PreparedData(configuration)
        try data.verify(split, limit: 1)
        let part = try data.part(split)
        let length = data.configuration.clip
        indices = part.indices.flatMap { first in
            [first] + (1..<max(length, 1)).compactMap { part.dataset.neighbour(of: first, by: $0) }
        }
        dataset = part.dataset
        name = "\(path), \(split.rawValue)"
    }

    /// How many pictures there are.
    public var count: Int { indices.count }
    /// The picture's scene.
    public func scene(_ index: Int) -> String { dataset.scene(indices[index]) }
    /// The picture's name.
    public func sampleName(_ index: Int) -> String { dataset.sampleName(indices[index]) }
    /// Reads a picture with what is known of it.
    public func sample(_ index: Int) throws(FathomError) -> DepthSample {
        try dataset.sample(indices[index])
    }
}
