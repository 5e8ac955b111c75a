import FathomCore
import FathomLearning
import FathomScenes
import Foundation
import TestSupport
import Testing

@Suite struct BatchLoaderTests {
    private func augmentation() throws -> AugmentationConfiguration {
        try AugmentationConfiguration(
            ConfigurationSection(
                yaml:
                    "{flip: 0.5, rotate: 5, crop: [0.6, 1.0], color: 0.4, blur: 0.5, noise: 0.02, jpeg: 0.5}",
                place: "test"))
    }

    private func tensors(_ batch: Batch) -> [String: [Float]] {
        batch.tensors.mapValues(\.values)
    }

    @Test("batches are the same for any number of threads, and wherever one begins")
    func independentOfThreads() throws {
        let data = try DataFixtures.synthetic()
        let recipe = try BatchRecipe(
            data, split: .train, batchSize: 3, augmentation: augmentation(), seed: 7)
        var runs: [[[String: [Float]]]] = []
        for threads in [1, 3] {
            let loader = BatchLoader(recipe, threads: threads)
            loader.start(at: 0)
            runs.append(try (0..<5).map { _ in tensors(try loader.next()) })
            loader.stop()
        }
        #expect(runs[0] == runs[1])
        let resumed = BatchLoader(recipe, threads: 2)
        resumed.start(at: 3)
        #expect(resumed.step == 3)
        let batch = try resumed.next()
        #expect(batch.step == 3 && tensors(batch) == runs[0][3])
        #expect(tensors(try resumed.next()) == runs[0][4])
        resumed.stop()
        let other = try BatchRecipe(
            data, split: .train, batchSize: 3, augmentation: augmentation(), seed: 8)
        #expect(tensors(try other.batch(0)) != runs[0][0])
    }

    @Test("shapes are those that networks expect")
    func shapes() throws {
        let recipe = try BatchRecipe(DataFixtures.synthetic(), split: .test, batchSize: 2)
        let tensors = try recipe.batch(0).tensors
        #expect(tensors["image"]?.shape == [2, 3, 32, 48])
        #expect(tensors["target"]?.shape == [2, 1, 32, 48])
        #expect(tensors["valid"]?.shape == [2, 1, 32, 48])
        #expect(tensors["intrinsics"]?.shape == [2, 4])
        #expect(tensors["pose"]?.shape == [2, 16])
        #expect(recipe.stepsPerEpoch == 2)
    }

    @Test("each round reads every sample once, in another order")
    func rounds() throws {
        let recipe = try BatchRecipe(
            DataFixtures.synthetic("split: {seed: 3}"), split: .train, batchSize: 4)
        let rounds = try (0..<2).map { round in
            try (0..<3).flatMap { try recipe.batch(3 * round + $0).names }
        }
        #expect(Set(rounds[0]).count == 12 && Set(rounds[1]) == Set(rounds[0]))
        #expect(rounds[0] != rounds[1])
        let ordered = try BatchRecipe(
            DataFixtures.synthetic(), split: .train, batchSize: 4, isShuffled: false)
        #expect(try ordered.batch(0).names == ["scene-0", "scene-1", "scene-2", "scene-3"])
    }

    @Test("parts of rendered data share no picture")
    func disjointParts() throws {
        let data = try DataFixtures.synthetic()
        var pictures: Set<[Float]> = []
        for split in SplitName.allCases {
            for index in 0..<data.count(split) {
                #expect(pictures.insert(try data.sample(split, index).picture.values).inserted)
            }
        }
        #expect(pictures.count == 20)
    }

    @Test("clips come as pictures in order of time, with the same variation for all")
    func clips() throws {
        let data = try DataFixtures.synthetic("clip: 3")
        let recipe = try BatchRecipe(
            data, split: .train, batchSize: 2, augmentation: augmentation(), seed: 1)
        let batch = try recipe.batch(0)
        #expect(batch.frames.count == 3)
        let pictures = batch.frames.compactMap { $0["image"]?.values }
        #expect(pictures.count == 3 && pictures[0] != pictures[1])
        #expect(Set(batch.frames.compactMap { $0["intrinsics"]?.values }).count == 1)
        #expect(batch.frames[0]["flow"]?.shape == [2, 2, 32, 48])
        #expect(batch.names.allSatisfy { $0.hasSuffix("/0") })
    }

    @Test("pictures before, after and of the other eye go along where asked for")
    func neighbours() throws {
        let recipe = try BatchRecipe(
            DataFixtures.synthetic("neighbours: true\nstereo: true"), split: .train, batchSize: 2)
        let tensors = try recipe.batch(0).tensors
        let image = try #require(tensors["image"])
        for key in ["previous", "next", "otherEye"] {
            #expect(tensors[key]?.shape == image.shape)
            #expect(tensors[key]?.values != image.values)
        }
        #expect(tensors["baseline"]?.values == [0.2, 0.2])
    }

    @Test("a sample that can't be read is left out, listed, and the batch is full all the same")
    func brokenSamples() throws {
        let folder = try TemporaryFolder()
        let list = try DataFixtures.folder(folder, count: 6)
        try folder.write("3.png", Data("broken".utf8))
        let data = try PreparedData(
            DataFixtures.configuration(
                "{kind: folder, root: \(list), size: 12x8, split: {train: 1}, broken: skip}"))
        try data.verify(.train)
        let recipe = try BatchRecipe(data, split: .train, batchSize: 6)
        let batch = try recipe.batch(0)
        #expect(batch.names.count == 6 && !batch.names.contains("3.png"))
        #expect(data.broken.map(\.name) == ["3.png"])
        #expect(data.broken.first?.reason.contains("3.png") == true)
    }
}
