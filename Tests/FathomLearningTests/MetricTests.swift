import FathomCore
import FathomDepth
import FathomLearning
import Testing

/// Every metric against NumPy, SciPy and scikit-image (Scripts/record_metrics.py).
struct MetricTests {
    private let recorded: RecordedMetrics

    init() throws { recorded = try RecordedMetrics.read() }

    private func equal(
        _ a: Double?, _ b: Double, _ what: String, within tolerance: Double = 1e-5,
        at location: SourceLocation = #_sourceLocation
    ) {
        let difference = abs((a ?? .nan) - b)
        #expect(
            difference <= tolerance * max(abs(b), 1e-3), "\(what): \(a ?? .nan) for \(b)",
            sourceLocation: location)
    }

    @Test func errorsOfAlignedDepthAreThoseOfTheDefinitions() throws {
        #expect(recorded.pictures.count == 5)
        for item in recorded.pictures {
            var settings = JudgingSettings()
            settings.cap = recorded.cap
            let kind = try #require(DepthKind(rawValue: item.kind))
            let alignment = try #require(DepthAlignment(rawValue: item.alignment))
            let judge = PictureJudge(settings: settings, alignment: alignment)
            let score = try #require(
                try judge.score(
                    DepthPrediction(
                        width: item.width, height: item.height, values: item.prediction, kind: kind),
                    truth: Tensor(
                        shape: [recorded.height, recorded.width], values: item.truth), seed: 0))
            #expect(score.pixels == item.pixels)
            #expect(item.results.count == 11)
            for (name, value) in item.results {
                let metric = try #require(Metric(rawValue: name))
                equal(score.metrics[metric], value, "\(name) of '\(item.name)'")
            }
        }
    }

    @Test func similarityIsThatOfScikitImageOverWindowsOfKnownTruth() {
        for item in recorded.similarity {
            func mean(_ counts: [Bool]) -> Double? {
                StructuralSimilarity.mean(
                    item.a, item.b, counts: counts, width: recorded.width,
                    height: recorded.height, dataRange: recorded.cap)
            }
            equal(mean(item.a.map { _ in true }), item.whole, "whole", within: 1e-9)
            equal(mean(item.mask.map { $0 == 1 }), item.masked, "masked", within: 1e-9)
        }
    }

    @Test func similarityNeedsAWindowOfKnownTruth() {
        let map = [Float](repeating: 1, count: 144)
        var counts = [Bool](repeating: true, count: 144)
        let whole = StructuralSimilarity.mean(
            map, map, counts: counts, width: 12, height: 12, dataRange: 10)
        #expect(whole == 1)
        counts[5 * 12 + 5] = false
        let none = StructuralSimilarity.mean(
            map, map, counts: counts, width: 12, height: 12, dataRange: 10)
        #expect(none == nil)
    }

    @Test func boundaryF1IsThatOfTheDefinition() {
        #expect(recorded.boundary.count == 3)
        for item in recorded.boundary {
            let f1 = BoundaryAccuracy.f1(
                prediction: item.prediction, truth: item.truth,
                counts: item.truth.map { _ in true }, width: recorded.width,
                height: recorded.height)
            equal(f1, item.f1, "boundary F1")
        }
    }

    @Test func orderIsJudgedAsRecorded() {
        let pairs = stride(from: 0, to: recorded.ordinal.pairs.count, by: 2).map {
            (recorded.ordinal.pairs[$0], recorded.ordinal.pairs[$0 + 1])
        }
        let share = OrdinalAccuracy.share(
            nearness: recorded.ordinal.nearness, truths: recorded.ordinal.truth, drawn: pairs)
        equal(share, recorded.ordinal.share, "ordinal", within: 1e-12)
    }

    @Test func orderOfTruthIsRightItsReverseWrongAndEqualValuesHalf() {
        let truths = (1...50).map(Double.init)
        func share(_ nearness: [Float]) -> Double? {
            OrdinalAccuracy.share(nearness: nearness, truths: truths, seed: 3)
        }
        #expect(share(truths.map { Float(1 / $0) }) == 1)
        #expect(share(truths.map { Float($0) }) == 0)
        #expect(share(truths.map { _ in 1 }) == 0.5)
        let flat = OrdinalAccuracy.share(
            nearness: [1, 2, 3], truths: [1, 1.1, 1.15], seed: 3)
        #expect(flat == nil)
    }

    @Test func warpingErrorIsThatOfTheDefinition() {
        let item = recorded.warp
        let shape: Shape = [3, recorded.height, recorded.width]
        let opw = TemporalErrors.opw(
            item.first, item.second,
            pictures: (
                Tensor(shape: shape, values: item.before), Tensor(shape: shape, values: item.after)
            ),
            flow: Tensor(
                shape: [2, recorded.height, recorded.width], values: item.flow),
            width: recorded.width, height: recorded.height)
        equal(opw, item.opw, "opw")
    }

    @Test func carriedDepthErrsAsRecorded() throws {
        let item = recorded.carry
        let camera = try CameraIntrinsics(
            width: recorded.width, height: recorded.height, fx: item.fx, fy: item.fy, cx: item.cx,
            cy: item.cy)
        let error = TemporalErrors.tae(
            item.first, item.second, camera: camera, pose: item.pose, otherPose: item.otherPose)
        equal(error, item.error, "tae")
    }

    @Test func aStillCameraBeforeAStillSceneHasNoTemporalError() throws {
        let camera = try CameraIntrinsics(
            width: 8, height: 6, fx: 7, fy: 7, cx: 3.5, cy: 2.5)
        let pose: [Double] = [1, 0, 0, 2, 0, 1, 0, 3, 0, 0, 1, 4, 0, 0, 0, 1]
        let depth = (0..<48).map { 1 + Float($0) }
        let same = TemporalErrors.tae(depth, depth, camera: camera, pose: pose, otherPose: pose)
        #expect(same == 0)
        var away = pose
        away[3] += 1000
        let apart = TemporalErrors.tae(depth, depth, camera: camera, pose: pose, otherPose: away)
        #expect(apart == nil)
    }

    @Test func oneFitForAClipIsThatOfAGeneralSolver() throws {
        var settings = JudgingSettings()
        settings.cap = recorded.cap
        let judge = PictureJudge(settings: settings, alignment: .clip)
        var fit = LeastSquaresFit()
        for frame in recorded.clip.frames {
            try judge.add(
                DepthPrediction(
                    width: recorded.width, height: recorded.height, values: frame.prediction,
                    kind: .inverseDepth),
                truth: Tensor(shape: [recorded.height, recorded.width], values: frame.truth),
                to: &fit)
        }
        equal(fit.scale, recorded.clip.scale, "scale", within: 1e-6)
        equal(fit.shift, recorded.clip.shift, "shift", within: 1e-6)
    }

    @Test func cropsAreThoseOfThePublications() throws {
        let garg = try DepthCrop.garg.area(width: 1242, height: 375)
        #expect(garg.rows == 153..<371 && garg.columns == 44..<1197)
        let eigen = try DepthCrop.eigen.area(width: 1242, height: 375)
        #expect(eigen.rows == 124..<342 && eigen.columns == 44..<1197)
        let benchmark = try DepthCrop.kittiBenchmark.area(width: 1242, height: 375)
        #expect(benchmark.rows == 23..<375 && benchmark.columns == 13..<1229)
        let nyu = try DepthCrop.nyuEigen.area(width: 640, height: 480)
        #expect(nyu.rows == 45..<471 && nyu.columns == 41..<601)
        let error = #expect(throws: FathomError.self) {
            _ = try DepthCrop.nyuEigen.area(width: 304, height: 228)
        }
        #expect(error?.code == .usage)
    }

    @Test func protocolsAreNamedSetsOfTheOtherOptions() {
        let kitti = JudgingProtocol.kittiEigen.settings
        #expect(kitti.crop == .garg && kitti.cap == 80)
        #expect(kitti.alignment(for: .inverseDepth) == .median)
        #expect(kitti.alignment(for: .metres) == DepthAlignment.none)
        let benchmark = JudgingProtocol.kittiEigenBenchmark.settings
        #expect(benchmark.crop == DepthCrop.none && benchmark.cap == 80)
        let nyu = JudgingProtocol.nyuEigen.settings
        #expect(nyu.crop == .nyuEigen && nyu.cap == 10)
        #expect(JudgingProtocol.midas.settings.alignment(for: .inverseDepth) == .leastSquares)
        #expect(JudgingProtocol.video.settings.alignment(for: .inverseDepth) == .clip)
        var changed = kitti
        changed.alignment = .leastSquares
        #expect(changed.alignment(for: .inverseDepth) == .leastSquares)
    }
}
