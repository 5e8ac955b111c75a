import FathomCore
import FathomEngine
import FathomGraph
import FathomLearning
import Testing

/// Networks joined into one.
struct FusionTests {
    /// A network whose depth is a weighted sum of the picture's channels.
    private func network(_ weights: [Float], kind: String = "inverse-depth") throws -> Graph {
        var builder = GraphBuilder(name: "sum")
        let image = builder.input(
            "image", [.fixed(1), .fixed(3), .named("height"), .named("width")])
        let kernel = builder.initializer(
            "kernel", .floats(Tensor(shape: [1, 3, 1, 1], values: weights)))
        let depth = builder.node("Conv", [image, kernel], name: "depth")
        builder.output(depth, [.fixed(1), .fixed(1), .named("height"), .named("width")])
        var graph = try builder.finish()
        graph.metadata["fathom.mean"] = "0,0,0"
        graph.metadata["fathom.std"] = "1,1,1"
        graph.metadata["fathom.output"] = kind
        return graph
    }

    private let picture = Tensor(
        shape: [1, 3, 2, 4],
        values: (0..<24).map { 0.1 + Float($0 * 7 % 11) / 10 })

    private func depth(_ graph: Graph) throws -> [Float] {
        let session = try Session(graph, inputShapes: ["image": [1, 3, 2, 4]])
        return try #require(try session.run(["image": picture])["depth"]).values
    }

    private func channel(_ index: Int) -> [Float] {
        Array(picture.values[index * 8..<index * 8 + 8])
    }

    private func scaled(_ values: [Float]) -> [Float] {
        let mean = values.reduce(0, +) / Float(values.count)
        return values.map { $0 / mean }
    }

    private func expectEqual(
        _ a: [Float], _ b: [Float], at location: SourceLocation = #_sourceLocation
    ) {
        #expect(a.count == b.count, sourceLocation: location)
        for (x, y) in zip(a, b) { #expect(abs(x - y) < 1e-5, sourceLocation: location) }
    }

    @Test func theMeanOfRelativeDepthsIsThatOfScaledOnes() throws {
        let joined = try ModelFusion(method: .mean).joined([
            network([1, 0, 0]), network([0, 5, 0]),
        ])
        let wanted = zip(scaled(channel(0)), scaled(channel(1))).map { ($0 + $1) / 2 }
        expectEqual(try depth(joined), wanted)
    }

    @Test func metresAreTakenAsTheyAreAndTheMedianIsTheMiddleOne() throws {
        let joined = try ModelFusion(method: .median).joined([
            network([1, 0, 0], kind: "metres"), network([0, 1, 0], kind: "metres"),
            network([0, 0, 1], kind: "metres"),
        ])
        let wanted = (0..<8).map { place in
            [channel(0)[place], channel(1)[place], channel(2)[place]].sorted()[1]
        }
        expectEqual(try depth(joined), wanted)
    }

    @Test func confidenceLeavesMembersThatAgreeAsTheyAre() throws {
        let joined = try ModelFusion(method: .weighted).joined([
            network([1, 0, 0]), network([2, 0, 0]), network([3, 0, 0]),
        ])
        expectEqual(try depth(joined), scaled(channel(0)))
    }

    @Test func aNetworkThatSeesThePictureMirroredGivesItsMapMirroredBack() throws {
        let joined = try ModelFusion(method: .mean, flip: true).joined([network([0, 0, 1])])
        expectEqual(try depth(joined), channel(2))
    }

    @Test func membersGetThePictureInTheirOwnNormalization() throws {
        var other = try network([0, 1, 0], kind: "metres")
        other.metadata["fathom.mean"] = "0,0.5,0"
        other.metadata["fathom.std"] = "1,0.25,1"
        let joined = try ModelFusion(method: .mean).joined([
            network([0, 1, 0], kind: "metres"), other,
        ])
        expectEqual(try depth(joined), channel(1).map { ($0 + ($0 - 0.5) / 0.25) / 2 })
    }

    @Test func networksOfDifferentKindsAreRefused() throws {
        let members = [try network([1, 0, 0]), try network([1, 0, 0], kind: "metres")]
        let error = #expect(throws: FathomError.self) {
            try ModelFusion(method: .mean).joined(members)
        }
        #expect(error?.cause.contains("metres") == true)
    }

    @Test func aJoinedNetworkIsAFileThatReadsBackTheSame() throws {
        let joined = try ModelFusion(method: .weighted, flip: true).joined([
            network([1, 0, 0]), network([0, 1, 1]),
        ])
        let bytes = try joined.onnxBytes()
        let again = try bytes.withUnsafeBytes { try Graph(onnx: $0, name: "fused") }
        expectEqual(try depth(again), try depth(joined))
    }
}
