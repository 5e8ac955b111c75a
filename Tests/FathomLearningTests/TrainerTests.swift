import FathomCore
import FathomLearning
import Foundation
import TestSupport
import Testing

@Suite("Training")
struct TrainerTests {
    private func plan(_ steps: Int) -> TrainingPlan {
        var optimizer = OptimizerConfiguration(kind: .adamw, rate: 0.05)
        optimizer.accumulate = 2
        optimizer.clip = 1
        var plan = TrainingPlan(steps: steps, optimizer: optimizer)
        plan.schedule = Schedule(kind: .oneCycle)
        plan.ema = 0.9
        plan.validateEvery = 10
        plan.checkpointMinutes = 0
        return plan
    }

    @discardableResult
    private func train(
        _ plan: TrainingPlan, in folder: TemporaryFolder, _ step: LinearStep,
        existing: RunFolder.Existing = .refuse,
        report: @escaping (TrainingProgress) -> Void = { _ in }
    ) throws -> TrainingSummary {
        let run = RunFolder(path: folder.path("run"))
        try run.prepare(existing)
        // What a run's beginning writes, and by which it is known.
        try Data("name: a\n".utf8).write(to: URL(fileURLWithPath: run.configuration))
        let trainer = Trainer(
            plan, step: step, parameters: step.inner.infos, batches: NumberedBatches(), folder: run)
        trainer.validation = TrueWeights()
        trainer.export = { (weights, path) throws(FathomError) in
            try NumpyFile.write(weights["encoder.weight"] ?? Tensor(shape: [0]), to: path)
        }
        trainer.report = report
        return try trainer.run()
    }

