import FathomCore
import FathomLearning
import Foundation
import TestSupport
import Testing

@Suite("Training configurations")
struct TrainingConfigurationTests {
    /// The smallest training there is.
    static let tiny = """
        name: tiny
        network: {kind: plain, layers: 2, width: 0.125}
        data: {kind: synth, size: 32x32, count: {train: 16, validation: 4, test: 4}}
        loss: [{kind: l1, weight: 2}, {kind: scale-invariant-log, weight: 0.5}]
        optimizer: {kind: adamw, rate: 1e-3, weightDecay: 1e-4}
        schedule: {kind: one-cycle, warmup: 0.1}
        batchSize: 2
        steps: 20
        validation: {every: 10, patience: 10}
        adversarial: {kind: fgsm, epsilon: 0.008, share: 0.25}
        ema: 0.99
        checkpointMinutes: 5
        output: runs/tiny
        """

    private func read(_ yaml: String) throws -> TrainingConfiguration {
        try TrainingConfiguration(try ConfigurationSection(yaml: yaml, place: "a.yaml"))
    }

    @Test("every part is read")
    func whole() throws {
        let configuration = try read(Self.tiny)
        #expect(configuration.name == "tiny")
        #expect(configuration.network.kind == .plain)
        #expect(configuration.data.size == PixelSize("32x32"))
        #expect(configuration.loss.terms.map(\.kind) == [.l1, .scaleInvariantLog])
        #expect(configuration.optimizer.rate == 1e-3)
        #expect(configuration.optimizer.weightDecay == 1e-4)
        #expect(configuration.schedule.kind == .oneCycle)
        #expect(configuration.schedule.warmup == 0.1)
        #expect(configuration.batchSize == 2)
        #expect(configuration.length == .steps(20))
        #expect(configuration.validation?.every == 10)
        #expect(configuration.validation?.patience == 10)
        #expect(configuration.adversarial?.epsilon == 0.008)
        #expect(configuration.ema == 0.99)
        #expect(configuration.checkpointMinutes == 5)
        #expect(configuration.output == "runs/tiny")
    }

    @Test(
        "what is wrong is an error that says where and what to write",
        arguments: [
            ("steps: 20", "step: 20", "Did you mean 'steps'?"),
            ("rate: 1e-3", "rat: 1e-3", "Add 'rate: 1e-3'"),
            ("every: 10", "evry: 10", "Did you mean 'every'?"),
            ("kind: fgsm", "kind: fgms", "fgsm, pgd"),
            ("kind: l1", "kind: l3", "mse, l1"),
            ("size: 32x32", "sise: 32x32", "Did you mean 'size'?"),
            ("layers: 2", "layrs: 2", "Did you mean 'layers'?"),
            ("batchSize: 2", "batchSize: 0", "1 to 4096"),
            ("steps: 20", "steps: 20\nepochs: 2", "either"),
            ("steps: 20", "", "either"),
            ("loss: [{kind: l1, weight: 2}, {kind: scale-invariant-log, weight: 0.5}]", "", "loss"),
            ("kind: plain, layers: 2, width: 0.125", "kind: dispnet", "size: 128x128"),
            ("kind: l1", "kind: photometric", "neighbours: true"),
            ("kind: plain, layers: 2, width: 0.125", "kind: video", "clip"),
            ("ema: 0.99", "ema: 2", "0.9999999"),
        ])
    func wrong(_ from: String, _ to: String, _ remedy: String) throws {
        let text = Self.tiny.replacing(from, with: to)
        #expect(text != Self.tiny)
        let error = #expect(throws: FathomError.self) { try read(text) }
        #expect(error?.code == .usage)
        #expect(error?.remedy.contains(remedy) == true, "\(String(describing: error))")
        #expect(error?.subject.contains("a.yaml") == true)
    }

    @Test("values are changed by their paths, and the text says so")
    func changes() throws {
        var document = try ConfigurationDocument(yaml: Self.tiny, place: "a.yaml")
        try document.set(assignment: "optimizer.rate=3e-4")
        try document.set(assignment: "loss.1.weight=0.25")
        try document.set(assignment: "augmentation.flip=0.5")
        try document.set("data.split", "{train: 0.8, validation: 0.1, test: 0.1}")
        let changed = try read(document.yaml())
        #expect(changed.optimizer.rate == 3e-4)
        #expect(changed.loss.terms[1].weight == 0.25)
        #expect(changed.augmentation.flip == 0.5)
        #expect(changed.data.split.shares[.train] == 0.8)
        #expect(changed.schedule == (try read(Self.tiny)).schedule)
        let original = try ConfigurationDocument(yaml: Self.tiny, place: "a.yaml")
        #expect(
            document.differences(from: original) == ["augmentation", "data", "loss", "optimizer"])
        #expect(
            original.differences(from: try ConfigurationDocument(yaml: original.yaml(), place: "b"))
                == [])
    }

    @Test(
        "a change that can't be made is an error",
        arguments: [
            "optimizer.rate", "=3", "name.x=3", "loss.7.weight=1", "loss.x=1", "a..b=1", "a=[1",
        ])
    func wrongChange(_ assignment: String) throws {
        var document = try ConfigurationDocument(yaml: Self.tiny, place: "a.yaml")
        let error = #expect(throws: FathomError.self) { try document.set(assignment: assignment) }
        #expect(error?.code == .usage)
    }
}
