import FathomCore
import FathomLearning
import FathomMedia
import Foundation
import TestSupport
import Testing

@Suite struct VideoFramesTests {
    private static let sample = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Samples/media/drive.mp4").path

    private func frames(in folder: TemporaryFolder) throws -> VideoFrames.Result {
        var export = VideoFrames([Self.sample], folder: folder.path("set"), fieldOfView: 90)
        export.width = 160
        export.clipSeconds = 0.5
        for (key, value) in [("fps", "10"), ("duration", "1.2")] {
            try export.selection.set(key, value)
        }
        return try export.run()
    }

    @Test(
        "a recording becomes pictures of one width with their camera, in clips of the length asked for"
    )
    func cut() throws {
        let folder = try TemporaryFolder()
        let result = try frames(in: folder)
        #expect(result.pictures == 12 && result.clips == 3)
        let dataset = try FolderDataset(list: result.list, hasDepth: false)
        let sample = try dataset.sample(4)
        #expect(sample.picture.shape[2] == 160 && sample.depth.values.allSatisfy { $0 == 0 })
        // 90 degrees: the focal length is half the width.
        #expect(abs((sample.intrinsics?.fx ?? 0) - 80) < 1e-6)
        #expect(dataset.neighbour(of: 0, by: 1) == 1 && dataset.neighbour(of: 4, by: 1) == nil)
        #expect(throws: FathomError.self) { try frames(in: folder) }
    }

    @Test(
        "without 'truth: none' pictures without depth are an error, and with it a loss that needs depth is"
    )
    func depthIsMissing() throws {
        let folder = try TemporaryFolder()
        let list = try frames(in: folder).list
        let error = #expect(throws: FathomError.self) {
            try FolderDataset(list: list).glance(0)
        }
        #expect(error?.remedy.contains("truth: none") == true)
        func configuration(_ loss: String) throws -> TrainingConfiguration {
            let text = """
                name: own
                network: {kind: plain, layers: 1, width: 0.125}
                data: {kind: folder, root: \(list), truth: none, neighbours: true, size: 32x24, split: {by: sample}}
                loss: [{kind: \(loss)}]
                optimizer: {kind: adam, rate: 1e-3}
                batchSize: 2
                steps: 2
                output: \(folder.path("run"))
                """
            let path = try folder.write("own.yaml", Data(text.utf8))
            return try TrainingConfiguration(try ConfigurationDocument(file: path).section())
        }
        let refused = #expect(throws: FathomError.self) { try configuration("l1") }
        #expect(refused?.cause.contains("truth: none") == true)
        #expect(try TrainingAssembly(configuration("photometric")).data.count(.train) > 0)
    }

    @Test("a network learns from a recording without depth, and is judged only where there is some")
    func train() throws {
        let folder = try TemporaryFolder()
        let list = try frames(in: folder).list
        let text = """
            name: own
            network: {kind: plain, layers: 1, width: 0.125}
            data: {kind: folder, root: \(list), truth: none, neighbours: true, size: 32x24, split: {by: sample}}
            loss: [{kind: photometric}, {kind: smoothness, weight: 0.001}]
            optimizer: {kind: adam, rate: 1e-3}
            batchSize: 2
            steps: 3
            validation: {every: 3, pictures: 1}
            output: \(folder.path("run"))
            """
        let path = try folder.write("own.yaml", Data(text.utf8))
        let summary = try TrainingJob(try ConfigurationDocument(file: path)).run()
        #expect(summary.end == .finished)
        #expect(FileManager.default.fileExists(atPath: folder.path("run/best.onnx")))
        #expect(!FileManager.default.fileExists(atPath: folder.path("run/report.html")))
        var evaluation = EvaluationJob(dataset: folder.path("run/config.yaml"))
        evaluation.judged = folder.path("run/best.onnx")
        let error = #expect(throws: FathomError.self) { try evaluation.run() }
        #expect(error?.cause.contains("truth: none") == true)
    }
}