    private func lines(_ folder: TemporaryFolder) throws -> [[String: Any]] {
        let text = try String(contentsOfFile: folder.path("run/metrics.jsonl"), encoding: .utf8)
        return try text.split(separator: "\n").map {
            try #require(
                try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
    }

    @Test("a fit finds its weights, and the folder holds what belongs to a run")
    func fit() throws {
        let folder = try TemporaryFolder()
        let step = LinearStep(inputs: 3)
        var seen: [TrainingProgress] = []
        let summary = try train(plan(200), in: folder, step) { seen.append($0) }
        #expect(summary.end == .finished)
        #expect(summary.step == 200)
        for (weight, right) in zip(step.inner.values("encoder.weight"), [2, -1, 0] as [Float]) {
            #expect(abs(weight - right) < 0.05)
        }
        #expect((summary.loss ?? 1) < 0.1)
        let best = try NumpyFile.read(folder.path("run/best.onnx")).values
        #expect(abs(best[0] - 2) < 0.1)
        let names = try FileManager.default.subpathsOfDirectory(atPath: folder.path("run"))
        for name in [
            "metrics.jsonl", "checkpoints/last.safetensors", "checkpoints/best.safetensors",
        ] {
            #expect(names.contains(name))
        }
        #expect(names.filter { $0.hasPrefix("pictures/0-step-") }.count == 20)
        #expect(names.contains { $0.hasPrefix("events.out.tfevents.") })
        let all = try lines(folder)
        #expect(all.filter { $0["loss"] != nil }.count == 200)
        #expect(all.filter { $0["validation"] != nil }.count == 20)
        #expect(seen.last?.step == 200)
        #expect(seen.last?.remainingSeconds == 0)
        #expect((seen.last?.samplesPerSecond ?? 0) > 0)
    }

    @Test(
        "stopped anywhere and resumed, it ends with the same weights to the bit",
        arguments: [1, 10, 33])
    func resume(pause: Int) throws {
        let (whole, parts) = (try TemporaryFolder(), try TemporaryFolder())
        let unbroken = LinearStep(inputs: 3)
        try train(plan(50), in: whole, unbroken)
        var first = plan(50)
        first.pauseAt = pause
        #expect(try train(first, in: parts, LinearStep(inputs: 3)).end == .paused)
        // What a run that was killed later may have written since its checkpoint.
        let log = parts.path("run/metrics.jsonl")
        let text = try String(contentsOfFile: log, encoding: .utf8)
        let later = text + "{\"step\":\(pause + 1),\"loss\":9}\n{\"step\":"
        try later.write(toFile: log, atomically: true, encoding: .utf8)
        let resumed = LinearStep(inputs: 3)
        let summary = try train(plan(50), in: parts, resumed, existing: .resume)
        #expect(summary.end == .finished)
        for name in unbroken.parameterNames {
            #expect(unbroken.inner.values(name) == resumed.inner.values(name))
        }
        #expect(
            unbroken.withStatistic("mean") { $0[0] } == resumed.withStatistic("mean") { $0[0] })
        for name in ["last", "best"] {
            let path = "run/checkpoints/\(name).safetensors"
            #expect(
                try Data(contentsOf: URL(fileURLWithPath: whole.path(path)))
                    == Data(contentsOf: URL(fileURLWithPath: parts.path(path))))
        }
        #expect(
            try Data(contentsOf: URL(fileURLWithPath: whole.path("run/best.onnx")))
                == Data(contentsOf: URL(fileURLWithPath: parts.path("run/best.onnx"))))
        func losses(_ folder: TemporaryFolder) throws -> [Double?] {
            try lines(folder).map { $0["loss"] as? Double }
        }
        #expect(try losses(whole) == losses(parts))
    }

    @Test("a loss that is no number stops it, with the batch saved and the step named")
    func broken() throws {
        let folder = try TemporaryFolder()
        let step = LinearStep(inputs: 3)
        step.breaksAt = 9
        let error = #expect(throws: FathomError.self) { try train(plan(50), in: folder, step) }
        #expect(error?.subject == "step 5")
        #expect(error?.cause.contains("broken-step-00000005") == true)
        let saved = try NumpyFile.read(folder.path("run/broken-step-00000005/image.npy"))
        let batches = NumberedBatches()
        batches.seek(to: 8)
        #expect(saved.values == batches.next()["image"]?.values)
        let state = try #require(try RunFolder(path: folder.path("run")).lastCheckpoint())
        #expect(try state.number("step") == 4)
        #expect(state.tensors.values.allSatisfy { $0.values.allSatisfy(\.isFinite) })
    }

    @Test("a validation that gets no better ends it early")
    func patience() throws {
        final class Worse: Validation {
            var count = 0.0
            func judge(_ weights: NetworkWeights) -> ValidationResult {
                count += 1
                return ValidationResult(metrics: ["absRel": count == 2 ? 0.5 : count])
            }
        }
        let folder = try TemporaryFolder()
        let run = RunFolder(path: folder.path("run"))
        try run.prepare(.refuse)
        var plan = plan(100)
        plan.patience = 3
        let step = LinearStep(inputs: 3)
        let trainer = Trainer(
            plan, step: step, parameters: step.inner.infos, batches: NumberedBatches(), folder: run)
        trainer.validation = Worse()
        let summary = try trainer.run()
        #expect(summary.end == .stoppedEarly)
        #expect(summary.step == 50)
        #expect(summary.bestStep == 20)
        #expect(summary.bestMetrics == ["absRel": 0.5])
    }

    @Test("an interruption ends it with a checkpoint")
    func interrupted() throws {
        let folder = try TemporaryFolder()
        let run = RunFolder(path: folder.path("run"))
        try run.prepare(.refuse)
        let cancellation = Cancellation()
        let step = LinearStep(inputs: 3)
        var plan = plan(100)
        plan.checkpointMinutes = 5
        let trainer = Trainer(
            plan, step: step, parameters: step.inner.infos, batches: NumberedBatches(), folder: run,
            cancellation: cancellation)
        trainer.report = { if $0.step == 7 { cancellation.cancel() } }
        #expect(try trainer.run().end == .interrupted)
        #expect(try run.lastCheckpoint()?.number("step") == 7)
    }

    @Test("batches are dumped as they are learnt from")
    func dump() throws {
        let folder = try TemporaryFolder()
        var plan = plan(2)
        plan.dumpFolder = folder.path("dump")
        try train(plan, in: folder, LinearStep(inputs: 3))
        let batches = NumberedBatches()
        for number in 0..<4 {
            let batch = batches.next()
            for name in ["image", "target"] {
                let read = try NumpyFile.read(
                    folder.path("dump/batch-0000000\(number)/\(name).npy"))
                #expect(read.values == batch[name]?.values)
                #expect(read.shape == batch[name]?.shape)
            }
        }
    }

    @Test(
        "a run that is there is not overwritten unless that is asked for, and nothing else ever is")
    func overwriting() throws {
        let folder = try TemporaryFolder()
        try train(plan(5), in: folder, LinearStep(inputs: 3))
        try folder.write("run/notes.txt", Data("mine".utf8))
        let error = #expect(throws: FathomError.self) {
            try train(plan(5), in: folder, LinearStep(inputs: 3))
        }
        #expect(error?.code == .usage)
        #expect(error?.remedy.contains("--resume") == true)
        try train(plan(5), in: folder, LinearStep(inputs: 3), existing: .overwrite)
        #expect(try lines(folder).filter { $0["loss"] != nil }.count == 5)
        #expect(FileManager.default.fileExists(atPath: folder.path("run/notes.txt")))
    }

    @Test("a picture has input, prediction and truth side by side, and gray where nothing is known")
    func picture() {
        let plane = Tensor(shape: [2, 2], values: [0, 1, 2, 3])
        let picture = ValidationPicture(
            name: "a", input: Tensor(shape: [3, 2, 2], values: [Float](repeating: 1, count: 12)),
            prediction: plane, truth: plane, valid: Tensor(shape: [2, 2], values: [1, 1, 0, 1]),
            unit: .inverseDepth)
        let sheet = picture.sheet
        #expect(sheet.shape == [3, 2, 6])
        let values = sheet.values
        #expect(values[0...1] == [1, 1])
        #expect(values[6 + 4] == 0.5)
        // Near is bright: the green of the largest inverse depth is above that of the smallest.
        #expect(values[12 + 6 + 3] > values[12 + 2])
    }
}
