import FathomCore
import FathomLearning
import Foundation
import Testing

struct TrainingConfigurationFileTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Configs/train").path

    static let names =
        withDepth + ["fathomnet-own-video", "fathomnet-kitti-stereo"]
    private static let withDepth = [
        "dispnet", "deeplab", "resnet18", "plain", "fathomnet", "video",
    ].flatMap {
        network in ["nyu", "kitti", "synth"].map { "\(network)-\($0)" }
    }

    @Test(arguments: names)
    func isReadWithoutAnError(_ name: String) throws {
        let section = try ConfigurationSection(file: "\(Self.folder)/\(name).yaml")
        func part(_ key: String) throws -> ConfigurationSection {
            try #require(try section.section(key))
        }
        #expect(try section.requiredText("name") == name)
        #expect(try section.text("output") == "runs/\(name)")
        let network = try NetworkConfiguration(part("network"))
        let data = try DataConfiguration(part("data"))
        #expect(data.size.width % network.sizeMultiple == 0)
        #expect(data.size.height % network.sizeMultiple == 0)
        #expect((data.clip > 1) == (network.kind == .video))
        let loss = try LossConfiguration(try #require(try section.sections("loss")))
        #expect(!loss.terms.isEmpty)
        _ = try AugmentationConfiguration(part("augmentation"))
        _ = try OptimizerConfiguration(part("optimizer"))
        _ = try Schedule(part("schedule"))
        #expect((data.truth == .none) == !loss.inputs.contains("target"))
    }

    @Test func thereAreNoOthers() throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: Self.folder)
        #expect(Set(files.filter { $0.hasSuffix(".yaml") }) == Set(Self.names.map { "\($0).yaml" }))
    }
}
