import FathomCore
import FathomLearning
import Testing

struct ConfigurationSectionTests {
    @Test func readsValuesByType() throws {
        let section = try ConfigurationSection(
            yaml: """
                name: a
                size: 384x224
                split: {train: 0.6, by: scene}
                loss: [{kind: l1, weight: 2}]
                crop: [0.6, 1.0]
                """, place: "a.yaml")
        #expect(try section.requiredText("name") == "a")
        #expect(try section.size("size") == PixelSize("384x224"))
        #expect(try section.section("split")?.number("train") == 0.6)
        #expect(try section.sections("loss")?.first?.text("kind") == "l1")
        #expect(try section.numbers("crop") == [0.6, 1])
        try section.finish()
    }

    @Test func aKeyThatDoesNotExistNamesTheNearest() throws {
        let section = try ConfigurationSection(yaml: "bachSize: 8", place: "a.yaml")
        _ = try section.integer("batchSize", in: 1...8)
        _ = try section.text("output")
        let error = #expect(throws: FathomError.self) { try section.finish() }
        #expect(error?.cause == "there is no key 'bachSize'")
        #expect(error?.remedy == "Did you mean 'batchSize'?")
    }

    @Test(arguments: ["a: [1", "- 1", "a: 1\na: 2"])
    func whatIsNoMappingIsAnError(_ text: String) {
        #expect(throws: FathomError.self) {
            try ConfigurationSection(yaml: text, place: "a.yaml")
        }
    }
}
