import FathomCore
import FathomLearning
import FathomMedia
import Foundation
import TestSupport
import Testing

@Suite struct DataCommandTests {
    private func configuration(_ folder: TemporaryFolder, _ data: String) throws -> String {
        try folder.write(
            "config.yaml",
            Data(
                """
                name: any
                seed: 3
                network: {kind: plain}
                data: \(data)
                augmentation: {flip: 0.5, crop: [0.6, 1.0], color: 0.4}
                batchSize: 8
                """.utf8))
    }

    @Test("a check counts parts, sizes, depths, and lists what is broken")
    func check() throws {
        let folder = try TemporaryFolder()
        let list = try DataFixtures.folder(folder, count: 10)
        try folder.write("4.npy", Data("no array".utf8))
        let config = try configuration(folder, "{kind: folder, root: \(list), size: 6x4}")
        let report = try DataCheck(configuration: config).run()
        #expect(report.splits.values.map(\.count).reduce(0, +) == 10)
        #expect(report.splits["train"]?.count == 6 && report.splits["train"]?.scenes == 3)
        #expect(report.splits.values.map(\.broken).reduce(0, +) == 1)
        #expect(report.broken.map(\.name) == ["4.png"])
        #expect(report.splits.values.allSatisfy { $0.sizes.keys.sorted() == ["12x8"] })
        let highest = report.splits.values.compactMap(\.maximumDepth).max()
        #expect(abs(try #require(highest) - 7.9) < 1e-5)
    }

    @Test("a sample is written at its source's size, the tensors as the network gets them")
    func sample() throws {
        let folder = try TemporaryFolder()
        let list = try DataFixtures.folder(folder, count: 3)
        let config = try configuration(
            folder,
            "{kind: folder, root: \(list), size: 6x4, split: {train: 1}, normalization: none}")
        var export = SampleExport(
            configuration: config, split: .train, index: 1, folder: folder.path("out"))
        export.withTensors = true
        export.variations = 5
        let result = try export.run()
        #expect(result.name == "1.png" && result.files.count == 7)
        let original = try StillImage.readColor(folder.path("1.png"))
        #expect(try StillImage.readColor(folder.path("out/rgb.png")).values == original.values)
        let depth = try NumpyFile.read(folder.path("1.npy"))
        #expect(try NumpyFile.read(folder.path("out/depth.npy")).values == depth.values)
        let json = try Data(contentsOf: URL(fileURLWithPath: folder.path("out/intrinsics.json")))
        let camera = try JSONDecoder().decode(SampleExport.Intrinsics.self, from: json)
        #expect(camera.fx == 10 && camera.cx == 6 && camera.width == 12 && camera.height == 8)
        let input = try NumpyFile.read(folder.path("out/input.npy"))
        #expect(input.shape == [3, 4, 6])
        // Each pixel of half the size is the mean of four.
        let mean = [0, 1, 12, 13].map { original.values[$0] }.reduce(0, +) / 4
        #expect(abs(input.values[0] - mean) < 1e-6)
        let target = try NumpyFile.read(folder.path("out/target.npy"))
        #expect(target.shape == [1, 4, 6])
        #expect(
            target.values.allSatisfy { one in depth.values.contains { abs(1 / $0 - one) < 1e-6 } })
        let sheet = try StillImage.size(folder.path("out/augmented.png"))
        #expect(sheet == (24, 16))
        export.index = 3
        #expect(throws: FathomError.self) { try export.run() }
    }
}
