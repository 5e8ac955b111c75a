import FathomCore
import FathomDepth
import FathomLearning
import Testing

/// Data sets judged as a whole.
struct EvaluationTests {
    /// Pictures in memory: a slope whose depth is known, in clips.
    private struct Slopes: DepthDataset {
        var name = "slopes"
        var count = 6
        var broken: Int?
        var withPoses = false
        func scene(_ index: Int) -> String { index < 4 ? "a" : "b" }
        func sampleName(_ index: Int) -> String { "slope\(index)" }
        func sample(_ index: Int) throws(FathomError) -> DepthSample {
            if index == broken {
                throw FathomError(operation: "read", subject: "slope", cause: "it is torn")
            }
            var sample = DepthSample(
                name: sampleName(index), scene: scene(index),
                picture: Tensor(
                    shape: [3, 16, 20], values: [Float](repeating: 0.5, count: 960)),
                depth: Tensor(
                    shape: [16, 20], values: (0..<320).map { 2 + Float($0) / 100 + Float(index) }))
            if withPoses {
                sample.intrinsics = try CameraIntrinsics(
                    width: 20, height: 16, fx: 20, fy: 20, cx: 10, cy: 8)
                sample.pose = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
                sample.flow = Tensor(shape: [2, 16, 20])
            }
            return sample
        }
    }

    /// The truth itself, times a factor that grows from picture to picture.
    private final class Oracle: DepthPredictor {
        let kind: DepthKind
        let growth: Float
        private(set) var clips = 0
        private var made = 0
        var description: PredictorDescription { .init(name: "oracle", source: "baseline") }

        init(_ kind: DepthKind, growth: Float = 0) {
            self.kind = kind
            self.growth = growth
        }

        func beginClip() { clips += 1 }

        func predict(_ sample: DepthSample) throws(FathomError) -> DepthPrediction {
            made += 1
            let factor = 1 + growth * Float(made)
            return DepthPrediction(
                width: 20, height: 16,
                values: sample.depth.values.map {
                    kind == .inverseDepth ? factor / $0 : factor * $0
                }, kind: kind)
        }
    }

    @Test func theTruthScoresPerfectly() throws {
        let oracle = Oracle(.metres)
        let result = try Evaluation(dataset: Slopes(), predictor: oracle).run()
        #expect(result.alignment == DepthAlignment.none)
        #expect(result.pictures.count == 6 && result.pixels == 6 * 320)
        #expect(result.metrics[.absRel] ?? 1 < 1e-6)
        #expect(result.metrics[.delta1] == 1)
        #expect(result.metrics[.ordinal] == 1)
        #expect(result.metrics[.ssim] ?? 0 > 0.999_999)
        #expect(result.metrics[.opw] == nil && result.metrics[.tae] == nil)
        #expect(result.notes[.tae] == "no clip with poses and intrinsics")
        #expect(oracle.clips == 2)
    }

    @Test func aScaleThatDriftsCostsOneFitForAClipOnly() throws {
        func absRel(_ alignment: DepthAlignment) throws -> Double {
            var settings = JudgingSettings()
            settings.alignment = alignment
            let result = try Evaluation(
                dataset: Slopes(), predictor: Oracle(.inverseDepth, growth: 0.2),
                settings: settings
            ).run()
            return try #require(result.metrics[.absRel])
        }
        #expect(try absRel(.leastSquares) < 1e-5)
        #expect(try absRel(.median) < 1e-5)
        #expect(try absRel(.clip) > 0.02)
    }

    @Test func medianAlignmentReportsItsRatios() throws {
        var settings = JudgingSettings()
        settings.alignment = .median
        let steady = try Evaluation(
            dataset: Slopes(), predictor: Oracle(.depth), settings: settings
        ).run()
        let drifting = try Evaluation(
            dataset: Slopes(), predictor: Oracle(.depth, growth: 0.5), settings: settings
        ).run()
        #expect(abs((steady.scaling?.median ?? 0) - 1) < 1e-5)
        #expect(steady.scaling?.deviation ?? 1 < 1e-5)
        #expect(drifting.scaling?.deviation ?? 0 > 0.1)
    }

    @Test func clipsWithPosesAndFlowHaveTemporalErrors() throws {
        // The slopes move away by a metre a picture, which a still camera does not explain.
        let result = try Evaluation(
            dataset: Slopes(withPoses: true), predictor: Oracle(.metres)
        ).run()
        #expect(result.metrics[.tae] ?? 0 > 5)
        #expect(result.metrics[.opw] ?? 0 > 0)
    }

    @Test func aBrokenPictureIsSkippedCountedAndListed() throws {
        let result = try Evaluation(
            dataset: Slopes(broken: 2), predictor: Oracle(.metres)
        ).run()
        #expect(result.pictures.count == 5)
        #expect(result.skipped.map(\.name) == ["slope2"])
        #expect(result.skipped.first?.reason.contains("it is torn") == true)
    }

    @Test func numbersDoNotDependOnThreads() throws {
        func run(_ threads: Int) throws -> [Metric: Double] {
            try Evaluation(
                dataset: Slopes(), predictor: Oracle(.inverseDepth, growth: 0.1),
                pool: WorkerPool(threads: threads)
            ).run().metrics
        }
        #expect(try run(1) == run(4))
    }

    @Test func nothingToJudgeIsAnError() throws {
        var settings = JudgingSettings()
        settings.cap = 1.5
        let error = #expect(throws: FathomError.self) {
            try Evaluation(
                dataset: Slopes(), predictor: Oracle(.metres), settings: settings
            ).run()
        }
        #expect(error?.cause.contains("no picture of 6 could be judged") == true)
    }

    @Test func valuesThatAreNotDepthCountAsFarAndAreCounted() throws {
        let prediction = DepthPrediction(
            width: 4, height: 1, values: [2, .nan, 0, -1], kind: .metres)
        #expect(prediction.unusable == 3)
        #expect(prediction.inverseDepth(width: 4, height: 1) == [0.5, 0, 0, 0])
    }
}
