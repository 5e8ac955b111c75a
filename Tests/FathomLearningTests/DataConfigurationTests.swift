import FathomCore
import FathomLearning
import Foundation
import TestSupport
import Testing

@Suite struct DataConfigurationTests {
    @Test(
        "what doesn't exist, or isn't for this kind of data, is an error before anything is read",
        arguments: [
            ("{kind: synth, sise: 3x4}", "there is no key 'sise'"),
            ("{kind: synth, truth: raw}", "there is no key 'truth'"),
            ("{kind: nyu, root: a, truth: annotated}", "which nyu doesn't have"),
            ("{kind: nyu}", "'root' is missing"), ("{root: a}", "'kind' is missing"),
            ("{kind: synth, scenes: [rom]}", "no scenes of kind 'rom'"),
            ("{kind: folder, root: a, split: {train: 0.9, test: 0.4}}", "add up to 1.3"),
            ("{kind: folder, root: a, split: {train: list.txt, test: 0.4}}", "mixed"),
            ("{kind: synth, minimumDepth: 5, maximumDepth: 2}", "isn't below"),
            ("{kind: synth, clip: 0}", "'clip' is '0'"),
        ])
    func errors(yaml: String, cause: String) throws {
        let error = #expect(throws: FathomError.self) { try DataFixtures.configuration(yaml) }
        #expect(error?.cause.contains(cause) == true, "\(error?.description ?? "")")
        #expect(error?.code == .usage)
    }

    @Test("scenes stay together, parts are disjoint and near their shares, the seed picks them")
    func splitByScene() throws {
        let folder = try TemporaryFolder()
        let list = try DataFixtures.folder(folder, count: 40, width: 4, height: 4)
        func parts(_ seed: Int) throws -> [SplitName: [String]] {
            let data = try PreparedData(
                DataFixtures.configuration(
                    "{kind: folder, root: \(list), split: {train: 0.6, validation: 0.2, test: 0.2, seed: \(seed)}}"
                ))
            return try Dictionary(
                uniqueKeysWithValues: SplitName.allCases.map { split in
                    (split, try (0..<data.count(split)).map { try data.scene(split, $0) })
                })
        }
        let first = try parts(0)
        #expect(first[.train]?.count == 24 && first[.validation]?.count == 8)
        #expect(first[.test]?.count == 8)
        let scenes = SplitName.allCases.map { Set(first[$0] ?? []) }
        #expect(scenes[0].isDisjoint(with: scenes[1]) && scenes[0].isDisjoint(with: scenes[2]))
        #expect(scenes[1].isDisjoint(with: scenes[2]))
        #expect(try parts(0) == first)
        #expect(try parts(1) != first)
    }

    @Test("list files say which samples are in which part, in their order")
    func splitByList() throws {
        let folder = try TemporaryFolder()
        let list = try DataFixtures.folder(folder, count: 4)
        let train = try folder.write("train.txt", Data("2.png\n\n# not this\n0.png\n".utf8))
        let data = try PreparedData(
            DataFixtures.configuration("{kind: folder, root: \(list), split: {train: \(train)}}"))
        #expect(
            try (0..<data.count(.train)).map { try data.name(.train, $0) } == ["2.png", "0.png"])
        let error = #expect(throws: FathomError.self) { try data.sample(.test, 0) }
        #expect(error?.cause.contains("'test' is empty") == true)
        try folder.write("train.txt", Data("7.png".utf8))
        let unknown = #expect(throws: FathomError.self) {
            try PreparedData(
                DataFixtures.configuration(
                    "{kind: folder, root: \(list), split: {train: \(train)}}"))
        }
        #expect(unknown?.cause.contains("line 1, '7.png'") == true)
    }

    @Test("targets and normalisations have inverses; the sky is learnt as inverse depth 0 only")
    func inverses() throws {
        let depth = Tensor(shape: [1, 4], values: [0, 2, 500, .infinity])
        for target in DepthTarget.allCases {
            let (values, valid) = target.prepared(depth, within: 0.001...80)
            #expect(valid.values == [0, 1, 0, target == .inverseDepth ? 1 : 0])
            #expect(abs(target.metres(values.values[1]) - 2) < 1e-6)
        }
        #expect(DepthTarget.inverseDepth.metres(0) == .infinity)
        let picture = DataFixtures.picture(5, 4)
        for name in PictureNormalization.Name.allCases {
            let normalization = PictureNormalization(name)
            let back = normalization.restored(normalization.normalized(picture)).values
            #expect(zip(back, picture.values).allSatisfy { abs($0 - $1) < 1e-6 })
        }
    }
}
