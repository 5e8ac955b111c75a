import FathomCore
import Foundation

/// What of a training configuration concerns data; the rest of the file is not looked at.
public struct DataSections: Sendable {
    /// Its `data:`.
    public let data: DataConfiguration
    /// Its `augmentation:`; nothing is varied where it is absent.
    public let augmentation: AugmentationConfiguration
    /// Its `seed`.
    public let seed: UInt64

    /// Reads a configuration file. Paths within are as seen from where the program runs.
    public init(file path: String) throws(FathomError) {
        let root = try ConfigurationSection(file: path)
        guard let data = try root.section("data") else {
            throw root.error("'data' is missing", "Add 'data: {kind: synth}'")
        }
        self.data = try DataConfiguration(data)
        if let section = try root.section("augmentation") {
            augmentation = try AugmentationConfiguration(section)
        } else {
            augmentation = AugmentationConfiguration()
        }
        seed = UInt64(try root.integer("seed", in: 0...Int(Int32.max)) ?? 0)
    }
}
