import Fathom
import Foundation
import TestSupport
import Testing

/// `fathom train` and `fathom tune` with a network that is trained within a second.
@Suite("Training from the command line")
struct TrainCommandTests {
    private static let tiny = """
        name: tiny
        seed: 5
        network: {kind: plain, layers: 2, width: 0.125}
        data: {kind: synth, size: 32x32, count: {train: 40, validation: 4, test: 4}}
        augmentation: {flip: 0.5, color: 0.2}
        loss: [{kind: l1}]
        optimizer: {kind: adamw, rate: 1e-3}
        schedule: {kind: cosine, warmup: 5}
        batchSize: 2
        steps: 120
        validation: {every: 40, pictures: 1}
        ema: 0.9
        checkpointMinutes: 0
        output: run
        """

    private func folder() throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        try folder.write("tiny.yaml", Data(Self.tiny.utf8))
        return folder
    }

    private func train(
        _ folder: TemporaryFolder, _ arguments: [String] = [],
        whileRunning: (Process) throws -> Void = { _ in }
    ) throws -> Program.Result {
        try Program.run(
            "fathom", ["train", "tiny.yaml"] + arguments, in: folder.url, whileRunning: whileRunning
        )
    }

    private func losses(_ folder: TemporaryFolder, _ run: String = "run") throws -> [Double] {
        let text = try String(contentsOfFile: folder.path("\(run)/metrics.jsonl"), encoding: .utf8)
        return text.split(separator: "\n").compactMap { line in
            let object = try? JSONSerialization.jsonObject(with: Data(line.utf8))
            return (object as? [String: Any])?["loss"] as? Double
        }
    }

    private func steps(_ folder: TemporaryFolder) -> Int {
        let text = try? String(contentsOfFile: folder.path("run/metrics.jsonl"), encoding: .utf8)
        return text?.split(separator: "\n").count ?? 0
    }

    @Test("killed in mid-run and resumed, it ends with the same weights to the bit")
    func killed() throws {
        let (whole, parts) = (try folder(), try folder())
        #expect(try train(whole).status == 0)
        for goal in [10, 70] {
            let result = try train(parts, ["--resume"]) { process in
                let isThere = Program.wait(for: process) { steps(parts) >= goal }
                #expect(isThere)
                kill(process.processIdentifier, SIGKILL)
            }
            #expect(result.status == -SIGKILL)
        }
        let result = try train(parts, ["--resume"])
        #expect(result.status == 0, "\(result.errors)")
        for name in ["checkpoints/last.safetensors", "checkpoints/best.safetensors", "best.onnx"] {
            let file = "run/\(name)"
            #expect(
                try Data(contentsOf: URL(fileURLWithPath: whole.path(file)))
                    == Data(contentsOf: URL(fileURLWithPath: parts.path(file))), "\(name)")
        }
        #expect(try losses(whole) == losses(parts))
        #expect(try losses(whole).count == 120)
        let config = try String(contentsOfFile: parts.path("run/config.yaml"), encoding: .utf8)
        #expect(config.contains("seed 5"))
        #expect(config.contains("steps: 120"))
        #expect(FileManager.default.fileExists(atPath: parts.path("run/run.json")))
    }

    @Test("the number of threads changes nothing")
    func threads() throws {
        let folder = try folder()
        for threads in ["1", "3"] {
            let result = try train(
                folder, ["--steps", "12", "--output", threads, "--threads", threads])
            #expect(result.status == 0, "\(result.errors)")
        }
        #expect(try losses(folder, "1") == losses(folder, "3"))
        #expect(
            try Data(contentsOf: URL(fileURLWithPath: folder.path("1/best.onnx")))
                == Data(contentsOf: URL(fileURLWithPath: folder.path("3/best.onnx"))))
    }

    @Test("an interrupt ends it with 130 and a checkpoint, and a run is not overwritten unasked")
    func interrupted() throws {
        let folder = try folder()
        let result = try train(folder, ["--set", "steps=100000"]) { process in
            let isThere = Program.wait(for: process) { steps(folder) >= 3 }
            #expect(isThere)
            kill(process.processIdentifier, SIGINT)
        }
        #expect(result.status == 130, "\(result.errors)")
        let state = try CheckpointFile.read(folder.path("run/checkpoints/last.safetensors"))
        #expect(try state.number("step") == losses(folder).count)
        let again = try train(folder)
        #expect(again.status == 64)
        #expect(again.errors.contains("--resume"))
        // Resuming goes on with the same training only.
        let other = try train(folder, ["--resume", "--set", "optimizer.rate=1e-2"])
        #expect(other.status == 64)
        #expect(other.errors.contains("'optimizer' was another"))
    }

    @Test("a loss that is no number ends it with the step's name and the batch")
    func broken() throws {
        let folder = try folder()
        // A logarithm may be anything, so that it can grow without bounds.
        let result = try train(
            folder,
            [
                "--set", "schedule={kind: constant}", "--set", "loss=[{kind: mse}]", "--set",
                "data.target=log-depth", "--set", "optimizer={kind: sgd, rate: 1000}",
            ])
        #expect(result.status == 1)
        #expect(result.errors.contains("cannot train step "), "\(result.errors)")
        let saved = try FileManager.default.contentsOfDirectory(atPath: folder.path("run"))
            .first { $0.hasPrefix("broken-step-") }
        let image = try NumpyFile.read(folder.path("run/\(try #require(saved))/image.npy"))
        #expect(image.shape == [2, 3, 32, 32])
    }

    @Test("batches and weights can be taken elsewhere and back")
    func replay() throws {
        let folder = try folder()
        #expect(try train(folder, ["--steps", "3", "--dump-batches", "dump"]).status == 0)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path("dump")).count == 3)
        let target = try NumpyFile.read(folder.path("dump/batch-00000002/target.npy"))
        #expect(target.shape == [2, 1, 32, 32])
        let result = try train(
            folder, ["--steps", "3", "--initial", "run/best.onnx", "--output", "second"])
        #expect(result.status == 0, "\(result.errors)")
        #expect(try losses(folder)[0] != losses(folder, "second")[0])
        let wrong = try train(
            folder,
            [
                "--initial", "run/best.onnx", "--output", "third", "--set", "network.width=0.25",
            ])
        #expect(wrong.status == 64)
        #expect(wrong.errors.contains("with the same widths"))
    }

    @Test(
        "what is wrong with a configuration is said before anything is made",
        arguments: [
            ["--set", "optimiser.rate=1"], ["--set", "data.root=x"],
            ["--set", "data.size=33x32000x"],
            ["--set", "network.kind=plan"], ["--steps", "0"], ["--resume", "--overwrite"],
        ])
    func wrong(arguments: [String]) throws {
        let folder = try folder()
        let result = try train(folder, arguments)
        #expect(result.status == 64, "\(result.errors)")
        #expect(folder.names == ["tiny.yaml"])
    }

    @Test("a search leaves a table and the runs, and does nothing twice")
    func tune() throws {
        let folder = try folder()
        let search = """
            base: tiny.yaml
            output: search
            steps: 8
            validation: {every: 4, pictures: 0}
            search: {kind: grid, keys: {optimizer.rate: [1e-3, 1e-2], optimizer.kind: [adam, adamw]}}
            """
        try folder.write("search.yaml", Data(search.utf8))
        let first = try Program.run("fathom", ["tune", "search.yaml"], in: folder.url)
        #expect(first.status == 0, "\(first.errors)")
        #expect(first.text.split(separator: "\n").count == 6)
        #expect(first.text.contains("adamw"))
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path("search"))
            .sorted()
        #expect(names == ["results.json", "trial-000", "trial-001", "trial-002", "trial-003"])
        let second = try Program.run("fathom", ["tune", "search.yaml"], in: folder.url)
        #expect(second.text == first.text)
        #expect(!second.errors.contains("to step"))
    }

    @Test("adversarial training changes its share of each batch, by no more than epsilon")
    func adversarial() throws {
        let folder = try folder()
        let short = ["--steps", "1"]
        #expect(
            try train(folder, short + ["--output", "a", "--dump-batches", "clean"]).status == 0)
        let changes = ["kind=pgd", "epsilon=0.02", "share=0.5", "steps=3"].flatMap {
            ["--set", "adversarial.\($0)"]
        }
        let names = ["--output", "b", "--dump-batches", "changed"]
        #expect(try train(folder, short + changes + names).status == 0)
        let batches = try ["clean", "changed"].map {
            try NumpyFile.read(folder.path("\($0)/batch-00000000/image.npy")).values
        }
        let differences = zip(batches[0], batches[1]).map { abs($0 - $1) }
        let half = differences.count / 2
        // The smallest of ImageNet's deviations.
        #expect(differences.allSatisfy { $0 <= 0.02 / 0.224 + 1e-4 })
        #expect(differences[..<half].contains { $0 > 0.05 })
        #expect(differences[half...].allSatisfy { $0 == 0 })
        #expect(FileManager.default.fileExists(atPath: folder.path("a/report.html")))
    }
}
